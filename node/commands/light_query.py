"""`reelect light query`: facts that the answer itself proves."""

from cyclopts import App

from consensus.kinds import JsonObject
from node.commands import light_asked
from node.commands.arguments import JsonFlag
from node.commands.light_asked import Asked
from node.commands.light_forms import final_form, print_sections
from node.commands.light_options import (
    NO_OPTIONS,
    LightOptions,
    Session,
    open_session,
    warn_if_old,
)
from node.light.client import Proved
from node.output import print_json

query = App(name="query", help="Print facts about the chain that the answer itself proves.")


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
    session = open_session(options)
    await _show(session, light_asked.account(session, address), as_json=json)


@query.command
async def video(cid: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """Print a video's record, or that it is not registered.

    Parameters
    ----------
    cid
        The video's content id.
    """
    asked = light_asked.video(cid)
    await _show(open_session(options), asked, as_json=json)


@query.command
async def name(name: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """Print the newest version of the video that a name in a space stands for.

    Parameters
    ----------
    name
        Written space/name.
    """
    asked = light_asked.name(name)
    await _show(open_session(options), asked, as_json=json)


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
    asked = light_asked.row(table, key)
    await _show(open_session(options), asked, as_json=json)


@query.command
async def transaction(
    identity: str, /, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Print in which final block a transaction is, and its receipt.

    Parameters
    ----------
    identity
        The transaction's id.
    """
    session = open_session(options)
    await _show(session, light_asked.transaction(session, identity), as_json=json)


@query.command
async def event(
    height: str, index: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Print an event of a final block. That it is in this block is proved, its number is not.

    Parameters
    ----------
    height
        The block's height.
    index
        The event's number in the block; the first is 0.
    """
    session = open_session(options)
    await _show(session, light_asked.event(session, height, index), as_json=json)


@query.command
async def block(height: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """Print the header of a final block of any age.

    Parameters
    ----------
    height
        Its height.
    """
    session = open_session(options)
    await _show(session, light_asked.block(session, height), as_json=json)


@query.command
async def producers(*, options: LightOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """Print the producer set."""
    await _show(open_session(options), light_asked.producers(), as_json=json)


@query.command
async def parameter(
    name: str, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Print a parameter's value.

    Parameters
    ----------
    name
        Its name, such as fee.base_gas; docs/modules.md lists them.
    """
    asked = light_asked.parameter(name)
    await _show(open_session(options), asked, as_json=json)


@query.command
async def supply(
    asset: str | None = None, *, options: LightOptions = NO_OPTIONS, json: JsonFlag = False
) -> None:
    """Print how much there is of an asset: all that was ever minted, less what was burned.

    Parameters
    ----------
    asset
        Its symbol; else the native asset.
    """
    session = open_session(options)
    await _show(session, light_asked.supply(session, asset), as_json=json)


async def _show(session: Session, asked: Asked, *, as_json: bool) -> None:
    """Ask, and print what is proved."""
    async with session.client() as client:
        proved = await asked.prove(client)
    session.keep(proved)
    final = final_of(session, proved)
    warn_if_old(proved.state)
    if as_json:
        print_json({**asked.summary(proved.facts), "final": final})
    else:
        print_sections([*asked.sections(proved.facts), final])


def final_of(session: Session, proved: Proved) -> JsonObject:
    """The block that a proved fact holds after."""
    return final_form(proved.facts, proved.answer, session.saved.state.terms)
