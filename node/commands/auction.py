"""`reelect auction`: advertising slots are put on sale, bid for, and filled by who has won them."""

from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import Json, JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument, parse_time
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    known_assets,
)
from node.commands.content_argument import content_id
from node.commands.copied_state import copy_row, copy_rows, no_rows
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.commands.viewing import parse_percent
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.auctions import (
    AUCTIONS,
    BIDS,
    GIVEN,
    SLOTS,
    TOO_LOW,
    UNKNOWN_AUCTION,
    Auction,
    Bid,
    Choose,
    Donate,
    Open,
    TakeBack,
    needed,
    total_of,
)
from vm.overlay import Overlay

OPEN, UNSOLD, SOLD, SHOWING, OVER = "open", "unsold", "sold", "showing", "over"
AHEAD = (OPEN, SOLD, SHOWING)

app = App(name="auction", help="Advertising slots: see places and auctions, bid, donate, choose.")


@app.command(name="list")
async def list_(
    *,
    place: str | None = None,
    past: Annotated[bool, Parameter(negative=())] = False,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the auctions that are open, or whose slot is still to show or showing.

    Parameters
    ----------
    place
        Only those of this place.
    past
        Also those that nobody bid in, and those whose slot is over.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        state = no_rows()
        await copy_rows(client, state, AUCTIONS, finality=finality)
        now_ms = await head_time_ms(client)
        found = [
            (number, row)
            for (number,), row in AUCTIONS.every(state)
            if place in (None, row.terms.place) and (past or state_of(row, now_ms) in AHEAD)
        ]
        assets = await known_assets(client, (row.terms.asset for _, row in found))
    if json:
        print_json({"auctions": [_json(number, row, now_ms) for number, row in found]})
        return
    if not found:
        print_line("No auction is open and no slot is sold; `reelect auction open` proposes one.")
        return
    print_table(
        ("AUCTION", "PLACE", "STATE", "BID", "CLOSES", "SHOWS FROM", "UNTIL"),
        (
            (
                number,
                row.terms.place,
                state_of(row, now_ms),
                _top(row, assets[row.terms.asset]),
                utc(row.terms.closes_ms),
                utc(row.terms.shows_from_ms),
                utc(row.terms.shows_until_ms),
            )
            for number, row in found
        ),
    )


@app.command
async def places(
    place: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List what places show now, and their slots ahead.

    Parameters
    ----------
    place
        This one alone; else all.
    finality
        Read the head, which may still change, or the final state.
    """
    if place is not None:
        argument("PLACE", SLOTS.key[0].kind.from_json, place)
    of_place = () if place is None else (place,)
    async with options.client() as client:
        state, now_ms = no_rows(), await head_time_ms(client)
        await copy_rows(client, state, SLOTS, *of_place, finality=finality)
        ahead = [slot for (_, until_ms), slot in SLOTS.every(state) if until_ms > now_ms]
        for slot in ahead:
            await copy_row(client, state, AUCTIONS, str(slot.auction), finality=finality)
    rows = [(number, row) for (number,), row in AUCTIONS.every(state)]
    rows.sort(key=lambda item: (item[1].terms.place, item[1].terms.shows_from_ms))
    if json:
        print_json({"slots": [_json(number, row, now_ms) for number, row in rows]})
        return
    if not rows:
        print_line("No slot is sold or on sale; `reelect auction open` proposes one.")
        return
    print_table(
        ("PLACE", "FROM", "UNTIL", "AUCTION", "STATE", "SHOWS", "LINK"),
        (
            (
                row.terms.place,
                utc(row.terms.shows_from_ms),
                utc(row.terms.shows_until_ms),
                number,
                state_of(row, now_ms),
                None if row.shown is None else row.shown.cid,
                None if row.shown is None else row.shown.link,
            )
            for number, row in rows
        ),
    )


@app.command
async def show(
    auction: int,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an auction: its terms, who leads, what a bid needs, and who has put how much into
    which bid.

    Parameters
    ----------
    auction
        Its number, as `reelect auction list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        state, row = await _read(client, auction, finality)
        for table in (BIDS, GIVEN):
            await copy_rows(client, state, table, str(auction), finality=finality)
        now_ms, asset = await head_time_ms(client), await known_asset(client, row.terms.asset)
    if json:
        print_json({**_json(auction, row, now_ms), "bids": _bids_json(state, auction)})
        return
    print_fields(_fields(auction, row, now_ms, asset))
    if any(True for _ in BIDS.every(state)):
        print_line("")
        print_table(
            ("BIDDER", "BID", "PUT IN BY", "AMOUNT"),
            (
                (
                    format_address(bidder),
                    asset.format(total_of(state, auction, bidder)),
                    "itself" if giver == bidder else format_address(giver),
                    asset.format(given.units),
                )
                for (_, bidder, giver), given in GIVEN.every(state)
            ),
        )


@app.command(name="open")
async def open_(
    place: str,
    *,
    reserve: str,
    shows_s: int,
    asset: str | None = None,
    shows_from: str | None = None,
    open_s: int = 259_200,
    step: str = "5%",
    extension_s: int = 600,
    most_extension_s: int = 86_400,
    pot: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to sell a slot of a place by auction. It opens when the proposal passes.

    Parameters
    ----------
    place
        What is sold, such as "front page".
    reserve
        The least first bid, in whole tokens.
    shows_s
        For how many seconds the slot shows what its winner chooses.
    asset
        What is bid; else the native asset.
    shows_from
        When that begins, such as 2030-01-31T12:00:00Z; else when bids end and the place is free.
    open_s
        For how many seconds bids are taken.
    step
        By how much a bid must top the one that leads.
    extension_s
        A new lead puts a close off that is nearer than so many seconds.
    most_extension_s
        By how many seconds at most.
    pot
        The community's pot that gets the price.
    """
    async with options.client() as client:
        bid_in = await known_asset(client, asset)
        action = Open(
            place=place,
            shows_from_ms=(
                None if shows_from is None else argument("--shows-from", parse_time, shows_from)
            ),
            shows_s=shows_s,
            asset=bid_in.symbol,
            reserve=bid_in.parse_positive("--reserve", reserve),
            step_ppm=argument("--step", parse_percent, step),
            open_s=open_s,
            extension_s=extension_s,
            most_extension_s=most_extension_s,
            pot=pot,
        )
        await propose(client, options, proposal, action, as_json=json)


@app.command
async def bid(
    auction: int,
    amount: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Bid so much in all; what is in the bid already, also by donations, counts. The amount is in
    escrow: a bid that is topped can be taken back at once, and comes back at the close.

    Parameters
    ----------
    auction
        Its number, as `reelect auction list` shows it.
    amount
        The whole bid, in whole tokens.
    """
    async with options.client() as client:
        sender = await options.sender(client)
        state, row = await _read(client, auction, Finality.HEAD)
        asset = await known_asset(client, row.terms.asset)
        total = asset.parse_positive("AMOUNT", amount)
        own = (str(auction), format_address(sender))
        await copy_row(client, state, BIDS, *own, finality=Finality.HEAD)
        before = total_of(state, auction, sender)
        least = max(needed(row, sender), before + 1)
        if total < least and not row.is_closed:
            there = f"; {asset.format(before)} is in it already" if before else ""
            raise Refused(
                f"a bid that leads is {asset.format(least)} or more{there}",
                field="AMOUNT",
                code=TOO_LOW.code,
            )
        await send(client, options, [Bid(auction, max(total - before, 1))], as_json=json)


@app.command
async def donate(
    auction: int,
    bidder: str,
    amount: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Put so much more into another account's bid. It comes back as that bid would.

    Parameters
    ----------
    auction
        Its number, as `reelect auction list` shows it.
    bidder
        Address, @handle or name of who has bid.
    amount
        In whole tokens.
    """
    async with options.client() as client:
        account = await find_account(client, options.section, bidder, "BIDDER")
        _, row = await _read(client, auction, Finality.HEAD)
        asset = await known_asset(client, row.terms.asset)
        await send(
            client,
            options,
            [Donate(auction, account, asset.parse_positive("AMOUNT", amount))],
            as_json=json,
        )


@app.command
async def take_back(
    auction: int,
    bidder: str | None = None,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Take back all that one has put into a bid that does not lead, without waiting for the close.

    Parameters
    ----------
    auction
        Its number, as `reelect auction list` shows it.
    bidder
        Address, @handle or name of whose bid it is; else one's own.
    """
    async with options.client() as client:
        account = await options.sender(client)
        if bidder is not None:
            account = await find_account(client, options.section, bidder, "BIDDER")
        await send(client, options, [TakeBack(auction, account)], as_json=json)


@app.command
async def choose(
    auction: int,
    cid: str,
    *,
    link: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Say what a slot shows that one has won, as often as wanted until it is over.

    Parameters
    ----------
    auction
        Its number.
    cid
        What is shown: a file, whose content id is computed, or a content id.
    link
        Where who follows it gets, such as https://example.org.
    """
    action = Choose(auction, content_id("CID", cid), link)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


def state_of(auction: Auction, now_ms: int) -> str:
    """How it is with an auction: open, unsold, sold and not yet showing, showing, or over."""
    if not auction.is_closed:
        return OPEN
    if auction.leader is None:
        return UNSOLD
    if now_ms < auction.terms.shows_from_ms:
        return SOLD
    return SHOWING if now_ms < auction.terms.shows_until_ms else OVER


async def _read(client: Client, number: int, finality: Finality) -> tuple[Overlay, Auction]:
    """A state with an auction, and the auction; raises Refused if there is none of this number."""
    argument("AUCTION", AUCTIONS.key[0].kind.from_json, number)
    state = no_rows()
    await copy_row(client, state, AUCTIONS, str(number), finality=finality)
    row = AUCTIONS.get(state, number)
    if row is None:
        raise Refused(
            f"there is no auction {number}: see `reelect auction list`",
            field="AUCTION",
            code=UNKNOWN_AUCTION.code,
        )
    return state, row


def _top(row: Auction, asset: KnownAsset) -> str:
    return (
        f"from {asset.format(row.terms.reserve)}" if row.leader is None else asset.format(row.top)
    )


def _fields(number: int, row: Auction, now_ms: int, asset: KnownAsset) -> JsonObject:
    terms, state = row.terms, state_of(row, now_ms)
    fields: JsonObject = {
        "auction": number,
        "place": terms.place,
        "shows": f"{utc(terms.shows_from_ms)} to {utc(terms.shows_until_ms)}",
        "state": state,
        "closes" if state == OPEN else "closed": utc(terms.closes_ms),
    }
    if state == OPEN:
        fields["at the latest"] = utc(terms.hard_close_ms)
        fields["a late lead"] = f"leaves {terms.extension_s} s"
        fields["to lead"] = f"{asset.format(_least(row))} or more in all"
    if row.leader is not None:
        fields["leads" if state == OPEN else "won by"] = format_address(row.leader)
        fields["bid" if state == OPEN else "price"] = asset.format(row.top)
    fields["proceeds"] = f"to the pot {terms.pot}"
    if row.shown is not None:
        fields["chosen"] = str(row.shown.cid)
        fields["link"] = row.shown.link
    return fields


def _least(row: Auction) -> int:
    """The least total of anybody who does not lead."""
    return needed(row, b"")


def _json(number: int, row: Auction, now_ms: int) -> JsonObject:
    least = None if row.is_closed else str(_least(row))
    return {"auction": number, "state": state_of(row, now_ms), "needed": least, **row.to_json()}


def _bids_json(state: Overlay, number: int) -> list[Json]:
    return [
        {
            "bidder": format_address(bidder),
            "total": str(row.total),
            "given": [
                {"giver": format_address(giver), "units": str(given.units)}
                for (*_, giver), given in GIVEN.every(state, number, bidder)
            ],
        }
        for (_, bidder), row in BIDS.every(state, number)
    ]
