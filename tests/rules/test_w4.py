"""W4: who checks in shares floor(pool x ppm / 10^6) by what is locked; missing costs a period."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, FUNDS
from vm.modules.checkin import CheckIn, Claim, SetRules
from vm.modules.tokens import IssueToPot

DISABLED = Disabled("vm.modules.checkin.taking_part.credit", lambda *arguments: None)


def test_two_share_the_airdrop_of_a_period_and_one_that_of_the_next() -> None:
    stage, pool, ppm = Days(), 9_000_001, 12_345
    stage.decide(IssueToPot("participation", "REEL", pool, ""))
    stage.decide(SetRules(0, 30, ppm, "participation"))
    assert stage.act(ANNA.public, CheckIn(700)) == "ok"
    assert stage.act(BEN.public, CheckIn(300)) == "ok"
    stage.live(30)
    first = floor(Fraction(pool * ppm, 10**6))
    assert stage.act(ANNA.public, CheckIn(1)) == "ok"
    stage.live(30)
    second = floor(Fraction((pool - first) * ppm, 10**6))
    for who in (ANNA, BEN):
        assert stage.act(who.public, Claim()) == "ok"
    assert stage.held(ANNA.public) == FUNDS + floor(Fraction(first * 7, 10)) + second
    assert stage.held(BEN.public) == FUNDS + floor(Fraction(first * 3, 10))
