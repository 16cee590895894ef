"""`reelect live`: rooms open on prepaid data packets; guests are invited and enter (T7)."""

from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import Json, JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    find_account,
    find_accounts,
    known_asset,
    own_account,
)
from node.commands.copied_state import copy_rows, no_rows
from node.commands.live_stream import stream
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.ranking_answers import RoomItem
from vm.declare import Action
from vm.modules.live import (
    GUESTS,
    HELD,
    SHOWS,
    BuyPackets,
    CloseRoom,
    Enter,
    Invite,
    OpenRoom,
    UpdateRoom,
)

Flag = Annotated[bool, Parameter(negative=())]

app = App(name="live", help="Live rooms: buy data packets, open a room, stream, invite and enter.")
app.command(stream)


async def _send(options: SendOptions, action: Action, *, as_json: bool) -> None:
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=as_json)


@app.command
async def buy(
    packets: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Buy live data packets, each of which serves one guest of one show. They do not expire, and
    cannot be sold back (`reelect param show live.packet_units` tells the price).

    Parameters
    ----------
    packets
        How many.
    """
    await _send(options, BuyPackets(packets), as_json=json)


@app.command(name="open")
async def open_(
    title: str,
    stream: str,
    *,
    invited_only: Flag = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Open your live room: you own a space, and hold enough data packets.

    Parameters
    ----------
    title
        What is on.
    stream
        Where players find it: a playlist's address (https://…/index.m3u8), or ipfs:// and its
        content id.
    invited_only
        Only who is invited may enter; else every attested or bonded person may.
    """
    await _send(options, OpenRoom(title, stream, not invited_only), as_json=json)


@app.command
async def update(
    title: str, stream: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give your open room another title and stream.

    Parameters
    ----------
    title
        What is on.
    stream
        Where players find it.
    """
    await _send(options, UpdateRoom(title, stream), as_json=json)


@app.command
async def close(
    *,
    peak: int | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Close your live room. What is left of its packets is kept for the next show.

    Parameters
    ----------
    peak
        How many watched at once at most, for the record.
    """
    await _send(options, CloseRoom(peak), as_json=json)


@app.command
async def invite(
    *accounts: str, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Invite accounts to the show in your open room.

    Parameters
    ----------
    accounts
        Their addresses, @handles or names, at most 64.
    """
    if not accounts:
        raise Usage("name whom to invite", field="ACCOUNTS")
    async with options.client() as client:
        found = await find_accounts(client, options.section, accounts, "ACCOUNTS")
        action = Invite(tuple(found))
        await send(client, options, [action], as_json=json)


@app.command
async def enter(
    owner: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Enter an open live room, and learn where its stream is. It is free with enough mana, and
    uses one of the room's data packets.

    Parameters
    ----------
    owner
        Address, @handle or name of the room's owner.
    """
    async with options.client() as client:
        who = await find_account(client, options.section, owner, "OWNER")
        answer = await client.live(who, finality=Finality.HEAD)
        about: JsonObject = {}
        if answer.item is not None:
            about["stream"] = answer.item.room.stream
        await send(client, options, [Enter(who)], as_json=json, about=about)


@app.command(name="list")
async def list_(
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the open live rooms.

    Parameters
    ----------
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        items = [item async for item in client.rooms(finality=finality)]
    if json:
        found: list[Json] = [item.to_json() for item in items]
        print_json({"rooms": found})
        return
    if not items:
        print_line("No live room is open; `reelect live open` opens yours.")
        return
    print_table(
        ("OWNER", "TITLE", "FOR", "INVITED", "ENTERED", "POINTS", "STREAM"),
        (
            (
                format_address(item.owner),
                item.room.title,
                _for_whom(item),
                item.show.invited,
                item.show.packets_used,
                item.points,
                item.room.stream,
            )
            for item in items
        ),
    )


@app.command
async def show(
    owner: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an account's live room, the data packets that it holds, and its shows.

    Parameters
    ----------
    owner
        Its address, @handle or name; else `client.account`.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, owner, "OWNER")
        answer = await client.live(who, finality=finality)
        asset = await known_asset(client)
        shows = await _shows(client, format_address(who), finality)
    if json:
        print_json({**answer.to_json(), "shows": shows})
        return
    fields: dict[str, object] = {
        "owner": format_address(who),
        "packets": answer.prepaid.packets,
        "paid for these": asset.format(answer.prepaid.units),
        "open": answer.item is not None,
    }
    if answer.item is not None:
        fields |= {
            "title": answer.item.room.title,
            "stream": answer.item.room.stream,
            "for": _for_whom(answer.item),
            "until": utc(answer.item.room.until_ms),
            "points": answer.item.points,
        }
    print_fields(fields)
    columns = ("show", "title", "invited", "packets_used", "points", "peak")
    if shows:
        rows = [[each[name] for name in columns] for each in shows]
        print_table(("SHOW", "TITLE", "INVITED", "PACKETS USED", "POINTS", "PEAK"), rows)


async def _shows(client: Client, owner: str, finality: Finality) -> list[JsonObject]:
    """The shows of an account, the newest last."""
    state, found = no_rows(), list[JsonObject]()
    await copy_rows(client, state, HELD, owner, finality=finality)
    for (_, number), _ in HELD.every(state):
        row = await client.row(SHOWS.name, str(number), finality=finality)
        if row is not None:
            found.append({"show": number, **row.item.row})
    return found


@app.command
async def guests(
    show: int,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List who was invited to a show and who has entered.

    Parameters
    ----------
    show
        Its number, as `reelect live show` lists it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        state = no_rows()
        await copy_rows(client, state, GUESTS, str(show), finality=finality)
    rows = [(format_address(who), row) for (_, who), row in GUESTS.every(state)]
    if json:
        found: list[Json] = [{"account": who, **row.to_json()} for who, row in rows]
        print_json({"show": show, "guests": found})
        return
    if not rows:
        print_line("Nobody was invited or has entered, or it is so long ago that it is forgotten.")
        return
    print_table(
        ("ACCOUNT", "INVITED", "ENTERED"),
        ((who, row.is_invited, row.has_entered) for who, row in rows),
    )


def _for_whom(item: RoomItem) -> str:
    return "every person" if item.room.is_public else "who is invited"
