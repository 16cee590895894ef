"""T6: spending through a share link is split by the creator's terms, and votes for the content."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.fans import PRICE, VIDEO, A, B, C, D, Fans
from vm.modules.gifts import Give
from vm.modules.ranking import VIDEO as VIDEO_KIND
from vm.modules.referral import SetTerms, Terms
from vm.modules.social import Tip

DISABLED = Disabled("vm.modules.referral.Terms.ppm", lambda self, referrer: 0)


def test_a_sharer_gets_a_tenth_and_a_registered_team_a_quarter_of_what_the_fee_leaves() -> None:
    fans = Fans()
    fans.must(C, SetTerms(100_000, 250_000, (D,)))
    for referrer, part in ((A, Fraction(1, 10)), (D, Fraction(1, 4))):
        before, creators = fans.held(referrer), fans.held(C)
        fans.must(B, Tip(VIDEO, "REEL", 777, referrer))
        left = 777 - floor(777 * Fraction(1, 20))
        fans.must(B, Give("rose", C, VIDEO, referrer))
        gift = PRICE - floor(PRICE * Fraction(1, 5))
        got = floor(left * part) + floor(gift * part)
        assert fans.held(referrer) - before == got
        assert fans.held(C) - creators == left + gift - got
    assert fans.points(VIDEO_KIND, str(VIDEO)) == 38 + 100 + 9 + 25
    assert Terms(1, 2, ()).ppm(A) in (0, 1)
