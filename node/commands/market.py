"""`reelect market`: pairs, their books, trades and prices; orders are placed and cancelled."""

import time
from typing import Annotated, Literal

import trio
from cyclopts import App, Parameter

from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
)
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Usage
from node.output import print_fields, print_json, print_table, utc
from node.query.chain_view import Finality
from node.query.market_answers import BookAnswer
from node.query.market_queries import parse_pair
from vm.modules.market import MOST_FILLS, TRADES_KEPT, CancelOrder, PlaceOrder

FILLS = 16  # so many orders may be met unless another number is given
WATCH_S = 1.0

app = App(name="market", help="Buy and sell assets; look at books, trades and prices.")


@app.command
async def pairs(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List what is traded for what, and the reference prices."""
    async with options.client() as client:
        answer = await client.pairs()
        if json:
            print_json(answer.to_json())
            return
        rows: list[tuple[str, ...]] = []
        for item in answer.items:
            base, quote = await _assets(client, (item.base, item.quote))
            rows.append(
                (
                    f"{item.base}-{item.quote}",
                    quote.format(item.price),
                    quote.format(item.pair.tick),
                    base.format(item.pair.lot),
                    quote.format(item.pair.least_turnover),
                )
            )
    print_table(("PAIR", "PRICE", "TICK", "LOT", "A DAY COUNTS FROM"), rows)


@app.command
async def book(
    pair: str,
    *,
    levels: int = 20,
    watch: Annotated[bool, Parameter(negative=())] = False,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show the best prices at which an asset is bought and sold, and how much of it.

    Parameters
    ----------
    pair
        Base and quote, such as PALT-USDT.
    levels
        How many prices of a side.
    watch
        Print it again whenever it changes, until Ctrl-C; with --json one document a line.
    finality
        Read the head, which may still change, or the final state.
    """
    name = argument("PAIR", parse_pair, pair)
    shown: BookAnswer | None = None
    async with options.client() as client:
        base, quote = await _assets(client, name)
        while shown is None or watch:
            answer = await client.book(*name, levels=levels, finality=finality)
            if shown is None or (answer.buy, answer.sell) != (shown.buy, shown.sell):
                _show_book(answer, base, quote, as_json=json)
                shown = answer
            if watch:
                await trio.sleep(WATCH_S)


def _show_book(answer: BookAnswer, base: KnownAsset, quote: KnownAsset, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json())
        return
    sides = [("sell", each) for each in reversed(answer.sell)]
    sides += [("buy", each) for each in answer.buy]
    print_table(
        ("SIDE", "PRICE", "AMOUNT", "ORDERS"),
        (
            (side, quote.format(each.price), base.format(each.amount), each.orders)
            for side, each in sides
        ),
    )


@app.command
async def price(
    pair: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a pair's reference price, the days that it follows from, and what is traded today.

    Parameters
    ----------
    pair
        Base and quote, such as PALT-USDT.
    finality
        Read the final state, or that of the head, which may still change.
    """
    name = argument("PAIR", parse_pair, pair)
    async with options.client() as client:
        base, quote = await _assets(client, name)
        answer = await client.price(*name, finality=finality)
    if json:
        print_json(answer.to_json())
        return
    days = [f"day {each.day}: {quote.format(each.average)}" for each in answer.price.days]
    print_fields(
        {
            "price": quote.format(answer.price.price),
            "follows from": days or "no day yet, it is the opening price",
            "today": f"day {answer.day}: {base.format(int(answer.volume))} for "
            f"{quote.format(int(answer.turnover))}",
        }
    )


@app.command
async def trades(
    pair: str,
    *,
    most: int = 20,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the newest trades of a pair; SIDE is that of the order that came.

    Parameters
    ----------
    pair
        Base and quote, such as PALT-USDT.
    most
        How many; the chain keeps 256.
    finality
        Read the final state, or that of the head, which may still change.
    """
    name = argument("PAIR", parse_pair, pair)
    if not 1 <= most <= TRADES_KEPT:
        raise Usage(f"1 to {TRADES_KEPT} are possible", field="--most")
    async with options.client() as client:
        base, quote = await _assets(client, name)
        answer = await client.trades(*name, most=most, finality=finality)
    if json:
        print_json(answer.to_json())
        return
    print_table(
        ("TIME", "SIDE", "PRICE", "AMOUNT"),
        (
            (utc(each.time_ms), each.side, quote.format(each.price), base.format(each.amount))
            for each in answer.items
        ),
    )


@app.command
async def orders(
    account: str,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the open orders of an account. What they hold still counts as its own.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    finality
        Read the head, which may still change, or the final state.
    """
    rows: list[tuple[object, ...]] = []
    async with options.client() as client:
        owner = await find_account(client, options.section, account, "ACCOUNT")
        items = [item async for item in client.orders(owner, finality=finality)]
        if json:
            print_json({"orders": [item.to_json() for item in items]})
            return
        for item in items:
            order = item.order
            base, quote = await _assets(client, (order.base, order.quote))
            rows.append(
                (
                    item.number,
                    order.side,
                    quote.format(order.price),
                    base.format(order.amount),
                    base.format(item.left),
                    "-" if item.until_ms is None else utc(item.until_ms),
                )
            )
    print_table(("ORDER", "SIDE", "PRICE", "AMOUNT", "LEFT", "UNTIL"), rows)


@app.command
async def place(
    side: Literal["buy", "sell"],
    amount: str,
    pair: str,
    *,
    price: str,
    immediate: Annotated[bool, Parameter(negative=())] = False,
    post_only: Annotated[bool, Parameter(negative=())] = False,
    most_fills: int | None = None,
    valid_s: int | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Buy or sell an asset at a price or a better one. What is not filled at once stays open, and
    what it pays with in escrow, until it is filled, cancelled or over.

    Parameters
    ----------
    side
        buy or sell.
    amount
        How much of the base, in whole tokens.
    pair
        Base and quote, such as PALT-USDT.
    price
        What a whole token costs, in whole tokens of the quote.
    immediate
        Keep nothing open: what is not filled at once is dropped.
    post_only
        Meet no order: fail if one is open at this price or a better one.
    most_fills
        Meet so many orders at most, 16 unless given; each costs gas. What would meet more then is
        dropped.
    valid_s
        Stay open so many seconds from now on; else until cancelled.
    """
    name = argument("PAIR", parse_pair, pair)
    if post_only and (immediate or most_fills is not None):
        raise Usage("not with --immediate or --most-fills", field="--post-only")
    if most_fills is not None and not 1 <= most_fills <= MOST_FILLS:
        raise Usage(f"1 to {MOST_FILLS} are possible", field="--most-fills")
    if valid_s is not None and valid_s < 1:
        raise Usage("at least 1 is expected", field="--valid-s")
    async with options.client() as client:
        base, quote = await _assets(client, name)
        action = PlaceOrder(
            *name,
            side,
            quote.parse_positive("--price", price),
            base.parse_positive("AMOUNT", amount),
            0 if post_only else most_fills or FILLS,
            not immediate,
            None if valid_s is None else int(time.time() * 1000) + 1000 * valid_s,
        )
        await send(client, options, [action], as_json=json)


@app.command
async def cancel(
    order: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take an open order back.

    Parameters
    ----------
    order
        Its number, as `reelect market orders` shows it.
    """
    action = CancelOrder(order)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


async def _assets(client: Client, pair: tuple[str, str]) -> tuple[KnownAsset, KnownAsset]:
    base, quote = pair
    return await known_asset(client, base), await known_asset(client, quote)
