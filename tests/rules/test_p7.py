"""P7: a call is metered by tickets, of which the highest settles it; unspent escrow returns."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.calls import CALLER, CHALLENGE, PROVIDER, Calls, profile
from tests.vm.world import FUNDS
from vm.modules.sessions import Session


def _nothing(_row: Session, _seconds: int) -> int:
    return 0


DISABLED = Disabled("vm.modules.sessions.tables.Session.charge", _nothing)


def test_a_call_costs_its_seconds_and_the_rest_of_the_escrow_returns() -> None:
    for price, seconds in ((100, 600), (100, 301), (7, 61), (1, 59), (10**6, 1)):
        calls = Calls()
        calls.must(PROVIDER, profile(price))
        calls.begin_call(price)
        calls.must(CALLER, calls.ticket(seconds - 1))
        calls.must(PROVIDER, calls.ticket(seconds))
        calls.wait(CHALLENGE)
        charge = floor(Fraction(price) * Fraction(seconds, 60))
        fee = floor(charge * Fraction(1, 5))
        assert calls.held(CALLER) == FUNDS - charge
        assert calls.held(PROVIDER) == FUNDS + charge - fee
        assert calls.pot("revenue") == fee
        assert calls.faults() == []
