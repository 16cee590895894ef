"""What a node answers about the order book and its prices."""

from typing import Annotated

from consensus.kinds import Amount, Asset, Counter, Text
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.market import MOST_PAIRS, TRADES_KEPT, Order, Pair, Price, Trade

Units = Annotated[str, Text(39, 1, "[0-9]+")]  # the same units count each time they are traded


@part
class PairItem(Record):
    """Two assets that are traded for each other, and the reference price: units of quote per whole
    token of base."""

    base: Asset
    quote: Asset
    pair: Pair
    price: Amount


@part
class PairsAnswer(Record):
    """All pairs, by base and quote."""

    items: Annotated[tuple[PairItem, ...], AtMost(MOST_PAIRS)]
    at: Place


@part
class Level(Record):
    """What is open at a price: units of base, and how many orders they are."""

    price: Amount
    amount: Amount
    orders: Counter


Levels = Annotated[tuple[Level, ...], AtMost(MAX_PAGE)]


@part
class BookAnswer(Record):
    """The best prices at which an asset is bought and sold, the best first: of the first 5,000
    orders of a side."""

    buy: Levels
    sell: Levels
    at: Place


@part
class TradesAnswer(Record):
    """The newest trades of a pair, the newest first; the chain keeps 256."""

    items: Annotated[tuple[Trade, ...], AtMost(TRADES_KEPT)]
    at: Place


@part
class PriceAnswer(Record):
    """A pair's reference price with the days that it follows from, and what was traded on the day
    that is not over (units of base and of quote)."""

    price: Price
    day: Counter
    volume: Units
    turnover: Units
    at: Place


@part
class OrderItem(Record):
    """An open order, and what of it is not filled (units of base)."""

    number: Counter
    order: Order
    left: Amount
    until_ms: Counter | None


@part
class OrdersAnswer(Record):
    """A page of the open orders of an account, by number."""

    items: Annotated[tuple[OrderItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
