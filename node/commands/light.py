"""`reelect light`: ask any node, believe only what it proves from the genesis file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trio
from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.kinds import JsonObject
from genesis.file import MAX_GENESIS_BYTES, Genesis, parse_genesis
from node.client import Client
from node.clock import SlotClock
from node.commands.arguments import JsonFlag, argument, client_section, naming
from node.commands.asking import KnownAsset, find_account
from node.failure import Refused, TimedOut
from node.files import read_bounded
from node.light_answers import NOT_YET_FINAL
from node.light_client import Fact, LightClient
from node.output import print_fields, print_json, print_line, warn
from vm.modules.account import SENDERS, Sender
from vm.modules.chain import chain_constants
from vm.modules.content import VIDEOS
from vm.modules.tokens import BALANCES, Balance, asset_row
from vm.registry import REGISTRY

MAX_AGE_S = 120
ASK_AGAIN_S = 0.25

app = App(name="light", help="Ask any node and believe only what it proves.")
query = App(name="query", help="Print rows of the final state that the answer itself proves.")
app.command(query)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LightOptions:
    """Whom to ask, and what to believe without being told.

    Parameters
    ----------
    node
        API of the node to ask; else `client.node` of the configuration.
    genesis
        The genesis file, all that is trusted; else `client.genesis` of the configuration.
    timeout_s
        Seconds to wait until a block is final.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    """

    node: str | None = None
    genesis: Path | None = None
    timeout_s: float = 30.0
    config: Path | None = None


NO_OPTIONS = LightOptions()


@query.command
async def account(
    address: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Print what an account holds of the native asset, and its next nonce.

    Parameters
    ----------
    address
        The account's address, or its name in the local network or the keystore.
    """
    owner = find_account(client_section(options.config), address, "ADDRESS")
    genesis = _read_genesis(options)
    asset = chain_constants(genesis.state()).native_asset
    keys = (BALANCES.state_key(owner, asset), SENDERS.state_key(owner))
    facts = await _prove(options, genesis, keys)
    holding, sent = (fact.row for fact in facts)
    units = (holding or Balance(0).to_json())["amount"]
    nonce = (sent or Sender(0).to_json())["nonce"]
    finals = [_final(fact, genesis) for fact in facts]
    if json:
        rows = [_json(fact, final) for fact, final in zip(facts, finals, strict=True)]
        summary: JsonObject = {"asset": asset, "balance": units, "nonce": nonce, "proved": rows}
        print_json({"account": format_address(owner)} | summary)
        return
    # Nothing changes an asset's decimals after genesis.
    known = KnownAsset(asset, asset_row(genesis.state(), asset).decimals)
    holds = known.format(int(str(units)))
    print_fields({"account": format_address(owner), "holds": holds, "next nonce": nonce})
    for final in finals if finals[0] != finals[1] else finals[:1]:
        print_line("")
        print_fields(final)


@query.command
async def video(cid: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """Print a video's record, or that it is not registered.

    Parameters
    ----------
    cid
        The video's content id.
    """
    key = VIDEOS.state_key(argument("CID", parse_cid, cid))
    await _show_row(key, "not registered", options, as_json=json)


@query.command
async def row(
    table: str, /, *key: str, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Print any row of the state, or that there is none; docs/modules.md lists the tables.

    Parameters
    ----------
    table
        The table's name, such as token.balance.
    key
        All parts of the row's key, in order.
    """
    declared = argument("TABLE", REGISTRY.table_named, table)
    state_key = argument("KEY", lambda _: declared.state_key(*declared.key_from_text(key)), "")
    await _show_row(state_key, "no such row", options, as_json=json)


async def _show_row(key: bytes, absent: str, options: LightOptions, *, as_json: bool) -> None:
    genesis = _read_genesis(options)
    (fact,) = await _prove(options, genesis, [key])
    final = _final(fact, genesis)
    if as_json:
        print_json(_json(fact, final))
        return
    table = REGISTRY.table_of(key)
    print_fields({"table": table.name, **table.key_to_json(key)})
    print_line("")
    if fact.row is None:
        print_line(absent)
    elif fact.row:
        print_fields(fact.row)
    else:
        print_line("present, without fields")
    print_line("")
    print_fields(final)


def _read_genesis(options: LightOptions) -> Genesis:
    place = client_section(options.config, genesis=options.genesis).genesis
    with naming(place):
        return parse_genesis(read_bounded(place, MAX_GENESIS_BYTES))


async def _prove(options: LightOptions, genesis: Genesis, keys: Sequence[bytes]) -> list[Fact]:
    """The rows under the keys, as one node proves them; warns if they are old."""
    node = client_section(options.config, node=options.node).node
    async with Client(node) as http:

        async def ask(key: bytes) -> bytes:
            return await _answer(http, key, options.timeout_s)

        light = LightClient(genesis, node, ask)
        facts = [await light.prove(key) for key in keys]
    age_s = time.time() - _made_s(facts[-1], genesis)
    if age_s > MAX_AGE_S:
        warn(
            f"this was so {age_s:.0f} s ago; since then the network has made no block final, or "
            "the node does not show it: ask another node to be sure"
        )
    return facts


async def _answer(http: Client, key: bytes, timeout_s: float) -> bytes:
    """A node's answer, asked for again while no block is final; raises TimedOut."""
    deadline = trio.current_time() + timeout_s
    while True:
        try:
            return await http.light_answer(key)
        except Refused as refusal:
            if refusal.code != NOT_YET_FINAL:
                raise
            if trio.current_time() >= deadline:
                raise TimedOut(
                    f"the node at {http.base_url} proves nothing after {timeout_s:g} s: "
                    f"{refusal.message}",
                    code=NOT_YET_FINAL,
                ) from refusal
        await trio.sleep(ASK_AGAIN_S)


def _made_s(fact: Fact, genesis: Genesis) -> float:
    """When the slot began after whose block the fact holds: seconds since the Unix epoch."""
    constants = chain_constants(genesis.state())
    clock = SlotClock(constants.genesis_time_ms, constants.slot_ms)
    return clock.start_ms(fact.final.slot) / 1000


def _final(fact: Fact, genesis: Genesis) -> JsonObject:
    """The block that a fact holds after, and how many made it final."""
    made = datetime.fromtimestamp(_made_s(fact, genesis), UTC)
    return {
        "height": fact.final.height,
        "slot": fact.final.slot,
        "time": made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "block": str(fact.final_id),
        "signed": fact.signed,
        "producers": fact.producers,
    }


def _json(fact: Fact, final: JsonObject) -> JsonObject:
    table = REGISTRY.table_of(fact.key)
    key = table.key_to_json(fact.key)
    return {"table": table.name, "key": key, "row": fact.row, "final": final}
