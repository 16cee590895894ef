"""The order book: pairs, placing, meeting, resting, leaving; each rule, and each bad input."""

import pytest

from tests.vm.exchange import (
    LEAST_TURNOVER,
    LOT,
    OPENING,
    PALT,
    POLICY,
    RICH,
    TICK,
    USDT,
    A,
    B,
    C,
    D,
    Exchange,
    buy,
    sell,
)
from vm.declare import Action
from vm.modules.dividends import holding
from vm.modules.market import (
    BUY,
    PAIRS,
    SELL,
    TRADES,
    TRADES_KEPT,
    CancelOrder,
    Closed,
    Dropped,
    LeastTurnoverSet,
    OpenPair,
    Pair,
    PairOpened,
    PlaceOrder,
    Rested,
    SetLeastTurnover,
    Trade,
    Traded,
    pairs,
    placing,
    reference_price,
)
from vm.modules.market.tables import ACCOUNT_ORDERS, FEE_PPM, SIDE_ORDERS
from vm.modules.tokens import Create, pot_of
from vm.view import View


@pytest.fixture
def market() -> Exchange:
    return Exchange()


def rows(view: View) -> dict[bytes, bytes]:
    """The whole state."""
    return dict(view.scan(b"", start=b"", limit=10**6))


def check_fails(market: Exchange, sender: bytes, action: Action, code: str, field: str) -> None:
    before = rows(market.world.state)
    assert market.failure(sender, action) == (code, field)
    assert market.act(sender, action) in (code, f"market.{code}")
    assert rows(market.world.state) == before


# Pairs


def open_pair(
    base: str = "REEL", quote: str = "USDT", tick: int = TICK, lot: int = LOT
) -> OpenPair:
    return OpenPair(base, quote, tick, lot, 1, 5)


def test_a_pair_is_opened_with_its_price_once(market: Exchange) -> None:
    assert reference_price(market.world.state, "REEL", "USDT") is None
    market.must(POLICY, open_pair())
    assert market.events == [PairOpened("REEL", "USDT", Pair(TICK, LOT, 1), 5)]
    assert reference_price(market.world.state, "REEL", "USDT") == 5
    check_fails(market, POLICY, open_pair(), "pair-exists", "base")
    check_fails(market, POLICY, open_pair("USDT", "REEL", PALT), "pair-exists", "base")
    assert market.faults() == []


def test_a_pair_is_of_two_assets_that_exist_and_may_be_traded(market: Exchange) -> None:
    """A points-like right is not traded (W1)."""
    market.must(POLICY, Create("POINT", "Point", 0, 100, True, False, None))
    for base, quote, code, field in [
        ("GOLD", "USDT", "token.unknown-asset", "base"),
        ("REEL", "GOLD", "token.unknown-asset", "quote"),
        ("POINT", "USDT", "not-tradable", "base"),
        ("USDT", "POINT", "not-tradable", "quote"),
        ("REEL", "REEL", "same-asset", "quote"),
    ]:
        check_fails(market, POLICY, open_pair(base, quote), code, field)


def test_a_tick_times_a_lot_is_a_whole_number_of_units(market: Exchange) -> None:
    check_fails(market, POLICY, open_pair(tick=TICK, lot=LOT - 1), "inexact", "lot")
    check_fails(market, POLICY, open_pair(tick=1, lot=PALT - 1), "inexact", "lot")
    market.must(POLICY, open_pair(tick=1, lot=PALT))


