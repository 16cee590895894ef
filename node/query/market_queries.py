"""Answers about the order book and its prices. Any thread may call."""

import re
from itertools import groupby, islice
from typing import cast

from consensus.errors import InvalidEncoding
from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.market_answers import (
    BookAnswer,
    Level,
    OrderItem,
    OrdersAnswer,
    PairItem,
    PairsAnswer,
    PriceAnswer,
    TradesAnswer,
)
from node.query.state_queries import scan
from vm.modules.economy import today
from vm.modules.market import (
    BUY,
    MOST_PAIRS,
    ORDERS,
    PAIRS,
    PRICES,
    SELL,
    TRADES,
    TRADES_KEPT,
    TRADING,
    Order,
    Price,
    best_orders,
    open_order,
    sum_of,
)

PAIR_PATTERN = "([A-Z][A-Z0-9]{0,11})-([A-Z][A-Z0-9]{0,11})"
MOST_ORDERS_READ = 5_000  # of a side of a book


def parse_pair(text: str) -> tuple[str, str]:
    """Base and quote of a pair such as PALT-USDT; raises InvalidEncoding."""
    found = re.fullmatch(PAIR_PATTERN, text, re.ASCII)
    if found is None:
        raise InvalidEncoding(f"a pair such as PALT-USDT is expected, got {text[:40]!r}")
    return found[1], found[2]


def pairs(view: ChainView) -> PairsAnswer:
    """All pairs."""
    found = PAIRS.scan(view.state, limit=MOST_PAIRS)
    items = tuple(PairItem(*key, row, _price(view, *key).price) for key, row in found)
    return PairsAnswer(items, place_of(view.block))


def book(view: ChainView, base: str, quote: str, limit: int) -> BookAnswer:
    """The best prices of a pair, so many of a side at most; raises NotFound."""
    _price(view, base, quote)
    buy, sell = (_levels(view, base, quote, side, limit) for side in (BUY, SELL))
    return BookAnswer(buy, sell, place_of(view.block))


def trades(view: ChainView, base: str, quote: str, limit: int) -> TradesAnswer:
    """The newest trades of a pair, so many at most; raises NotFound."""
    _price(view, base, quote)
    found = (row for _, row in TRADES.scan(view.state, base, quote, limit=TRADES_KEPT))
    newest = sorted(found, key=lambda row: row.number, reverse=True)
    return TradesAnswer(tuple(newest[:limit]), place_of(view.block))


def price(view: ChainView, base: str, quote: str) -> PriceAnswer:
    """The reference price of a pair; raises NotFound."""
    row, trading = _price(view, base, quote), TRADING.get(view.state, base, quote)
    volume, turnover = (
        (0, 0) if trading is None else (sum_of(trading.volume), sum_of(trading.turnover))
    )
    return PriceAnswer(row, today(view.state), str(volume), str(turnover), place_of(view.block))


def orders(view: ChainView, account: bytes, limit: int, cursor: str | None) -> OrdersAnswer:
    """The open orders of an account; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, ORDERS.prefix(account), limit, cursor)
    items = tuple(
        _order_item(view, account, cast(int, ORDERS.key_parts(key)[1]), Order.decode(value))
        for key, value in found
    )
    return OrdersAnswer(items, following, place_of(view.block))


def _order_item(view: ChainView, account: bytes, number: int, row: Order) -> OrderItem:
    order = open_order(view.state, account, number)
    if order is None:
        raise RuntimeError(f"order {number} is listed and not open")
    return OrderItem(number, row, order.left, order.until_ms)


def _price(view: ChainView, base: str, quote: str) -> Price:
    row = PRICES.get(view.state, base, quote)
    if row is None:
        raise NotFound(f"{base} is not traded for {quote} at height {view.block.height}")
    return row


def _levels(view: ChainView, base: str, quote: str, side: str, limit: int) -> tuple[Level, ...]:
    found = best_orders(view.state, base, quote, side, limit=MOST_ORDERS_READ)
    levels: list[Level] = []
    for each_price, same in islice(groupby(found, lambda order: order.price), limit):
        amounts = [order.left for order in same]
        levels.append(Level(each_price, sum(amounts), len(amounts)))
    return tuple(levels)
