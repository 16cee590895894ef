"""The module `market`: its rows, and what must hold between them."""

from typing import Annotated

from consensus.kinds import Asset, Counter
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.tokens import PositiveAmount
from vm.table import Table

market = Module(
    "market",
    "An order book for each pair of assets, and the reference price that follows from its trades.",
)

DAYS_OF_PRICE = 7


@part
class CountedDay(Record):
    """A day on which enough was traded, and its volume-weighted average price, rounded down."""

    day: Counter
    average: PositiveAmount


@record("market.price")
class Price(Record):
    """A pair's reference price, in units of quote per whole token of base, and the newest days that
    counted, the oldest first."""

    price: PositiveAmount
    days: Annotated[tuple[CountedDay, ...], AtMost(DAYS_OF_PRICE)]


PRICES: Table[Price, str, str] = market.table(Price, base=Asset, quote=Asset)