def test_there_are_so_many_pairs_at_most(market: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MOST_PAIRS", 2)
    market.must(POLICY, open_pair())
    check_fails(market, POLICY, open_pair("PALT", "REEL"), "too-many-pairs", "")


def test_the_least_turnover_is_changed(market: Exchange) -> None:
    market.must(POLICY, SetLeastTurnover("PALT", "USDT", 7))
    assert PAIRS.get(market.world.state, "PALT", "USDT") == Pair(TICK, LOT, 7)
    assert market.events == [LeastTurnoverSet("PALT", "USDT", 7)]
    check_fails(market, POLICY, SetLeastTurnover("USDT", "PALT", 7), "unknown-pair", "base")


# Resting


def test_what_rests_is_in_escrow_and_counts_for_its_owner(market: Exchange) -> None:
    assert market.place(A, sell(20, 3)) == 1
    assert market.events == [
        Rested(1, A, "PALT", "USDT", SELL, 20 * TICK, 3 * LOT, None),
    ]
    assert market.place(B, buy(10, 5)) == 2
    assert (market.held(A), market.held(B)) == ((-3, 0), (0, -50))
    assert market.escrow == (3 * LOT, 50)
    for account in (A, B):
        for asset, whole in (("PALT", PALT), ("USDT", USDT)):
            assert holding(market.world.state, account, asset) == RICH * whole
    assert market.faults() == []


def test_one_that_may_meet_none_rests_or_fails(market: Exchange) -> None:
    market.place(A, sell(20, 3))
    assert market.place(B, buy(19, 1, fills=0)) == 2
    check_fails(market, B, buy(20, 1, fills=0), "would-trade", "price")
    check_fails(market, A, buy(20, 1, fills=0), "would-trade", "price")
    check_fails(market, C, sell(19, 1, fills=0), "would-trade", "price")


@pytest.mark.parametrize(
    ("action", "code", "field"),
    [
        (PlaceOrder("USDT", "PALT", BUY, TICK, LOT, 1, True, None), "unknown-pair", "base"),
        (PlaceOrder("PALT", "USDT", BUY, TICK + 1, LOT, 1, True, None), "off-tick", "price"),
        (PlaceOrder("PALT", "USDT", BUY, TICK, LOT + 1, 1, True, None), "off-lot", "amount"),
        (buy(RICH * 10**4 + 1, 100), "token.insufficient-balance", "amount"),
        (buy(2**57, 2**44), "token.insufficient-balance", "amount"),
        (sell(1, RICH * 100 + 1), "token.insufficient-balance", "amount"),
    ],
)
def test_what_is_no_order_fails(market: Exchange, action: Action, code: str, field: str) -> None:
    check_fails(market, A, action, code, field)


def test_an_account_has_so_many_open_orders_at_most(market: Exchange) -> None:
    ACCOUNT_ORDERS.set(market.world.state, 2)
    first, _ = market.place(A, sell(20, 1)), market.place(A, sell(21, 1))
    check_fails(market, A, sell(22, 1), "too-many-orders", "")
    market.place(B, buy(21, 1))
    assert (first, market.place(A, sell(22, 1))) == (1, 3)
    assert market.act(B, buy(20, 1)) == "ok"


def test_a_better_order_displaces_the_last_of_a_full_side(market: Exchange) -> None:
    SIDE_ORDERS.set(market.world.state, 2)
    market.place(A, sell(30, 1))
    market.place(B, sell(30, 2))
    check_fails(market, C, sell(30, 3), "book-full", "price")
    check_fails(market, C, sell(31, 3), "book-full", "price")
    market.place(C, sell(29, 3))
    assert Closed(2, B, "PALT", "USDT", SELL, 30 * TICK, 2 * LOT, "displaced") in market.events
    assert market.book(SELL) == [(C, 29, 3), (A, 30, 1)]
    assert market.held(B) == (0, 0)
    for price in (5, 6):
        market.place(D, buy(price, 1))
    check_fails(market, D, buy(5, 1), "book-full", "price")
    market.place(D, buy(7, 1))
    assert market.book(BUY) == [(D, 7, 1), (D, 6, 1)]
    assert market.faults() == []


def test_fewer_orders_are_let_in_when_the_bound_is_lower(market: Exchange) -> None:
    for price in (30, 31, 32):
        market.place(A, sell(price, 1))
    SIDE_ORDERS.set(market.world.state, 1)
    market.place(B, sell(29, 1))
    assert market.book(SELL) == [(B, 29, 1), (A, 30, 1), (A, 31, 1)]
    assert market.faults() == []


# Meeting


def test_the_best_price_is_filled_first_and_of_one_price_the_oldest(market: Exchange) -> None:
    for account, price in ((A, 22), (B, 21), (C, 21), (A, 20)):
        market.place(account, sell(price, 2))
    market.must(D, buy(22, 7, rests=False))
    assert market.book(SELL) == [(A, 22, 1)]
    assert market.held(D) == (7, -(2 * 20 + 2 * 21 + 2 * 21 + 22))
    for account, price in ((A, 10), (B, 12), (C, 12), (A, 11)):
        market.place(account, buy(price, 2))
    before = market.held(D)
    market.must(D, sell(11, 5, rests=False))
    assert market.book(BUY) == [(A, 11, 1), (A, 10, 2)]
    assert market.held(D) == (before[0] - 5, before[1] + 2 * 12 + 2 * 12 + 11)
    assert market.faults() == []


def test_a_trade_is_at_the_price_of_the_order_that_rested_and_is_told(market: Exchange) -> None:
    market.place(A, sell(20, 3))
    assert market.place(B, buy(25, 5)) == 2
    assert market.events[1:] == [
        Traded("PALT", "USDT", BUY, 20 * TICK, 3 * LOT, 60, 0, B, A, 1, 0),
        Rested(2, B, "PALT", "USDT", BUY, 25 * TICK, 2 * LOT, None),
    ]
    assert (market.held(A), market.held(B)) == ((-3, 60), (3, -60 - 50))
    assert market.place(C, sell(24, 1)) == 0
    assert market.events[3:] == [
        Traded("PALT", "USDT", SELL, 25 * TICK, LOT, 25, 0, B, C, 2, LOT),
    ]
    assert market.book(BUY) == [(B, 25, 1)]
    assert (market.held(B), market.held(C)) == ((4, -110), (-1, 25))
    assert market.faults() == []


def test_what_is_left_of_one_that_does_not_rest_is_dropped(market: Exchange) -> None:
    market.place(A, sell(20, 3))
    assert market.place(B, buy(20, 5, rests=False)) == 0
    assert market.events[-1] == Dropped(B, "PALT", "USDT", BUY, 20 * TICK, 2 * LOT)
    assert market.held(B) == (3, -60)
    assert (market.book(BUY), market.book(SELL)) == ([], [])
    market.must(B, buy(20, 5, rests=False))
    assert market.held(B) == (3, -60)


def test_one_that_has_met_as_many_as_it_may_is_dropped_if_it_would_meet_more(
    market: Exchange,
) -> None:
    for _ in range(3):
        market.place(A, sell(20, 1))
    assert market.place(B, buy(20, 9, fills=2)) == 0
    assert market.events[-1] == Dropped(B, "PALT", "USDT", BUY, 20 * TICK, 7 * LOT)
    assert market.place(B, buy(20, 9, fills=1)) == 4
    assert market.book(BUY) == [(B, 20, 8)]
    assert market.faults() == []


def test_who_would_meet_an_own_order_has_it_back(market: Exchange) -> None:
    market.place(A, sell(20, 3))
    market.place(B, sell(21, 3))
    market.must(A, buy(21, 2))
    assert Closed(1, A, "PALT", "USDT", SELL, 20 * TICK, 3 * LOT, "own") in market.events
    assert (market.held(A), market.held(B)) == ((2, -42), (-3, 42))
    market.place(A, buy(20, 1))
    assert market.place(A, sell(20, 1, fills=1)) == 4
    assert market.book(SELL) == [(A, 20, 1), (B, 21, 1)]
    assert market.faults() == []


def test_who_cannot_pay_for_all_that_is_met_trades_nothing(market: Exchange) -> None:
    market.place(A, sell(RICH * 10**4 // 2, 100))
    market.place(B, sell(RICH * 10**4, 100))
    check_fails(market, C, buy(RICH * 10**4, 200), "token.insufficient-balance", "amount")
    market.must(C, buy(RICH * 10**4, 100))
    assert market.held(C) == (100, -RICH * USDT // 2)


def test_the_seller_pays_the_fee_which_is_revenue(market: Exchange) -> None:
    FEE_PPM.set(market.world.state, 15_000)
    market.place(A, sell(100, 1))
    market.must(B, buy(100, 1))
    market.place(B, buy(100, 1))
    market.must(C, sell(90, 1))
    assert pot_of(market.world.state, "revenue", "USDT") == 2  # 1.5 each, rounded down
    assert (market.held(A), market.held(B), market.held(C)) == ((-1, 99), (2, -200), (-1, 99))
    assert market.faults() == []


def test_the_gas_is_that_of_the_orders_that_may_be_met(market: Exchange) -> None:
    state = market.world.state
    assert buy(1, 1, fills=0).derived_gas(state) == 0
    assert buy(1, 1, fills=3).derived_gas(state) == 3 * placing.FILL_GAS


def test_the_newest_trades_are_kept(market: Exchange) -> None:
    market.place(A, sell(20, TRADES_KEPT + 1))
    for _ in range(TRADES_KEPT + 1):
        market.must(B, buy(20, 1))
    state = market.world.state
    kept = [row for _, row in TRADES.every(state, "PALT", "USDT")]
    assert sorted(row.number for row in kept) == list(range(2, TRADES_KEPT + 2))
    newest = TRADES.get(state, "PALT", "USDT", 1)
    assert newest == Trade(TRADES_KEPT + 1, market.time_ms, 20 * TICK, LOT, BUY)


# Leaving


def test_an_order_is_cancelled_by_its_owner_once(market: Exchange) -> None:
    number = market.place(A, buy(10, 5))
    market.must(B, sell(10, 2))
    check_fails(market, B, CancelOrder(number), "unknown-order", "number")
    check_fails(market, A, CancelOrder(number + 1), "unknown-order", "number")
    market.must(A, CancelOrder(number))
    assert market.events[-1] == Closed(
        number, A, "PALT", "USDT", BUY, 10 * TICK, 3 * LOT, "cancelled"
    )
    assert (market.held(A), market.escrow) == ((2, -20), (0, 0))
    check_fails(market, A, CancelOrder(number), "unknown-order", "number")
    assert market.faults() == []


def test_an_order_expires_when_it_says(market: Exchange) -> None:
    now = market.time_ms
    check_fails(market, A, sell(20, 1, until_ms=now), "already-over", "until_ms")
    market.place(A, sell(20, 1, until_ms=now + 1))
    market.place(B, sell(20, 1, until_ms=now + 2))
    market.place(C, sell(20, 1))
    market.new_block(1)
    assert market.events[-1] == Closed(1, A, "PALT", "USDT", SELL, 20 * TICK, LOT, "expired")
    assert market.book(SELL) == [(B, 20, 1), (C, 20, 1)]
    market.new_block(10**9)
    assert market.book(SELL) == [(C, 20, 1)]
    assert [market.held(each) for each in (A, B)] == [(0, 0), (0, 0)]
    assert market.faults() == []


def test_what_is_filled_or_cancelled_does_not_expire(market: Exchange) -> None:
    number = market.place(A, sell(20, 1, until_ms=market.time_ms + 1))
    market.place(A, sell(20, 1, until_ms=market.time_ms + 1))
    market.must(A, CancelOrder(number))
    market.must(B, buy(20, 1))
    market.new_block(1)
    assert market.faults() == []


def test_so_many_orders_expire_in_a_block_and_none_is_filled_after_its_time(
    market: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "EXPIRED_A_BLOCK", 1)
    for account in (A, B, C):
        market.place(account, sell(20, 1, until_ms=market.time_ms + 5))
    market.place(D, sell(20, 1))
    market.new_block(5)
    assert market.book(SELL) == [(B, 20, 1), (C, 20, 1), (D, 20, 1)]
    assert market.place(A, buy(20, 2, fills=1)) == 0
    assert market.events[-2:] == [
        Closed(2, B, "PALT", "USDT", SELL, 20 * TICK, LOT, "expired"),
        Dropped(A, "PALT", "USDT", BUY, 20 * TICK, 2 * LOT),
    ]
    market.must(A, buy(20, 1))
    assert (market.held(A), market.held(C), market.held(D)) == ((1, -20), (0, 0), (-1, 20))
    assert market.faults() == []


def test_governance_and_accounts_read_what_they_decide(market: Exchange) -> None:
    assert open_pair().subject == "REEL-USDT"
    assert open_pair().in_words() == (
        "let REEL be traded for USDT, at first at 5 units of USDT per REEL"
    )
    turnover = SetLeastTurnover("PALT", "USDT", LEAST_TURNOVER)
    assert turnover.subject == "PALT-USDT"
    assert turnover.in_words() == (
        "let a day count for the price of PALT once 10000000 units of USDT are paid in it"
    )
    assert market.price == OPENING
