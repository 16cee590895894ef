"""The price of P2: the median of the last seven days' averages, a tenth a day at most, in exact
fractions."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.exchange import A, B, Exchange, buy, sell

DISABLED = Disabled("vm.modules.market.pricing.moved", lambda price, target, max_move_ppm: target)

UNIT = Fraction(1, 10**6)  # of USDT
TICK = Fraction(1, 10**4)  # USDT per PALT
OPENING = Fraction(1, 10)


def day(market: Exchange, *trades: tuple[int, int]) -> Fraction:
    """A day of trades, of ticks and hundredths of a PALT each; the price after it, in USDT."""
    for price, amount in trades:
        market.place(A, sell(price, amount))
        market.must(B, buy(price, amount))
    market.next_day()
    return market.price * UNIT


def down(value: Fraction) -> Fraction:
    """As many whole units of USDT as fit."""
    return floor(value / UNIT) * UNIT


def test_before_any_trade_the_price_is_the_opening_price() -> None:
    market = Exchange()
    market.new_block()
    assert day(market) == OPENING


def test_a_day_below_the_minimum_volume_does_not_count() -> None:
    """10 USDT are the minimum: 99 PALT at 0.1010 are 9.999 USDT."""
    market = Exchange()
    market.new_block()
    assert day(market, (1_010, 9_900)) == OPENING
    assert day(market, (1_010, 10_000)) == 1_010 * TICK


def test_a_week_of_trades_gives_the_median_of_its_averages() -> None:
    market = Exchange()
    market.new_block()
    averages: list[Fraction] = []
    price = OPENING
    for trades in [
        [(1_000, 20_000)],
        [(1_040, 10_000), (1_010, 5_000)],
        [(980, 11_000), (990, 7_000), (1_000, 1)],
        [(1_100, 30_000)],
        [(1_017, 13_000)],
        [(1_021, 17_000), (1_023, 19_000)],
        [(1_050, 10_000)],
        [(1_060, 10_000)],
    ]:
        volume = sum((Fraction(amount, 100) for _, amount in trades), Fraction())
        turnover = sum(
            (ticks * TICK * Fraction(amount, 100) for ticks, amount in trades), Fraction()
        )
        averages = [*averages, down(turnover / volume)][-7:]
        ordered, half = sorted(averages), len(averages) // 2
        middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        price = min(max(down(middle), down(price * 9 / 10)), down(price * 11 / 10))
        assert day(market, *trades) == price


def test_the_price_moves_by_a_tenth_a_day_at_most() -> None:
    market = Exchange()
    market.new_block()
    assert day(market, (9_000, 10_000)) == Fraction(11, 100)
    assert day(market, (9_000, 10_000)) == Fraction(121, 1000)
    assert day(market, (9_000, 10_000)) == Fraction(1331, 10000)
