"""The reference price: which days count, and how it follows them (P2)."""

from fractions import Fraction
from math import floor
from statistics import median as exact_median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.exchange import (
    DAY_MS,
    OPENING,
    PALT,
    POLICY,
    TICK,
    A,
    B,
    C,
    Exchange,
    buy,
    sell,
)
from vm.modules.economy import turn_day
from vm.modules.market import (
    PRICES,
    TRADING,
    CountedDay,
    Price,
    Priced,
    SetLeastTurnover,
    Trading,
    close_days,
    sum_of,
)
from vm.modules.market.pricing import median, moved, note_trade
from vm.modules.market.tables import MAX_MOVE_PPM
from vm.overlay import Overlay
from vm.registry import REGISTRY
from vm.running import Running

TEN_USDT = 10_000  # lots, at 1,000 ticks of 0.0001 USDT


@pytest.fixture
def market() -> Exchange:
    """The opening price is 1,000 ticks; a day counts from 10 USDT on."""
    made = Exchange()
    made.new_block()
    return made


def trade(market: Exchange, price: int, amount: int) -> None:
    """So many lots at so many ticks."""
    market.place(A, sell(price, amount))
    market.must(B, buy(price, amount))


def counted(market: Exchange) -> list[tuple[int, int]]:
    row = PRICES.get(market.world.state, "PALT", "USDT")
    return [] if row is None else [(each.day, each.average) for each in row.days]


def test_before_any_trade_the_opening_price_stands(market: Exchange) -> None:
    assert market.price == OPENING
    market.next_day()
    market.next_day()
    assert (market.price, counted(market)) == (OPENING, [])


def test_a_day_counts_from_the_least_turnover_on(market: Exchange) -> None:
    trade(market, 1_050, 9_523)  # 9.99915 USDT
    market.next_day()
    assert (market.price, counted(market)) == (OPENING, [])
    trade(market, 1_050, 1)
    market.next_day()  # what was too little is not carried to the next day
    assert (market.price, counted(market)) == (OPENING, [])
    trade(market, 1_000, 9_999)
    trade(market, 1_000, 1)
    market.next_day()
    assert (market.price, counted(market)) == (OPENING, [(2, OPENING)])


def test_the_least_turnover_may_change_before_the_day_is_over(market: Exchange) -> None:
    trade(market, 1_050, 1)
    market.must(POLICY, SetLeastTurnover("PALT", "USDT", 1_050))
    market.next_day()
    assert market.price == 1_050 * TICK


def test_the_average_is_weighted_by_volume_and_rounded_down(market: Exchange) -> None:
    trade(market, 1_000, 7_000)
    trade(market, 1_030, 6_000)
    market.next_day()
    exact = Fraction(1_000 * 7_000 + 1_030 * 6_000, 13_000) * TICK
    assert counted(market) == [(0, floor(exact))]
    assert exact.denominator != 1
    assert market.price == floor(exact)
    assert market.events[-1] == Priced("PALT", "USDT", 0, floor(exact), floor(exact))


def test_a_trade_counts_for_the_day_of_its_block(market: Exchange) -> None:
    """The last block of a day is of that day, and the first of the next closes it before any
    transaction."""
    market.new_block(DAY_MS - 1_001)  # the block before was at 1 s
    trade(market, 1_020, TEN_USDT)
    assert market.price == OPENING
    market.new_block(1)
    assert market.price == 1_020 * TICK
    trade(market, 1_040, TEN_USDT)
    assert market.price == 1_020 * TICK
    market.next_day()
    assert counted(market) == [(0, 1_020 * TICK), (1, 1_040 * TICK)]


def test_a_day_moves_the_price_by_a_tenth_at_most_and_one_that_does_not_count_by_nothing(
    market: Exchange,
) -> None:
    trade(market, 5_000, TEN_USDT)
    market.next_day()
    assert market.price == OPENING * 11 // 10
    for _ in range(3):
        market.next_day()
    assert market.price == OPENING * 11 // 10
    trade(market, 5_000, TEN_USDT)
    market.next_day()
    assert market.price == OPENING * 121 // 100


def test_the_price_is_the_median_of_seven_counted_days(market: Exchange) -> None:
    MAX_MOVE_PPM.set(market.world.state, 1_000_000)
    averages = [1_000, 1_100, 1_900, 1_200, 1_300, 1_205, 1_001, 1_400, 1_401, 1_402]
    for place, price in enumerate(averages):
        trade(market, price, TEN_USDT)
        market.next_day()
        market.next_day()  # a day without trades is none of the seven
        window = averages[max(0, place - 6) : place + 1]
        assert market.price == floor(Fraction(exact_median([x * TICK for x in window])))
    assert [average // TICK for _, average in counted(market)] == averages[3:]
    assert market.faults() == []


def test_days_without_a_block_are_closed_with_the_next_block(market: Exchange) -> None:
    trade(market, 1_050, TEN_USDT)
    market.new_block(5 * DAY_MS)
    assert counted(market) == [(0, 1_050 * TICK)]
    trade(market, 1_050, TEN_USDT)
    market.next_day()
    assert [day for day, _ in counted(market)] == [0, 5]


@given(st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=7))
def test_the_median_is_the_exact_one_rounded_down(values: list[int]) -> None:
    exact = exact_median([Fraction(value) for value in values])
    assert median(values) == floor(exact)


@given(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1), st.integers(1, 10**6))
def test_a_step_is_the_exact_part_rounded_down_or_a_unit(price: int, target: int, ppm: int) -> None:
    after = moved(price, target, ppm)
    limit = max(Fraction(1), Fraction(price * ppm, 10**6))
    assert abs(after - price) <= limit
    assert min(price, target) <= after <= max(price, target)
    if abs(target - price) <= limit:
        assert after == target
    else:
        assert abs(after - price) == floor(limit)


def test_a_price_of_few_units_moves_by_a_unit() -> None:
    assert [moved(9, 1, 100_000), moved(1, 50, 100_000), moved(1, 1, 100_000)] == [8, 2, 1]


def test_the_same_tokens_traded_again_and_again_never_overflow_the_sums(market: Exchange) -> None:
    """Every unit there can be, a thousand times in a day, at the highest price."""
    state, units = market.world.state, 2**64 - 1
    for _ in range(1_000):
        note_trade(state, "PALT", "USDT", side="buy", price=PALT, amount=units, time_ms=1)
    row = TRADING.get(state, "PALT", "USDT")
    assert isinstance(row, Trading)
    assert (sum_of(row.volume), sum_of(row.turnover)) == (1_000 * units, 1_000 * units)
    market.next_day()
    assert PRICES.get(state, "PALT", "USDT") == Price(OPENING * 11 // 10, (CountedDay(0, PALT),))


def test_work_at_a_days_end_is_the_same_however_many_orders_and_trades(market: Exchange) -> None:
    def rows_written() -> int:
        market.time_ms += DAY_MS
        market.world.height += 1
        running = Running(market.block, Overlay(market.world.state), REGISTRY)
        for step in (turn_day, close_days):
            step(running.context(market.block.producer, None))
        market.world.keep(running.state.writes())
        return len(running.state.writes())

    trade(market, 1_000, TEN_USDT)
    few = rows_written()
    for price in range(2_000, 2_030):
        market.place(C, sell(price, 1))
        trade(market, 1_000, TEN_USDT)
    assert rows_written() == few == 3  # the clock, what was traded, the price
