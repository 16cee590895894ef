"""Pots that buy from the order book: what, at which price, how much at once, and what is left."""

import pytest

from consensus.record import replace
from tests.vm.buyer import LOT, START, Buyer
from tests.vm.exchange import OPENING, POLICY, TICK, A, B, C, sell
from vm.declare import Action
from vm.modules.buyback import FILLS_A_BLOCK, MOST_RULES, Bought, PassedOn, Start, Stop
from vm.modules.market.tables import FEE_PPM
from vm.modules.revenue import REVENUE_POT
from vm.modules.tokens import pot_of

FAIR = OPENING // TICK  # in ticks; what a lot costs at the reference price


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


def test_the_cheapest_are_bought_first_and_none_above_the_reference_price(buyer: Buyer) -> None:
    for account, price in ((A, FAIR + 1), (B, FAIR), (C, FAIR - 100)):
        buyer.must(account, sell(price, 2))
    buyer.pay_in(10 * FAIR)
    buyer.same_day()
    spent = 2 * (FAIR - 100) + 2 * FAIR
    assert buyer.pots() == (10 * FAIR - spent, 4, 0)
    assert buyer.held(B) == (-2, 2 * FAIR)
    assert buyer.held(C) == (-2, 2 * (FAIR - 100)), "each at the price of its own order"
    assert buyer.book("sell") == [(A, FAIR + 1, 2)]
    assert Bought("ads", "PALT", "USDT", 2 * LOT, FAIR * TICK, 2 * FAIR, 0, B) in buyer.events
    assert buyer.faults() == []


def test_an_order_is_filled_in_part_by_whole_lots(buyer: Buyer) -> None:
    buyer.must(A, sell(FAIR, 5))
    buyer.pay_in(3 * FAIR - 1)
    buyer.same_day()
    assert buyer.pots() == (FAIR - 1, 2, 0)
    assert buyer.book("sell") == [(A, FAIR, 3)]
    assert buyer.faults() == []


def test_what_is_not_spent_by_the_end_of_a_day_goes_on_in_kind(buyer: Buyer) -> None:
    buyer.pay_in(3 * FAIR)
    buyer.same_day()
    assert buyer.pots() == (3 * FAIR, 0, 0), "sellers have until the end of the day"
    buyer.must(A, sell(FAIR, 1))
    buyer.turn()
    assert buyer.pots() == (0, 1, 2 * FAIR)
    assert PassedOn("ads", "USDT", 2 * FAIR) in buyer.events


def test_a_block_fills_a_bounded_number_of_orders_and_the_next_goes_on(buyer: Buyer) -> None:
    for _ in range(FILLS_A_BLOCK + 2):
        buyer.must(A, sell(FAIR, 1))
    buyer.pay_in(100 * FAIR)
    buyer.same_day()
    assert buyer.pots()[1] == FILLS_A_BLOCK
    buyer.same_day()
    assert buyer.pots()[1] == FILLS_A_BLOCK + 2


def test_an_order_that_has_expired_sells_nothing(buyer: Buyer) -> None:
    buyer.must(A, sell(FAIR, 1, until_ms=buyer.time_ms + 10))
    buyer.pay_in(FAIR)
    buyer.time_ms += 10
    buyer.same_day()
    assert buyer.pots() == (FAIR, 0, 0)
    assert buyer.held(A) == (0, 0)


def test_the_seller_pays_the_market_s_fee(buyer: Buyer) -> None:
    FEE_PPM.set(buyer.world.state, 10_000)
    buyer.must(A, sell(FAIR, 2))
    buyer.pay_in(2 * FAIR)
    buyer.same_day()
    assert buyer.held(A) == (-2, 2 * FAIR - 20)
    assert pot_of(buyer.world.state, REVENUE_POT, "USDT") == 20
    assert buyer.faults() == []


def test_what_a_pot_buys_does_not_move_the_price_that_bounds_it(buyer: Buyer) -> None:
    for _ in range(3):
        buyer.must(A, sell(1, 1_000_000))
        buyer.pay_in(100 * 10**6)
        buyer.same_day()
        buyer.turn()
    assert buyer.price == OPENING


def test_a_pot_that_stops_keeps_what_it_holds(buyer: Buyer) -> None:
    buyer.pay_in(FAIR)
    buyer.must(POLICY, Stop("ads"))
    buyer.must(A, sell(FAIR, 1))
    buyer.turn()
    assert buyer.pots() == (FAIR, 0, 0)
    assert buyer.act(POLICY, Stop("ads")) == "buyback.no-rule"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (replace(START, base="REEL"), "market.unknown-pair"),
        (replace(START, base="USDT", quote="PALT"), "market.unknown-pair"),
        (replace(START, to="ads"), "buyback.own-pot"),
        (Stop("pool"), "buyback.no-rule"),
    ],
)
def test_what_cannot_be_is_refused(buyer: Buyer, action: Action, code: str) -> None:
    assert buyer.act(POLICY, action) == code


def test_so_many_pots_buy_and_no_more(buyer: Buyer) -> None:
    for i in range(MOST_RULES - 1):
        buyer.must(POLICY, Start(f"pot_{i}", "PALT", "USDT", "pool"))
    assert buyer.act(POLICY, Start("late", "PALT", "USDT", "pool")) == "buyback.too-many-rules"
    assert buyer.act(POLICY, replace(START, to="other")) == "ok", "one that buys is changed"


def test_an_advertiser_who_sells_himself_the_tokens_gains_nothing(buyer: Buyer) -> None:
    """A pays for a slot and sells the tokens that this buys: of a price he has back no more than
    the part that buys, and for it he has given tokens at no more than the reference price; others
    who sell for less are bought from first."""
    price = 1_000 * FAIR
    buys = price * 700_000 // 10**6
    buyer.must(B, sell(FAIR - 1, 100))
    buyer.must(A, sell(FAIR, 1_000))
    buyer.pay_in(buys)
    buyer.same_day()
    sold = 1_000 - sum(left for account, _, left in buyer.book("sell") if account == A)
    assert buyer.held(B) == (-100, 100 * (FAIR - 1)), "who sells for less is bought from first"
    assert sold == (buys - 100 * (FAIR - 1)) // FAIR
    worth = sold * FAIR  # what his tokens are worth at the reference price
    assert buyer.held(A)[1] == worth, "he has what they are worth, and has paid for the slot"
