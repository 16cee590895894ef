"""`reelect order`: service orders, paid in advance, led and scored (K2, K3); and buying back what
was issued for them (K4)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.amounts import format_percent
from node.client import Client
from node.client_failures import Missing
from node.commands.arguments import JsonFlag, Most, Number
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
from node.commands.rows import list_numbered, read_numbered, read_row
from node.commands.score_file import read_scores
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.order_answers import OrderTermsAnswer
from vm.modules.orders import (
    LISTINGS,
    ORDERS,
    SHARES,
    SHARES_AT_ONCE,
    UNKNOWN_ORDER,
    Accept,
    BuyBack,
    Cancel,
    Listing,
    Order,
    Place,
    ScoreShares,
    ShareRow,
    share_units,
)

ACTIONS_AT_ONCE = 8  # of a transaction

Status = Literal["placed", "accepted", "listed", "gathered", "paid"]
Count = Annotated[int, Parameter(validator=validators.Number(gte=0))]

app = App(
    name="order", help="Service orders: place, accept, score who did them; buy back what is issued."
)


@app.command
async def terms(
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show on which terms orders are placed now, and what is left to issue for them.

    Parameters
    ----------
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await order_terms(client, finality)
        names = (found.terms.asset, found.terms.fee_asset)
        assets = await known_assets(client, names)
    if json:
        print_json(found.to_json())
        return
    issued, fee = (assets[name] for name in names)
    lowest = "none: the two are not traded here"
    if found.lowest_price is not None:
        lowest = f"{fee.format(found.lowest_price)} per {issued.symbol}"
    print_fields(
        {
            "orders are paid in": found.paid_in,
            "fees go to the pot": found.terms.pot,
            "issued": f"{issued.format(found.issued)} of {issued.format(found.cap)}",
            "burned": issued.format(found.burned),
            "left to issue": f"{issued.format(found.left)}, first what the pot "
            f"{found.terms.quota} holds",
            "lowest price": lowest,
            "users share": f"{format_percent(found.users_ppm)}, leaders the rest",
            "an order waits": f"{found.decide_s} s to be accepted, and again to be approved",
        }
    )


async def order_terms(client: Client, finality: Finality) -> OrderTermsAnswer:
    """On which terms orders are placed; raises Refused where none are taken."""
    try:
        return await client.order_terms(finality=finality)
    except Missing as error:
        raise Refused(
            "no service orders are taken here: `reelect gov propose orders.set_terms` lets them",
            code=error.code,
        ) from error


@app.command(name="list")
async def list_(
    *,
    status: Status | None = None,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List orders, the oldest first. Those that are closed, with the fee given back, are gone.

    Parameters
    ----------
    status
        Only those that are placed, accepted, listed (all who did them have scores), gathered (in a
        batch) or paid.
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await list_numbered(
            client,
            ORDERS,
            finality,
            most=most,
            wanted=lambda item: status is None or item.row["status"] == status,
        )
        assets = await known_assets(client, (row.asset for _, row in found))
    if json:
        print_json({"orders": [{"order": number, **row.to_json()} for number, row in found]})
        return
    if not found:
        print_line("there is no such order: `reelect order place` places one")
        return
    print_table(
        ("ORDER", "STATUS", "FEE", "UNTIL", "LEADER", "TITLE"),
        (
            (
                number,
                row.status,
                assets[row.asset].format(row.fee),
                "-" if row.units else utc(row.until_ms),
                "-" if row.leader is None else format_address(row.leader),
                row.title,
            )
            for number, row in found
        ),
    )


@app.command
async def show(
    order: Number,
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an order, and who is listed with which score and share.

    Parameters
    ----------
    order
        Its number, as `reelect order list` shows it.
    most
        How many entries of its list.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        row = await read_order(client, order, finality)
        listing, shares = await _list_of(client, row, most, finality)
        issued = (await order_terms(client, finality)).terms.asset
        assets = await known_assets(client, (row.asset, issued))
    entries = [_entry(listing, place, share) for place, share in enumerate(shares)]
    if json:
        listed = None if listing is None else listing.to_json()
        print_json({"order": order, **row.to_json(), "list": listed, "shares": entries})
        return
    print_fields(_fields(order, row, assets, issued))
    if listing is not None:
        print_line("")
        print_table(
            ("ACCOUNT", "ROLE", "SCORE", "SHARE"),
            (
                (each["account"], each["role"], each["score"], _share(each, assets[issued]))
                for each in entries
            ),
        )
        print_line(f"{len(entries)} of {listing.entries} entries")


async def _list_of(
    client: Client, row: Order, most: int, finality: Finality
) -> tuple[Listing | None, list[ShareRow]]:
    if row.listing is None:
        return None, []
    number = str(row.listing)
    listing = await read_row(client, LISTINGS, number, finality=finality)
    items = await client.first_rows(SHARES.name, number, most=most, finality=finality)
    return listing, [ShareRow.from_json(item.row) for item in items]


def _entry(listing: Listing | None, place: int, share: ShareRow) -> JsonObject:
    paid = listing is not None and place < listing.paid
    units = None if listing is None or not _is_due(listing) else str(share_units(listing, share))
    return {
        "account": format_address(share.account),
        "role": share.role,
        "score": share.score,
        "units": units,
        "paid": paid,
    }


def _is_due(listing: Listing) -> bool:
    return listing.user_units + listing.leader_units > 0


def _share(entry: JsonObject, asset: KnownAsset) -> str:
    if entry["units"] is None:
        return "-"
    return asset.format(int(str(entry["units"]))) + ("" if entry["paid"] else ", to be paid")


def _fields(
    number: int, row: Order, assets: Mapping[str, KnownAsset], issued: str
) -> dict[str, object]:
    fields: dict[str, object] = {
        "order": number,
        "status": row.status,
        "title": row.title,
        "brief": str(row.brief),
        "client": format_address(row.client),
        "fee": assets[row.asset].format(row.fee),
        "leader": "-" if row.leader is None else format_address(row.leader),
        "batch": "-" if row.batch is None else row.batch,
    }
    if row.units:
        return fields | {"shared": assets[issued].format(row.units)}
    return fields | {"goes back after": utc(row.until_ms)}


async def read_order(client: Client, number: int, finality: Finality) -> Order:
    """An order; raises Refused (`ORDER`) if there is none of this number."""
    return await read_numbered(
        client,
        ORDERS,
        number,
        finality,
        missing=f"there is no order {number}, or it was closed: see `reelect order list`",
        field="ORDER",
        error=UNKNOWN_ORDER,
    )


@app.command
async def place(
    title: str,
    *,
    fee: str,
    brief: str,
    asset: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Order a service, and pay its whole fee in advance. It goes back if you cancel the order
    before it is accepted, if the batch that it is in is rejected, or if it is not approved in time.

    Parameters
    ----------
    title
        What people read first.
    fee
        What you pay, in whole tokens.
    brief
        What is to be done: a file, whose content id is computed, or a content id. `reelect content
        add FILE` stores it, so that others can read it.
    asset
        The asset that you pay in; else the one in which orders are paid now (`order terms`).
    """
    cid = content_id("--brief", brief)
    async with options.client() as client:
        paid_in = asset or (await order_terms(client, Finality.HEAD)).paid_in
        units = (await known_asset(client, paid_in)).parse_positive("--fee", fee)
        action = Place(paid_in, units, title, cid)
        await send(client, options, [action], as_json=json, about={"brief": str(cid)})


