"""What attacks on the market's price gain, computed: see docs/economics.md."""

from fractions import Fraction

from tests.vm.exchange import OPENING, TICK, USDT, A, B, C, D, Exchange, buy, sell
from vm.modules.market import PRICES, TRADING, sum_of
from vm.modules.market.tables import FEE_PPM, SIDE_ORDERS
from vm.modules.tokens import balance_of, pot_of

FAIR = OPENING // TICK  # in ticks: 0.1 USDT
TEN_USDT = 10 * USDT // FAIR  # lots: the least turnover of a day that counts, at the fair price


def begun() -> Exchange:
    """Before any trade."""
    market = Exchange()
    market.new_block()
    return market


def trade(market: Exchange, price: int, amount: int, *people: bytes) -> None:
    """The first sells to the second."""
    seller, buyer = people or (A, B)
    market.must(seller, sell(price, amount))
    market.must(buyer, buy(price, amount))


def honest_week(market: Exchange) -> None:
    """Seven days of fair trades that count."""
    for _ in range(7):
        trade(market, FAIR, 2 * TEN_USDT)
        market.next_day()


def test_one_dust_trade_as_the_price_gains_nothing() -> None:
    """Alone it makes no day count, whatever its price."""
    market = begun()
    for price in (1, 100 * FAIR):
        trade(market, price, 1, C, D)
        market.next_day()
        assert market.price == OPENING


def test_a_dust_trade_on_a_day_that_counts_weighs_as_little_as_it_is() -> None:
    """A hundredth of a PALT at ten times the price, of 200 PALT that are traded: 0.045 percent."""
    market = begun()
    trade(market, FAIR, 2 * TEN_USDT)
    trade(market, 10 * FAIR, 1, C, D)
    market.next_day()
    moved = Fraction(market.price, OPENING) - 1
    assert 0 < moved <= Fraction(9, 2 * TEN_USDT)


def test_trading_with_oneself_is_no_trade() -> None:
    market = begun()
    market.must(C, sell(10 * FAIR, TEN_USDT))
    market.must(C, buy(10 * FAIR, TEN_USDT, rests=False))
    assert TRADING.get(market.world.state, "PALT", "USDT") is None
    market.next_day()
    assert market.price == OPENING


def wash(market: Exchange, price: int, days: int) -> None:
    """Two accounts of one person trade ten USDT with each other, each day."""
    for day in range(days):
        amount = -(-10 * USDT // price)
        seller, buyer = (C, D) if day % 2 else (D, C)
        trade(market, price, amount, seller, buyer)
        market.next_day()


def together(market: Exchange) -> tuple[int, int]:
    """What the two have of PALT and USDT."""
    state = market.world.state
    palt, usdt = (sum(balance_of(state, who, name) for who in (C, D)) for name in ("PALT", "USDT"))
    return palt, usdt


def test_in_an_empty_market_two_accounts_move_the_price_by_a_tenth_a_day_for_fees_alone() -> None:
    """Seven days lower it to 0.9^7 = 48 percent: a fee's release is 2.09 times as much then, of a
    release that its cap bounds. The cost is the gas; with market.fee_ppm, that of each turnover."""
    market = begun()
    before = together(market)
    wash(market, FAIR // 10, 7)
    assert Fraction(market.price, OPENING) >= Fraction(9, 10) ** 7
    assert Fraction(OPENING, market.price) < Fraction(2091, 1000)
    assert together(market) == before

    taxed = begun()
    FEE_PPM.set(taxed.world.state, 10_000)
    wash(taxed, FAIR // 10, 7)
    cost = before[1] - together(taxed)[1]
    assert cost == 7 * 10 * USDT // 100 == pot_of(taxed.world.state, "revenue", "USDT")


def test_against_honest_days_three_washed_days_of_seven_gain_nothing() -> None:
    market = begun()
    honest_week(market)
    wash(market, FAIR // 10, 3)
    assert market.price == OPENING
    wash(market, FAIR // 10, 1)
    assert market.price == OPENING * 9 // 10


def test_washing_beside_honest_trades_moves_the_average_by_its_share_of_them() -> None:
    """Ten USDT washed at a tenth beside 60 USDT of fair trades on the same day."""
    market = begun()
    trade(market, FAIR, 6 * TEN_USDT)
    wash(market, FAIR // 10, 1)
    row = PRICES.get(market.world.state, "PALT", "USDT")
    assert row is not None
    assert row.days[0].average == int(Fraction(60 + 10, 600 + 1000) * USDT)
    assert market.price == OPENING * 9 // 10


def test_nobody_trades_past_a_better_order_of_others() -> None:
    """To trade at a tenth, with a fair bid in the book, one fills the bid first; and what one
    offers at a tenth belongs to whoever comes first: nine tenths of its value are lost."""
    market = begun()
    market.must(A, buy(FAIR, TEN_USDT))
    before = together(market)
    market.must(C, sell(FAIR // 10, 2 * TEN_USDT))
    assert market.book("buy") == []
    market.must(B, buy(FAIR // 10, TEN_USDT))  # before the other account of the same person
    palt, usdt = together(market)
    lots = (before[0] - palt) // 10**6
    got = Fraction(usdt - before[1], USDT)
    worth = Fraction(lots, 100) * Fraction(OPENING, USDT)
    assert lots == 2 * TEN_USDT
    assert worth - got == Fraction(9, 10) * 10


def test_orders_that_are_cancelled_at_the_days_end_move_nothing() -> None:
    """Spoofing: only trades make the price."""
    market = begun()
    trade(market, FAIR, TEN_USDT)
    numbers = [market.place(C, buy(FAIR - 1, 10**6)), market.place(D, sell(50 * FAIR, 10**6))]
    market.next_day()
    assert [market.cancel(who, n) for who, n in zip((C, D), numbers, strict=True)] == ["ok", "ok"]
    assert market.price == OPENING


def test_a_trade_at_the_days_boundary_counts_once() -> None:
    """In the last block it is of that day, in the first of the next day's; half of what a day needs
    on either side makes neither count."""
    market = begun()
    trade(market, 2 * FAIR, TEN_USDT // 4)
    market.next_day()
    trade(market, 2 * FAIR, TEN_USDT // 4)
    row = TRADING.get(market.world.state, "PALT", "USDT")
    assert row is not None
    assert sum_of(row.turnover) == 5 * USDT
    market.next_day()
    assert market.price == OPENING


def test_a_book_full_of_junk_keeps_nobody_out() -> None:
    """Whoever fills a side with orders at the worst price is displaced by each better one."""
    market = begun()
    SIDE_ORDERS.set(market.world.state, 3)
    for who in (C, D, C):
        market.place(who, buy(1, 1))
    for price in (FAIR, FAIR + 1, FAIR + 2):
        market.place(A, buy(price, 1))
    assert [who for who, _, _ in market.book("buy")] == [A, A, A]
