"""`reelect load`: put a network under load, and see how much of it becomes final, and when."""

import dataclasses
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter, validators

from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from consensus.record import replace
from consensus.transaction import MAX_ACTIONS
from node.client import Client, Until
from node.commands.arguments import JsonFlag
from node.commands.asking import known_asset
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, draft
from node.failure import Usage
from node.load.driver import Driver
from node.load.offers import AMOUNT, MAX_OFFERS, Offer, Terms, make_offers
from node.load.outcome import Outcome
from node.output import live_line, print_fields, print_json, progress
from vm.modules.tokens import Transfer

PER_ACCOUNT_S = 8  # transfers a second of each account at most, so that a mempool takes them all
MIN_ACCOUNTS, MAX_ACCOUNTS = 8, 4_096
WAITING_GIFTS = 32  # transactions of the sender that wait at once
LASTING_BLOCKS = 100_000
TELL_EVERY = 1_000
FEE_MARGIN = 2  # the price of gas may rise so much


@dataclass(frozen=True, slots=True)
class _Funded:
    """New accounts that have enough for their offers, and what these have in common."""

    keys: Sequence[KeyPair]
    terms: Terms


async def load(
    *,
    tps: Annotated[float, Parameter(validator=validators.Number(gt=0, lte=100_000))] = 100,
    seconds: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=86_400))] = 30,
    drain_s: Annotated[float, Parameter(validator=validators.Number(gte=0, lte=3_600))] = 30,
    to: tuple[str, ...] = (),
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Send signed transfers between new accounts at a steady rate, and report how many are
    accepted and final, how long they take, and what is refused.

    All are signed before the first is sent, and each is sent when it is due, whatever has become of
    those before it. What a node is too busy for is offered again a second later. The account that
    sends (--from) pays for the new accounts, which are thrown away with what is left in them.

    Parameters
    ----------
    tps
        Transfers a second.
    seconds
        For how long.
    drain_s
        How long to wait afterwards for what was accepted to become final, in seconds.
    to
        APIs of other nodes that get their part of the transfers; can be repeated.
    """
    count = round(tps * seconds)
    if not 1 <= count <= MAX_OFFERS:
        raise Usage(f"{count} transfers are not 1 to {MAX_OFFERS}", field="--tps")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(options.client())
        clients = [client]
        for node in to:
            other = dataclasses.replace(options, node=node).client()
            clients.append(await stack.enter_async_context(other))
        slot_ms = (await client.status()).slot_ms
        funded = await _fund(client, options, count, tps)
        progress(f"signing {count} transfers")
        offers = _signed(funded, count, tps)
        driver = Driver(clients, offers, seconds)
        await driver.run(drain_s, lambda outcome: live_line(_so_far(outcome)))
    answer = driver.outcome.to_json(seconds, slot_ms)
    if json:
        print_json(answer)
    else:
        print_fields(_fields(answer))


async def _fund(client: Client, options: SendOptions, count: int, tps: float) -> _Funded:
    """Make accounts and give each what its transfers cost at most; raises Refused."""
    size = min(max(round(tps / PER_ACCOUNT_S), MIN_ACCOUNTS), MAX_ACCOUNTS, count)
    keys = [KeyPair.from_seed(os.urandom(32)) for _ in range(size)]
    asset = (await known_asset(client)).symbol
    trial = await draft(client, options, [Transfer(keys[0].public, asset, AMOUNT, "")])
    max_fee = FEE_MARGIN * trial.simulation.fee
    each = -(-count // size) * (max_fee + AMOUNT)
    gifts = [Transfer(key.public, asset, each, "") for key in keys]
    first = await draft(client, options, gifts[:MAX_ACTIONS])
    progress(f"funding {size} accounts")
    sent = b""
    for turn, start in enumerate(range(0, size, MAX_ACTIONS)):
        actions = tuple(gift.pack() for gift in gifts[start : start + MAX_ACTIONS])
        made = replace(first.transaction, nonce=first.transaction.nonce + turn, actions=actions)
        signed = made.signed(*options.wallet.enough(first.authorities))
        sent = await client.submit(signed.encode())
        if turn % WAITING_GIFTS == WAITING_GIFTS - 1:
            await client.wait(sent, Until.INCLUDED, options.timeout_s)
    await client.wait(sent, Until.FINAL, options.timeout_s)
    until_height = first.transaction.valid_until_height + LASTING_BLOCKS
    return _Funded(keys, Terms(first.transaction.chain, asset, max_fee, until_height))


def _signed(funded: _Funded, count: int, tps: float) -> list[Offer]:
    offers: list[Offer] = []
    for offer in make_offers(funded.terms, funded.keys, count, tps):
        offers.append(offer)
        if not len(offers) % TELL_EVERY:
            live_line(f"{len(offers)} of {count} transfers signed")
    return offers


def _so_far(outcome: Outcome) -> str:
    return (
        f"{outcome.accepted} of {outcome.offered} accepted, {outcome.final} final, "
        f"{outcome.refused.total()} refusals"
    )


def _fields(answer: JsonObject) -> JsonObject:
    """The outcome for people."""
    latency, refusals = answer["latency_ms"], answer["refusals"]
    if not isinstance(latency, dict) or not isinstance(refusals, dict):
        raise TypeError("the outcome has latencies and refusals")
    return {
        "offered": f"{answer['offered']} in {answer['seconds']:g} s",
        "accepted": answer["accepted"],
        "final": f"{answer['final']}, {answer['final_per_s']} a second while offered",
        "not final": answer["not_final"],
        "latency": ", ".join(f"{name} {value} ms" for name, value in latency.items()),
        "in slots": answer["finality_slots"],
        "refusals": ", ".join(f"{count} {code}" for code, count in refusals.items()) or "none",
    }
