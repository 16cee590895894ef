"""The module `market`: its rows and parameters.

A price is in units of quote per whole token of base. Prices are multiples of a pair's tick and
amounts of its lot, and a tick times a lot is a whole number of units of quote: what a trade costs
is exact, and nothing is ever rounded.
"""

from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import JSON_INTEGER_MAX, AccountId, Amount, Asset, Bytes, Counter, Text, Uint
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.tokens import PositiveAmount, asset_row
from vm.table import Table
from vm.view import View

market = Module(
    "market",
    "An order book for each pair of assets, and the reference price that follows from its trades.",
)

ESCROW_POT = "market.escrow"
BUY, SELL = "buy", "sell"
MOST_PAIRS = 64
MOST_FILLS = 64
DAYS_OF_PRICE = 7
TRADES_KEPT = 256
SUM_BYTES = 16  # fewer than 2^53 trades a day of less than 2^64 units each

Side = Annotated[str, Text(4, 3, f"{BUY}|{SELL}")]
Fills = Annotated[int, Uint(MOST_FILLS)]
Sum = Annotated[bytes, Bytes(SUM_BYTES, SUM_BYTES)]
TradePlace = Annotated[int, Uint(TRADES_KEPT - 1)]

FEE_PPM = market.parameter(
    "fee_ppm",
    default=0,
    minimum=0,
    maximum=100_000,
    unit="ppm",
    sentence="What part of the quote amount of a trade the seller pays into the pot `revenue`, "
    "rounded down; it is no consumption (P2, P4).",
)
MAX_MOVE_PPM = market.parameter(
    "max_move_ppm",
    default=100_000,
    minimum=1,
    maximum=1_000_000,
    unit="ppm",
    sentence="How far a reference price moves in a day at most, rounded down, but a unit (P2).",
)
ACCOUNT_ORDERS = market.parameter(
    "account_orders",
    default=32,
    minimum=1,
    maximum=256,
    unit="orders",
    sentence="How many orders an account has open at most.",
)
SIDE_ORDERS = market.parameter(
    "side_orders",
    default=10_000,
    minimum=1,
    maximum=1_000_000,
    unit="orders",
    sentence="How many orders are open on a side of a pair at most, and so how many prices: a "
    "better one than the last displaces it.",
)


@record("market.pair")
class Pair(Record):
    """Two assets that are traded for each other: prices are multiples of the tick (units of quote
    per whole token of base), amounts of the lot (units of base). A day counts for the price if so
    many units of quote were paid in it at least."""

    tick: PositiveAmount
    lot: PositiveAmount
    least_turnover: PositiveAmount


@record("market.order")
class Order(Record):
    """An open order of an account as it was when it came to rest."""

    base: Asset
    quote: Asset
    side: Side
    price: PositiveAmount
    amount: PositiveAmount


@record("market.queue")
class Queued(Record):
    """An order in the order of its side of the book: whose it is, what of it is not filled yet, and
    when it expires (ms from the Unix epoch), if it does. `rank` is the price of a sell order, and
    2^64 - 1 less the price of a buy order: the best comes first, and of one price the oldest."""

    account: AccountId
    left: PositiveAmount
    until_ms: Counter | None


@record("market.last")
class Last(Record):
    """Lists the orders of a side the other way, the one that is displaced first at the beginning:
    `back_rank` is 2^64 - 1 less the rank, `back_number` 2^53 - 1 less the number."""


@record("market.side")
class BookSide(Record):
    """How many orders are open on a side of a pair."""

    orders: Counter


@record("market.escrowed")
class Escrowed(Record):
    """What the open orders of an account hold of an asset; it counts as its holding (P4)."""

    amount: PositiveAmount


@record("market.due")
class Due(Record):
    """Lists the orders that expire in the order of the times when they do."""


@record("market.numbering")
class Numbering(Record):
    """How many orders ever came to rest; the newest has this number."""

    orders: Counter


@record("market.trading")
class Trading(Record):
    """What is traded of a pair: how many trades ever, the day of the newest, and of that day, while
    it is not over, the units of base and of quote (big-endian)."""

    trades: Counter
    day: Counter
    volume: Sum
    turnover: Sum


@record("market.trade")
class Trade(Record):
    """One of the newest 256 trades of a pair, at its number modulo 256: when it was (ms from the
    Unix epoch), its price, the amount (units of base), and the side of the order that came."""

    number: Counter
    time_ms: Counter
    price: PositiveAmount
    amount: PositiveAmount
    side: Side


@part
class CountedDay(Record):
    """A day on which enough was traded, and its volume-weighted average price, rounded down."""

    day: Counter
    average: PositiveAmount


@record("market.price")
class Price(Record):
    """A pair's reference price, and the newest seven days that counted, the oldest first (P2)."""

    price: PositiveAmount
    days: Annotated[tuple[CountedDay, ...], AtMost(DAYS_OF_PRICE)]


PAIRS: Table[Pair, str, str] = market.table(Pair, base=Asset, quote=Asset)
ORDERS: Table[Order, bytes, int] = market.table(Order, account=AccountId, number=Counter)
QUEUE: Table[Queued, str, str, str, int, int] = market.table(
    Queued, base=Asset, quote=Asset, side=Side, rank=Amount, number=Counter
)
LAST: Table[Last, str, str, str, int, int] = market.table(
    Last, base=Asset, quote=Asset, side=Side, back_rank=Amount, back_number=Counter
)
SIDES: Table[BookSide, str, str, str] = market.table(BookSide, base=Asset, quote=Asset, side=Side)
ESCROWED: Table[Escrowed, bytes, str] = market.table(Escrowed, account=AccountId, asset=Asset)
DUE: Table[Due, int, bytes, int] = market.table(
    Due, time_ms=Counter, account=AccountId, number=Counter
)
AGENDA: Agenda[bytes, int] = Agenda(DUE, Due())
NUMBERING: Table[Numbering] = market.table(Numbering)
TRADING: Table[Trading, str, str] = market.table(Trading, base=Asset, quote=Asset)
TRADES: Table[Trade, str, str, int] = market.table(Trade, base=Asset, quote=Asset, place=TradePlace)
PRICES: Table[Price, str, str] = market.table(Price, base=Asset, quote=Asset)

UNKNOWN_PAIR = market.error("unknown-pair", "These two assets are not traded for each other.")


def pair_row(view: View, base: str, quote: str) -> Pair:
    """A pair's row; raises ActionFailed if there is none."""
    row = PAIRS.get(view, base, quote)
    if row is None:
        raise UNKNOWN_PAIR.failed(f"{base} is not traded for {quote} here", field="base")
    return row


def whole_token(view: View, asset: str) -> int:
    """How many units of an asset are a whole token of it."""
    return int(10 ** asset_row(view, asset).decimals)


def rank_of(side: str, price: int) -> int:
    """Where a price stands in its side of the book, the best first; and a rank's price."""
    return UINT64_MAX - price if side == BUY else price


def back_of(rank: int, number: int) -> tuple[int, int]:
    """The same place from the other end."""
    return UINT64_MAX - rank, JSON_INTEGER_MAX - number