@app.command
async def cancel(
    order: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take back an order of your own that is not accepted yet, with its fee.

    Parameters
    ----------
    order
        Its number.
    """
    action = Cancel(order)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


@app.command
async def accept(
    order: Number,
    *,
    leader: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that an order is accepted.

    Parameters
    ----------
    order
        Its number.
    leader
        Who leads it, and lists who has done it: an address, @handle or name.
    """
    async with options.client() as client:
        await read_order(client, order, Finality.HEAD)
        account = await find_account(client, options.section, leader, "--leader")
        await propose(client, options, proposal, Accept(order, account), as_json=json)


@app.command
async def score(
    order: Number,
    file: Path,
    *,
    first: Count = 0,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As who leads an order, list who did the task and who completed it, with scores of their
    contributions. Until the order is in a batch, the same command replaces the list.

    A transaction lists 512 at most: for a longer file the answer says how many are listed, and
    `--first` goes on after these.

    Parameters
    ----------
    order
        Its number.
    file
        A line for each: ACCOUNT user SCORE, or ACCOUNT leader SCORE.
    first
        How many of the file are listed already.
    """
    async with options.client() as client:
        shares = await read_scores(client, options.section, file)
        if first >= len(shares):
            raise Usage(f"the file has {len(shares)} entries", field="--first")
        end = min(len(shares), first + ACTIONS_AT_ONCE * SHARES_AT_ONCE)
        actions = [
            ScoreShares(
                order,
                start,
                tuple(shares[start : min(end, start + SHARES_AT_ONCE)]),
                complete=start + SHARES_AT_ONCE >= len(shares),
            )
            for start in range(first, end, SHARES_AT_ONCE)
        ]
        about: JsonObject = {"listed": end, "of": len(shares)}
        await send(client, options, actions, as_json=json, about=about)


@app.command
async def buy_back(
    pot: str,
    *,
    amount: str,
    price: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that a pot buys what was issued for orders
    on the order book, and burns it. It buys what is for sale when they have agreed.

    Parameters
    ----------
    pot
        Which pot pays.
    amount
        How much to buy at most, in whole tokens.
    price
        The most that is paid for a whole token; no more than the market's reference price.
    """
    async with options.client() as client:
        found = (await order_terms(client, Finality.HEAD)).terms
        units = (await known_asset(client, found.asset)).parse_positive("--amount", amount)
        units_price = (await known_asset(client, found.fee_asset)).parse_positive("--price", price)
        action = BuyBack(pot, units_price, units)
        await propose(client, options, proposal, action, as_json=json)
