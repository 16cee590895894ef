"""`reelect otc`: an asset for another, with both halves at once or neither (K9)."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from node.client import Client
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    known_assets,
)
from node.commands.otc_sale import app as sale
from node.commands.rows import list_numbered, read_numbered
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.otc import LONGEST_MS, OFFERS, UNKNOWN_OFFER, MakeOffer, Offer, Take, Withdraw

DAY_S = 86_400

ValidS = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LONGEST_MS // 1000))]

app = App(name="otc", help="Trade over the counter, with escrow.")
app.command(sale)


@app.command
async def offer(
    amount: str,
    asset: str,
    *,
    price: str,
    price_asset: str | None = None,
    taker: str | None = None,
    valid_s: ValidS = DAY_S,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Offer an amount of an asset for another. It is in escrow until it is taken; it comes back if
    nobody takes it in time.

    Parameters
    ----------
    amount
        How much is offered, in whole tokens.
    asset
        Its symbol.
    price
        What it costs in all, in whole tokens.
    price_asset
        In which asset; else the native one.
    taker
        Who alone may take it: address, @handle or name; else anybody.
    valid_s
        For how many seconds, at most 31 days.
    """
    async with options.client() as client:
        given, asked = await known_asset(client, asset), await known_asset(client, price_asset)
        units = given.parse_positive("AMOUNT", amount)
        price_units = asked.parse_positive("--price", price)
        who = None
        if taker is not None:
            who = await find_account(client, options.section, taker, "--taker")
        until_ms = await head_time_ms(client) + 1000 * valid_s
        action = MakeOffer(given.symbol, units, asked.symbol, price_units, who, until_ms)
        await send(client, options, [action], as_json=json)


@app.command
async def take(
    offer: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take an offer: pay its price, and get its amount in the same action.

    Parameters
    ----------
    offer
        Its number, as `reelect otc list` shows it.
    """
    async with options.client() as client:
        row = await _offer(client, offer, Finality.HEAD)
        action = Take(offer, row.asset, row.units, row.price_asset, row.price_units)
        await send(client, options, [action], as_json=json)


@app.command
async def withdraw(
    offer: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take an offer of one's own back.

    Parameters
    ----------
    offer
        Its number.
    """
    async with options.client() as client:
        await send(client, options, [Withdraw(offer)], as_json=json)


@app.command(name="list")
async def list_(
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the offers that are open, the oldest first.

    Parameters
    ----------
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await list_numbered(client, OFFERS, finality, most=most)
        symbols = [symbol for _, row in found for symbol in (row.asset, row.price_asset)]
        assets = await known_assets(client, symbols)
    if json:
        print_json({"offers": [{"offer": number, **row.to_json()} for number, row in found]})
        return
    if not found:
        print_line("There is no offer; `reelect otc offer` makes one.")
        return
    print_table(
        ("OFFER", "AMOUNT", "PRICE", "FOR", "UNTIL", "MAKER"),
        (
            (
                number,
                assets[row.asset].format(row.units),
                assets[row.price_asset].format(row.price_units),
                "anybody" if row.taker is None else format_address(row.taker),
                utc(row.until_ms),
                format_address(row.maker),
            )
            for number, row in found
        ),
    )


@app.command
async def show(
    offer: Number,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an offer.

    Parameters
    ----------
    offer
        Its number, as `reelect otc list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        row = await _offer(client, offer, finality)
        given = await known_asset(client, row.asset)
        asked = await known_asset(client, row.price_asset)
    if json:
        print_json({"offer": offer, **row.to_json()})
        return
    print_fields(
        {
            "offer": offer,
            "amount": given.format(row.units),
            "price": asked.format(row.price_units),
            "for": "anybody" if row.taker is None else format_address(row.taker),
            "maker": format_address(row.maker),
            "until": utc(row.until_ms),
        }
    )


async def _offer(client: Client, number: int, finality: Finality) -> Offer:
    return await read_numbered(
        client,
        OFFERS,
        number,
        finality,
        missing=f"there is no offer {number}, or it is over: see `reelect otc list`",
        field="OFFER",
        error=UNKNOWN_OFFER,
    )
