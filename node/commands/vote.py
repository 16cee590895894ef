"""`reelect vote`: which producers an account approves with what it has bonded."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import parse_address
from consensus.errors import Invalid
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.stake import read_bond
from node.commands.standings import Standings, find_standing, read_standings
from node.failure import Refused, Usage
from node.query.chain_view import Finality
from vm.modules.stake import Approve

app = App(name="vote", help="Approve producers with the tokens that an account has bonded.")

Change = Callable[[set[bytes], set[bytes]], set[bytes]]


@app.command
async def add(
    *producers: str, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Approve these producers too, each with all that the account (--from) has bonded.

    Parameters
    ----------
    producers
        Their names or addresses, as `reelect producer list` shows them.
    """
    await _change(options, producers, set.union, as_json=json)


@app.command
async def remove(
    *producers: str, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Approve these producers no longer.

    Parameters
    ----------
    producers
        Their names or addresses.
    """
    await _change(options, producers, set.difference, as_json=json)


@app.command(name="set")
async def set_(
    *producers: str,
    nobody: Annotated[bool, Parameter(negative=())] = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Approve these producers and no others.

    Parameters
    ----------
    producers
        Their names or addresses.
    nobody
        Approve no producer any more.
    """
    if nobody and producers:
        raise Usage("name producers or --nobody, not both", field="--nobody")
    await _change(options, producers, lambda _, chosen: chosen, as_json=json, may_be_none=nobody)


async def _change(
    options: SendOptions,
    producers: Sequence[str],
    change: Change,
    *,
    as_json: bool,
    may_be_none: bool = False,
) -> None:
    if not producers and not may_be_none:
        raise Usage("name one producer or more", field="PRODUCERS")
    async with options.client() as client:
        found = await read_standings(client)
        bond = await read_bond(client, await options.sender(client), Finality.HEAD)
        now = set(() if bond is None else bond.approved)
        chosen = {await _find(client, found, options, text, now) for text in producers}
        approved = change(now, chosen)
        if bond is not None and approved == now:
            raise Refused("the account approves just these already", field="PRODUCERS")
        action = Approve(tuple(sorted(approved)))
        await send(client, options, [action], as_json=as_json)


async def _find(
    client: Client, found: Standings, options: SendOptions, text: str, now: Collection[bytes]
) -> bytes:
    """The producer of a name or address, or one that is approved and no producer any more."""
    try:
        return (await find_standing(client, found, options.section, text)).producer
    except Refused:
        with suppress(Invalid):
            if (account := parse_address(text)) in now:
                return account
        raise
