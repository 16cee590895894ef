"""`reelect auction`: advertising slots are put on sale, bid for, and filled by who has won them."""

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import Json, JsonObject
from node.amounts import parse_percent
from node.commands.arguments import JsonFlag, Number, argument, parse_time
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
    known_assets,
)
from node.commands.content_argument import content_id
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.shop_answers import AuctionItem, GivenItem
from vm.modules.auctions import (
    BIDS,
    TOO_LOW,
    Auction,
    Bid,
    BidRow,
    Choose,
    Donate,
    Open,
    TakeBack,
    needed,
)

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
        found = [item async for item in client.auctions(place, past=past, finality=finality)]
        assets = await known_assets(client, (item.row.terms.asset for item in found))
    if json:
        print_json({"auctions": [_json(item) for item in found]})
        return
    if not found:
        print_line("No auction is open and no slot is sold; `reelect auction open` proposes one.")
        return
    print_table(
        ("AUCTION", "PLACE", "STATE", "BID", "CLOSES", "SHOWS FROM", "UNTIL"),
        (
            (
                item.auction,
                item.row.terms.place,
                item.state,
                _top(item.row, assets[item.row.terms.asset]),
                utc(item.row.terms.closes_ms),
                utc(item.row.terms.shows_from_ms),
                utc(item.row.terms.shows_until_ms),
            )
            for item in found
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
    async with options.client() as client:
        found = [item async for item in client.auction_slots(place, finality=finality)]
    if json:
        print_json({"slots": [_json(item) for item in found]})
        return
    if not found:
        print_line("No slot is sold or on sale; `reelect auction open` proposes one.")
        return
    print_table(
        ("PLACE", "FROM", "UNTIL", "AUCTION", "STATE", "SHOWS", "LINK"),
        (
            (
                item.row.terms.place,
                utc(item.row.terms.shows_from_ms),
                utc(item.row.terms.shows_until_ms),
                item.auction,
                item.state,
                None if item.row.shown is None else item.row.shown.cid,
                None if item.row.shown is None else item.row.shown.link,
            )
            for item in found
        ),
    )


@app.command
async def show(
    auction: Number,
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
        item = await client.auction(auction, finality=finality)
        bids = [given async for given in client.bids(auction, finality=finality)]
        asset = await known_asset(client, item.row.terms.asset)
    if json:
        print_json({**_json(item), "bids": _bids_json(bids)})
        return
    print_fields(_fields(item, asset))
    if bids:
        print_line("")
        print_table(
            ("BIDDER", "BID", "PUT IN BY", "AMOUNT"),
            (
                (
                    format_address(given.bidder),
                    asset.format(given.total),
                    "itself" if given.giver == given.bidder else format_address(given.giver),
                    asset.format(given.units),
                )
                for given in bids
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
    auction: Number,
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
        row = (await client.auction(auction, finality=Finality.HEAD)).row
        asset = await known_asset(client, row.terms.asset)
        total = asset.parse_positive("AMOUNT", amount)
        own = await client.row(
            BIDS.name, str(auction), format_address(sender), finality=Finality.HEAD
        )
        before = 0 if own is None else BidRow.from_json(own.item.row).total
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
    auction: Number,
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
        row = (await client.auction(auction, finality=Finality.HEAD)).row
        asset = await known_asset(client, row.terms.asset)
        await send(
            client,
            options,
            [Donate(auction, account, asset.parse_positive("AMOUNT", amount))],
            as_json=json,
        )


@app.command
async def take_back(
    auction: Number,
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
    auction: Number,
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


def _top(row: Auction, asset: KnownAsset) -> str:
    return (
        f"from {asset.format(row.terms.reserve)}" if row.leader is None else asset.format(row.top)
    )


def _fields(item: AuctionItem, asset: KnownAsset) -> JsonObject:
    row, terms, is_open = item.row, item.row.terms, item.needed is not None
    fields: JsonObject = {
        "auction": item.auction,
        "place": terms.place,
        "shows": f"{utc(terms.shows_from_ms)} to {utc(terms.shows_until_ms)}",
        "state": item.state,
        "closes" if is_open else "closed": utc(terms.closes_ms),
    }
    if item.needed is not None:
        fields["at the latest"] = utc(terms.hard_close_ms)
        fields["a late lead"] = f"leaves {terms.extension_s} s"
        fields["to lead"] = f"{asset.format(item.needed)} or more in all"
    if row.leader is not None:
        fields["leads" if is_open else "won by"] = format_address(row.leader)
        fields["bid" if is_open else "price"] = asset.format(row.top)
    fields["proceeds"] = f"to the pot {terms.pot}"
    if row.shown is not None:
        fields["chosen"] = str(row.shown.cid)
        fields["link"] = row.shown.link
    return fields


def _json(item: AuctionItem) -> JsonObject:
    needed_units = None if item.needed is None else str(item.needed)
    told: JsonObject = {"auction": item.auction, "state": item.state, "needed": needed_units}
    return {**told, **item.row.to_json()}


def _bids_json(bids: Iterable[GivenItem]) -> list[Json]:
    return [
        {
            "bidder": format_address(bidder),
            "total": str(total),
            "given": [
                {"giver": format_address(each.giver), "units": str(each.units)} for each in given
            ],
        }
        for (bidder, total), given in groupby(bids, lambda each: (each.bidder, each.total))
    ]
