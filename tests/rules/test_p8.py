"""P8: gifts from a catalogue with prices and animations, made to order, and won in an app."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.test_gifts import FILM, A, B, C, Shop
from tests.vm.world import FUNDS
from vm.modules.gifts import Deliver, Give, HandOut, OrderGift, StockUp
from vm.modules.revenue import REVENUE_POT

DISABLED = Disabled("vm.modules.gifts.giving.pay_creator", lambda *arguments, **named: 0)


def test_a_gift_bought_one_won_and_one_made_pay_who_gets_or_makes_them_but_for_the_fee() -> None:
    shop, price = Shop(), 101
    fee = floor(Fraction(price, 5))
    assert shop.act(A, Give("rose", C, None, None)) == "ok"
    assert shop.act(B, StockUp("chess", "rose", 1)) == "ok"
    assert shop.act(B, HandOut("chess", "rose", C)) == "ok"
    assert shop.held(C) == 2 * (price - fee)
    assert shop.act(A, OrderGift(C, "REEL", 1000, FILM, 60)) == "ok"
    assert shop.act(C, Deliver(1, FILM)) == "ok"
    assert shop.held(C) == 2 * (price - fee) + 800
    assert shop.held(A) == FUNDS - price - 1000
    assert shop.pot(REVENUE_POT) == 2 * fee + 200
