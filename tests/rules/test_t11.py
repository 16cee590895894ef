"""T11: third-party apps are enabled and paid; a parameter splits what they earn with the platform,
and official apps stand in the same registry."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.test_apps import CHESS, DEPOSIT, SWORD, WINDOW_S, A, B, Store, charge, pay
from tests.vm.world import FUNDS
from vm.modules.apps import APPS, FEE_PPM, OFFICIAL_FEE_PPM, Enable, Refund, SetOfficial
from vm.modules.revenue import REVENUE_POT

DISABLED = Disabled("vm.modules.apps.paying.fee_ppm_of", lambda view, app: 0)


def test_what_is_paid_is_split_by_a_parameter_and_what_is_refunded_is_not() -> None:
    store, price, part = Store(), 101, Fraction(3, 10)
    FEE_PPM.set(store.world.state, 300_000)
    assert (SWORD.price, DEPOSIT) == (price, 1_000)
    fee = floor(price * part)
    assert store.act(A, pay()) == "ok"
    assert store.act(B, charge()) == "ok"
    assert store.act(A, pay()) == "ok"
    assert store.act(B, Refund("chess", 3)) == "ok"
    assert store.held(A) == FUNDS - 2 * price
    assert store.held(B) == FUNDS - DEPOSIT + 2 * (price - fee)
    assert store.pot(REVENUE_POT) == 0
    store.wait(WINDOW_S)
    assert store.pot(REVENUE_POT) == 2 * fee


def test_an_official_app_is_one_of_the_registry_with_its_own_split() -> None:
    store, half = Store(), Fraction(1, 2)
    OFFICIAL_FEE_PPM.set(store.world.state, 500_000)
    assert store.decide(SetOfficial(CHESS.app, B, is_official=True)) == "ok"
    assert store.act(A, Enable(CHESS.app, 0)) == "ok"
    assert store.act(A, pay()) == "ok"
    assert store.held(B) == FUNDS - DEPOSIT + 101 - floor(101 * half)
    assert [(key, row.is_official) for key, row in APPS.every(store.world.state)] == [
        (("chess",), True)
    ]
