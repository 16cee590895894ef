"""The reference price of a pair, which follows its trades day by day (P2).

Each day on which enough is traded counts with its volume-weighted average price, rounded down. At
its end the price moves towards the median of the newest seven days that counted; of an even number
of days that is the mean of the two in the middle, rounded down. A day that does not count moves
nothing: who wants to move the price pays for each step.
"""

from consensus.kinds import Amount, Asset, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.modules.economy import begins_day, today
from vm.modules.market.tables import (
    DAYS_OF_PRICE,
    MAX_MOVE_PPM,
    MOST_PAIRS,
    PAIRS,
    PRICES,
    SUM_BYTES,
    TRADES,
    TRADES_KEPT,
    TRADING,
    CountedDay,
    Pair,
    Price,
    Trade,
    Trading,
    market,
    whole_token,
)
from vm.parameter import PARTS_PER_MILLION
from vm.view import State, View

NOTHING = bytes(SUM_BYTES)


@market.event
@record("market.priced")
class Priced(Record):
    """A day counted, with this volume-weighted average price; the reference price is now this."""

    base: Asset
    quote: Asset
    day: Counter
    average: Amount
    price: Amount


def reference_price(view: View, base: str, quote: str) -> int | None:
    """Units of quote per whole token of base; None if there is no such pair."""
    row = PRICES.get(view, base, quote)
    return None if row is None else row.price


def note_trade(
    state: State, base: str, quote: str, *, side: str, price: int, amount: int, time_ms: int
) -> None:
    """Count a trade for today, and keep it among the newest; the side is that of the order that
    came."""
    before = TRADING.get(state, base, quote) or Trading(0, 0, NOTHING, NOTHING)
    number = before.trades + 1
    paid = price * amount // whole_token(state, base)
    after = Trading(
        number, today(state), _plus(before.volume, amount), _plus(before.turnover, paid)
    )
    TRADING.put(state, after, base, quote)
    trade = Trade(number, time_ms, price, amount, side)
    TRADES.put(state, trade, base, quote, number % TRADES_KEPT)


def _plus(units: bytes, more: int) -> bytes:
    return (sum_of(units) + more).to_bytes(SUM_BYTES, "big")


def sum_of(units: bytes) -> int:
    """The integer that a row's sum is."""
    return int.from_bytes(units, "big")


@market.begin_block
def close_days(context: Context) -> None:
    """In the first block of a day, let the day before count for the price of each pair."""
    if not begins_day(context):
        return
    for (base, quote), pair in PAIRS.scan(context.state, limit=MOST_PAIRS):
        trading = TRADING.get(context.state, base, quote)
        if trading is not None and trading.turnover != NOTHING:
            _close_day(context, base, quote, pair, trading)


def _close_day(context: Context, base: str, quote: str, pair: Pair, trading: Trading) -> None:
    state = context.state
    TRADING.put(state, Trading(trading.trades, trading.day, NOTHING, NOTHING), base, quote)
    before, turnover = PRICES.get(state, base, quote), sum_of(trading.turnover)
    if before is None or turnover < pair.least_turnover:
        return
    average = turnover * whole_token(state, base) // sum_of(trading.volume)
    days = (*before.days, CountedDay(trading.day, average))[-DAYS_OF_PRICE:]
    price = moved(before.price, median([each.average for each in days]), MAX_MOVE_PPM.read(state))
    PRICES.put(state, Price(price, days), base, quote)
    context.emit(Priced(base, quote, trading.day, average, price))


def median(values: list[int]) -> int:
    """The middle one of the values; the mean of the two in the middle, rounded down, if they are
    even in number."""
    ordered, half = sorted(values), len(values) // 2
    if len(values) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


def moved(price: int, target: int, max_move_ppm: int) -> int:
    """A price after a step towards a target, of `max_move_ppm` of it at most, rounded down; a price
    of so few units that this is none moves by one, as it would stay for ever."""
    step = max(1, price * max_move_ppm // PARTS_PER_MILLION)
    return max(price - step, min(target, price + step))
