"""T8: of each pair of creators one is promoted, by odds of 1/2 : 1/2 and 3/4 : 1/4; W_M and W_w."""

from fractions import Fraction
from math import comb

import pytest

from tests.rules.disabled import Disabled
from tests.vm.liveliness import EFFORT, PAIRING, W_M, W_W, Liveliness
from vm.modules.draws import draw_seed
from vm.modules.poc import CREATORS, is_first_promoted, quarters_of

DISABLED = Disabled("vm.modules.poc.promoting.quarters_of", lambda first, second: 4)

DRAWS = 10_000
DOUBT = Fraction(1, 10**6)


def bounds(odds: Fraction) -> range:
    """How many of DRAWS succeed, but for DOUBT on each side, by the binomial distribution."""
    weights = [
        comb(DRAWS, k) * odds.numerator**k * (odds.denominator - odds.numerator) ** (DRAWS - k)
        for k in range(DRAWS + 1)
    ]
    whole, tail, least = odds.denominator**DRAWS, 0, 0
    while tail + weights[least] < DOUBT * whole:
        tail, least = tail + weights[least], least + 1
    tail, most = 0, DRAWS
    while tail + weights[most] < DOUBT * whole:
        tail, most = tail + weights[most], most - 1
    return range(least, most + 1)


@pytest.mark.parametrize(
    ("first", "second", "odds"),
    [(5, 1, Fraction(1, 2)), (5, 0, Fraction(3, 4)), (0, 5, Fraction(1, 4))],
)
def test_the_odds_over_ten_thousand_beacons(first: int, second: int, odds: Fraction) -> None:
    beacons = (number.to_bytes(32, "big") for number in range(DRAWS))
    seeds = (draw_seed("poc.promotion", beacon, 0) for beacon in beacons)
    promoted = sum(is_first_promoted(seed, 0, first, second) for seed in seeds)
    assert promoted in bounds(odds)


def test_one_of_a_pair_gets_w_m_and_the_other_w_w() -> None:
    stage = Liveliness()
    creators, fans = stage.attest(20), stage.attest(5)
    for place, creator in enumerate(creators):
        assert stage.do(fans[place % 5], creator=creator) == 1
    stage.live()
    stage.blocks(5)
    pairs = list(zip(creators[::2], creators[1::2], strict=True))
    held = [(stage.held(first), stage.held(second)) for first, second in pairs]
    assert set(held) == {(W_M, W_W), (W_W, W_M)}, "now the one, now the other"
    for each in creators:
        row = CREATORS.get(stage.world.state, each)
        assert row is not None
        assert (row.pairings, row.promotions) == (1, int(stage.held(each) == W_M))
    assert stage.sound()


def test_what_the_promoted_gets_more_is_above_four_efforts() -> None:
    """With W_M - W_w > 4e contributing is better whatever the other does (4.4)."""
    stage = Liveliness()
    for gap, outcome in ((4 * EFFORT, "poc.gap-too-small"), (4 * EFFORT + 1, "ok")):
        action = type(PAIRING)(
            W_W + gap, W_W, EFFORT, PAIRING.dimensions, PAIRING.contributions, PAIRING.idle_days
        )
        assert stage.decide(action) == outcome
    for other in (0, 1):
        value = {
            mine: Fraction(quarters_of(mine, other), 4) * (4 * EFFORT + 1) - mine * EFFORT
            for mine in (0, 1)
        }
        if other:
            assert value[1] > value[0]
    assert quarters_of(1, 0) - quarters_of(0, 1) == 2
