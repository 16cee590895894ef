"""Ratings: once for each side of a settled call, in a time; the record is counts and an average."""

import pytest

from tests.vm.calls import CALLER, OTHER, PROVIDER, RATE, Calls
from vm.modules.ratings import INVITATIONS, STANDINGS, Rate, Standing


@pytest.fixture
def calls() -> Calls:
    made = Calls()
    made.begin_call()
    return made


def test_each_side_rates_the_other_once(calls: Calls) -> None:
    assert calls.failure(CALLER, Rate(0, 5)) == ("not-invited", "session")
    calls.settle(60)
    calls.must(CALLER, Rate(0, 5))
    calls.must(PROVIDER, Rate(0, 1))
    assert STANDINGS.get(calls.world.state, PROVIDER) == Standing((0, 0, 0, 0, 1), 5_000)
    assert STANDINGS.get(calls.world.state, CALLER) == Standing((1, 0, 0, 0, 0), 1_000)
    for sender in (CALLER, PROVIDER):
        assert calls.failure(sender, Rate(0, 3)) == ("already-rated", "session")
    assert calls.failure(OTHER, Rate(0, 3)) == ("not-invited", "session")
    assert calls.failure(CALLER, Rate(7, 3)) == ("not-invited", "session")
    assert calls.faults() == []


def test_the_time_for_rating_ends(calls: Calls) -> None:
    calls.settle(60)
    calls.wait(RATE - 1)
    calls.must(CALLER, Rate(0, 4))
    calls.time_ms += 1000
    assert calls.failure(PROVIDER, Rate(0, 4)) == ("too-late", "session")
    calls.wait(0)
    assert list(INVITATIONS.every(calls.world.state)) == []
    assert calls.faults() == []


def test_a_call_that_was_too_short_is_not_rated(calls: Calls) -> None:
    calls.settle(59)
    assert calls.failure(CALLER, Rate(0, 5)) == ("not-invited", "session")
