"""The open orders: what they hold in escrow, and how they come to rest and leave the book."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Text
from consensus.record import Record, record
from vm.context import Context
from vm.modules.market.tables import (
    ACCOUNT_ORDERS,
    AGENDA,
    BUY,
    ESCROW_POT,
    ESCROWED,
    LAST,
    NUMBERING,
    ORDERS,
    QUEUE,
    SIDE_ORDERS,
    SIDES,
    BookSide,
    Escrowed,
    Last,
    Numbering,
    Order,
    Queued,
    Side,
    back_of,
    market,
    rank_of,
    whole_token,
)
from vm.modules.tokens import credit, debit, drain_pot, fill_pot
from vm.view import State, View

CANCELLED, EXPIRED, DISPLACED, OWN = "cancelled", "expired", "displaced", "own"

TOO_MANY_ORDERS = market.error("too-many-orders", "The account has no room for an open order.")
BOOK_FULL = market.error("book-full", "The side is full of orders that are no worse.")


@market.event
@record("market.rested")
class Rested(Record):
    """An order, or what is left of it, is open from now on."""

    number: Counter
    account: AccountId
    base: Asset
    quote: Asset
    side: Side
    price: Amount
    amount: Amount
    until_ms: Counter | None


@market.event
@record("market.closed")
class Closed(Record):
    """What was left of an open order went back to its account: it was cancelled or expired, better
    ones displaced it from a full book, or an order of the account's own would have met it."""

    number: Counter
    account: AccountId
    base: Asset
    quote: Asset
    side: Side
    price: Amount
    left: Amount
    why: Annotated[str, Text(16)]


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order in the book; `left` is in units of base."""

    number: int
    account: bytes
    base: str
    quote: str
    side: str
    price: int
    left: int
    until_ms: int | None

    def is_over(self, time_ms: int) -> bool:
        """Whether it has expired by this time."""
        return self.until_ms is not None and self.until_ms <= time_ms


def best_orders(view: View, base: str, quote: str, side: str, *, limit: int) -> Iterator[OpenOrder]:
    """The orders of a side in the order in which they are filled, at most so many."""
    for (*_, rank, number), row in QUEUE.scan(view, base, quote, side, limit=limit):
        price = rank_of(side, rank)
        yield OpenOrder(number, row.account, base, quote, side, price, row.left, row.until_ms)


def open_order(view: View, account: bytes, number: int) -> OpenOrder | None:
    """An account's open order of this number."""
    row = ORDERS.get(view, account, number)
    if row is None:
        return None
    rank = rank_of(row.side, row.price)
    queued = QUEUE.get(view, row.base, row.quote, row.side, rank, number)
    if queued is None:
        raise RuntimeError(f"order {number} is open and not in the book")
    return OpenOrder(
        number, account, row.base, row.quote, row.side, row.price, queued.left, queued.until_ms
    )


def rest(context: Context, order: OpenOrder) -> None:
    """Put an order that meets none into the book, under the next number, and what it would pay into
    escrow; raises ActionFailed if account or book has no room, or the account not as much."""
    state = context.state
    bound = ACCOUNT_ORDERS.read(state)
    if sum(1 for _ in ORDERS.scan(state, order.account, limit=bound)) == bound:
        raise TOO_MANY_ORDERS.failed(f"{bound} orders are open at most; cancel one")
    _make_room(context, order)
    asset, units = escrow_of(state, order, order.left)
    debit(state, order.account, asset, units, field="amount")
    fill_pot(state, ESCROW_POT, asset, units)
    _put_escrowed(state, order.account, asset, units)
    numbering = NUMBERING.get(state) or Numbering(0)
    number = numbering.orders + 1
    NUMBERING.put(state, Numbering(number))
    _put(state, replace(order, number=number))
    context.emit(
        Rested(
            number,
            order.account,
            order.base,
            order.quote,
            order.side,
            order.price,
            order.left,
            order.until_ms,
        )
    )


