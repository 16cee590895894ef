"""T5: fees of gifts vote; scores halve with time, repetitions weigh less, and creators lose nothing
by it."""

from fractions import Fraction
from math import floor

from consensus.address import format_address
from tests.rules.disabled import Disabled
from tests.vm.fans import PRICE, VIDEO, B, C, Fans
from vm.modules.gifts import Give
from vm.modules.ranking import CREATOR, HALF_LIFE_S, REPEAT_WINDOW_S
from vm.modules.ranking import VIDEO as VIDEO_KIND

DISABLED = Disabled(
    "vm.modules.ranking.voting.repeated_points", lambda points, earlier, repeat_ppm: points
)


def test_five_roses_weigh_less_each_time_and_pay_the_creator_the_same() -> None:
    fans, fee = Fans(), floor(Fraction(PRICE, 5))
    before = fans.held(C)
    for _ in range(5):
        fans.must(B, Give("rose", C, VIDEO, None))
    expected = sum(floor(fee * Fraction(1, 2) ** turn) for turn in range(5))
    assert fans.points(VIDEO_KIND, str(VIDEO)) == expected == 200 + 100 + 50 + 25 + 12
    assert fans.held(C) - before == 5 * (PRICE - fee), "whatever the ranking does"


def test_a_score_halves_with_each_half_life() -> None:
    fans = Fans()
    fans.must(B, Give("rose", C, None, None))
    fans.time_ms += 1000 * HALF_LIFE_S.default
    assert fans.points(CREATOR, format_address(C)) == Fraction(200, 2)
    fans.time_ms += 1000 * HALF_LIFE_S.default
    assert fans.points(CREATOR, format_address(C)) == Fraction(200, 4)
    assert HALF_LIFE_S.default > REPEAT_WINDOW_S.default
    fans.must(B, Give("rose", C, None, None))
    assert fans.points(CREATOR, format_address(C)) == 50 + 200, "in another window"
