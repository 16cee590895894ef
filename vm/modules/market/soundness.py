"""What must hold between the rows of the module `market`."""

from collections import Counter as Tally
from collections.abc import Iterator

from vm.modules.market.book import OpenOrder, escrow_of, open_order, place_of
from vm.modules.market.tables import (
    AGENDA,
    BUY,
    ESCROW_POT,
    ESCROWED,
    LAST,
    ORDERS,
    PAIRS,
    PRICES,
    QUEUE,
    SELL,
    SIDES,
    back_of,
    market,
    rank_of,
)
from vm.modules.tokens import POTS
from vm.table import KeyPart
from vm.view import View


def open_orders(view: View) -> list[OpenOrder]:
    """All open orders: for checks, not for transactions."""
    found = (open_order(view, *key) for key, _ in ORDERS.every(view))
    return [order for order in found if order is not None]


@market.invariant
def escrow_is_kept(view: View) -> Iterator[str]:
    """The pot holds what the open orders would pay, which is what is noted for their accounts."""
    by_account: Tally[tuple[bytes, str]] = Tally()
    by_asset: Tally[str] = Tally()
    for order in open_orders(view):
        asset, units = escrow_of(view, order, order.left)
        by_account[order.account, asset] += units
        by_asset[asset] += units
    noted = {key: row.amount for key, row in ESCROWED.every(view)}
    if noted != dict(by_account):
        yield "what is noted for accounts is not what their orders would pay"
    held = {asset: row.amount for (pot, asset), row in POTS.every(view) if pot == ESCROW_POT}
    if held != dict(by_asset):
        yield f"the pot {ESCROW_POT} holds {held}, the orders would pay {dict(by_asset)}"


@market.invariant
def orders_are_listed(view: View) -> Iterator[str]:
    """Each open order stands in the book, both ways round, is counted and expires when it says."""
    orders = open_orders(view)
    places = {place_of(order) for order in orders}
    if places != {key for key, _ in QUEUE.every(view)}:
        yield "the book does not hold the open orders"
    backwards = {(*book, *back_of(rank, number)) for *book, rank, number in places}
    if backwards != {key for key, _ in LAST.every(view)}:
        yield "the book is not the same from its other end"
    sizes = Tally((order.base, order.quote, order.side) for order in orders)
    if dict(sizes) != {key: row.orders for key, row in SIDES.every(view)}:
        yield "the sides of books have other sizes than is noted"
    due: set[tuple[KeyPart, ...]] = {
        (order.until_ms, order.account, order.number)
        for order in orders
        if order.until_ms is not None
    }
    yield from AGENDA.disagreements(view, due)


@market.invariant
def books_are_not_crossed(view: View) -> Iterator[str]:
    """Nobody buys at a price at which another would sell, and all is in ticks and lots."""
    best: dict[tuple[str, str, str], int] = {}
    for order in open_orders(view):
        pair = PAIRS.get(view, order.base, order.quote)
        if pair is None or order.price % pair.tick or order.left % pair.lot:
            yield f"order {order.number} is not in ticks and lots of a pair"
        side, rank = (order.base, order.quote, order.side), rank_of(order.side, order.price)
        best[side] = min(rank, best.get(side, rank))
    for base, quote in (key for key, _ in PAIRS.every(view)):
        buy, sell = best.get((base, quote, BUY)), best.get((base, quote, SELL))
        if buy is not None and sell is not None and rank_of(BUY, buy) >= sell:
            yield f"the book of {base} and {quote} is crossed"


@market.invariant
def each_pair_has_a_price(view: View) -> Iterator[str]:
    """Pairs have prices, and nothing else has."""
    if [key for key, _ in PAIRS.every(view)] != [key for key, _ in PRICES.every(view)]:
        yield "the prices are not those of the pairs"