def _make_room(context: Context, order: OpenOrder) -> None:
    """Let the last order of a full side go for one of a better price."""
    state, book = context.state, (order.base, order.quote, order.side)
    size = SIDES.get(state, *book) or BookSide(0)
    if size.orders < SIDE_ORDERS.read(state):
        return
    (*_, back_rank, back_number), _ = next(LAST.scan(state, *book, limit=1))
    rank, number = back_of(back_rank, back_number)
    if rank_of(order.side, order.price) >= rank:
        price = rank_of(order.side, rank)
        raise BOOK_FULL.failed(f"only a price better than {price} gets in", field="price")
    queued = QUEUE.get(state, *book, rank, number)
    last = None if queued is None else open_order(state, queued.account, number)
    if last is None:
        raise RuntimeError(f"order {number} is the last of its side and not in the book")
    give_back(context, last, DISPLACED)


def escrow_of(view: View, order: OpenOrder, amount: int) -> tuple[str, int]:
    """The asset that an order pays with, and what it pays for so many units of base."""
    if order.side == BUY:
        return order.quote, order.price * amount // whole_token(view, order.base)
    return order.base, amount


def give_back(context: Context, order: OpenOrder, why: str) -> None:
    """Take an order out of the book; its account has back what is left in escrow."""
    asset, units = escrow_of(context.state, order, order.left)
    release(context.state, order.account, asset, units)
    credit(context.state, order.account, asset, units)
    _remove(context.state, order)
    context.emit(
        Closed(
            order.number,
            order.account,
            order.base,
            order.quote,
            order.side,
            order.price,
            order.left,
            why,
        )
    )


def release(state: State, account: bytes, asset: str, units: int) -> None:
    """Take out of escrow, for the caller to put somewhere, what an account's orders hold."""
    drain_pot(state, ESCROW_POT, asset, units)
    _put_escrowed(state, account, asset, -units)


def escrowed_of(view: View, account: bytes, asset: str) -> int:
    """What the open orders of an account hold of an asset."""
    row = ESCROWED.get(view, account, asset)
    return 0 if row is None else row.amount


def fill(state: State, order: OpenOrder, amount: int) -> None:
    """Note that so much of an order is filled; what it pays is the caller's to release."""
    if amount == order.left:
        _remove(state, order)
    else:
        row = Queued(order.account, order.left - amount, order.until_ms)
        QUEUE.put(state, row, *place_of(order))


def _put(state: State, order: OpenOrder) -> None:
    *_, rank, number = place = place_of(order)
    row = Order(order.base, order.quote, order.side, order.price, order.left)
    ORDERS.put(state, row, order.account, order.number)
    QUEUE.put(state, Queued(order.account, order.left, order.until_ms), *place)
    LAST.put(state, Last(), order.base, order.quote, order.side, *back_of(rank, number))
    if order.until_ms is not None:
        AGENDA.add(state, order.until_ms, order.account, order.number)
    _count(state, order, 1)


def _remove(state: State, order: OpenOrder) -> None:
    *_, rank, number = place = place_of(order)
    ORDERS.delete(state, order.account, order.number)
    QUEUE.delete(state, *place)
    LAST.delete(state, order.base, order.quote, order.side, *back_of(rank, number))
    if order.until_ms is not None:
        AGENDA.remove(state, order.until_ms, order.account, order.number)
    _count(state, order, -1)


def place_of(order: OpenOrder) -> tuple[str, str, str, int, int]:
    """Where an order stands in the book."""
    rank = rank_of(order.side, order.price)
    return order.base, order.quote, order.side, rank, order.number


def _count(state: State, order: OpenOrder, change: int) -> None:
    book = (order.base, order.quote, order.side)
    orders = (SIDES.get(state, *book) or BookSide(0)).orders + change
    if orders:
        SIDES.put(state, BookSide(orders), *book)
    else:
        SIDES.delete(state, *book)


def _put_escrowed(state: State, account: bytes, asset: str, change: int) -> None:
    units = escrowed_of(state, account, asset) + change
    if units:
        ESCROWED.put(state, Escrowed(units), account, asset)
    else:
        ESCROWED.delete(state, account, asset)
