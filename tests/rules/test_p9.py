"""P9: after a settled call each side may rate the other once; the record is counts and average."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.calls import CALLER, PROVIDER, Calls, profile
from vm.modules.ratings import STANDINGS, Rate, Standing


def _unchanged(row: Standing, _stars: int) -> Standing:
    return row


DISABLED = Disabled("vm.modules.ratings.tables.Standing.rated", _unchanged)


def test_the_record_shows_counts_and_the_average_rounded_down() -> None:
    calls, given = Calls(), [5, 4, 4, 1, 5, 2, 2]
    for number, stars in enumerate(given):
        calls.must(PROVIDER, profile())
        calls.begin_call(number=number)
        calls.settle(60, number)
        calls.must(CALLER, Rate(number, stars))
        assert calls.act(CALLER, Rate(number, stars)) == "ratings.already-rated"
    average = floor(1000 * Fraction(sum(given), len(given)))
    expected = Standing(tuple(given.count(stars) for stars in range(1, 6)), average)
    assert STANDINGS.get(calls.world.state, PROVIDER) == expected
    assert calls.faults() == []
