"""`reelect light export`: facts in one file that proves them without a network."""

from pathlib import Path

import trio
from cyclopts import App

from consensus.kinds import JsonObject
from consensus.light_answer import LightProof, encode_proof
from node.commands import light_asked
from node.commands.arguments import JsonFlag
from node.commands.light_asked import Asked
from node.commands.light_forms import print_sections
from node.commands.light_options import NO_OPTIONS, LightOptions, Session, open_session
from node.commands.light_query import final_of
from node.failure import Refused
from node.files import write_new
from node.output import print_json

export = App(
    name="export",
    help="Write a fact with all that proves it into one file, for `reelect light verify`.",
)


@export.command
async def account(
    address: str, *, output: Path, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Write what an account holds of the native asset, and its next nonce.

    Parameters
    ----------
    address
        The account's address, or its name in the local network or the keystore.
    output
        The file to make.
    """
    session = open_session(options)
    await _write(session, light_asked.account(session, address), output, as_json=json)


@export.command
async def video(
    cid: str, *, output: Path, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Write a video's record, or that it is not registered.

    Parameters
    ----------
    cid
        The video's content id.
    output
        The file to make.
    """
    asked = light_asked.video(cid)
    await _write(open_session(options), asked, output, as_json=json)


@export.command
async def row(
    table: str,
    /,
    *key: str,
    output: Path,
    options: LightOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Write any row of the state, or that there is none.

    Parameters
    ----------
    table
        The table's name, such as token.balance.
    key
        All parts of the row's key, in order.
    output
        The file to make.
    """
    asked = light_asked.row(table, key)
    await _write(open_session(options), asked, output, as_json=json)


@export.command
async def transaction(
    identity: str, /, *, output: Path, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Write in which final block a transaction is, and its receipt.

    Parameters
    ----------
    identity
        The transaction's id.
    output
        The file to make.
    """
    session = open_session(options)
    await _write(session, light_asked.transaction(session, identity), output, as_json=json)


@export.command
async def event(
    height: str,
    index: str,
    *,
    output: Path,
    options: LightOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Write an event of a final block.

    Parameters
    ----------
    height
        The block's height.
    index
        The event's number in the block; the first is 0.
    output
        The file to make.
    """
    session = open_session(options)
    await _write(session, light_asked.event(session, height, index), output, as_json=json)


@export.command
async def block(
    height: str, *, output: Path, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Write the header of a final block of any age.

    Parameters
    ----------
    height
        Its height.
    output
        The file to make.
    """
    session = open_session(options)
    await _write(session, light_asked.block(session, height), output, as_json=json)


@export.command
async def producers(
    *, output: Path, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Write the producer set.

    Parameters
    ----------
    output
        The file to make.
    """
    await _write(open_session(options), light_asked.producers(), output, as_json=json)


@export.command
async def parameter(
    name: str, *, output: Path, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Write a parameter's value.

    Parameters
    ----------
    name
        Its name, such as fee.base_gas.
    output
        The file to make.
    """
    asked = light_asked.parameter(name)
    await _write(open_session(options), asked, output, as_json=json)


@export.command
async def supply(
    asset: str | None = None,
    *,
    output: Path,
    options: LightOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Write how much there is of an asset.

    Parameters
    ----------
    asset
        Its symbol; else the native asset.
    output
        The file to make.
    """
    session = open_session(options)
    await _write(session, light_asked.supply(session, asset), output, as_json=json)


async def _write(session: Session, asked: Asked, output: Path, *, as_json: bool) -> None:
    """Ask for a fact with all that proves it from the anchor on, and write it."""
    await trio.to_thread.run_sync(_refuse_to_overwrite, output)
    async with session.client(from_anchor=True) as client:
        proved = await asked.prove(client)
    session.keep(proved)
    anchor = session.saved.anchor
    data = encode_proof(LightProof(anchor if anchor.header.height else None, proved.answer))
    write_new(output, data)
    final = final_of(session, proved)
    written: JsonObject = {"file": str(output), "size_bytes": len(data)}
    if as_json:
        print_json({**asked.summary(proved.facts), "final": final, **written})
    else:
        print_sections([*asked.sections(proved.facts), final, written])


def _refuse_to_overwrite(output: Path) -> None:
    if output.exists():
        raise Refused("exists already and is not overwritten", field=str(output))
