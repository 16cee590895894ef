"""Thresholds are exact at every size, and a stage is decided as soon as no vote can change it."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.assembly import stage
from vm.modules.gov import Outcome, Stage, Tally, count, foresee, reaches


def tally(size: int, yes: int, no: int = 0, abstain: int = 0) -> Tally:
    return Tally(1, 0, 1, size, (), yes, no, abstain)


@pytest.mark.parametrize(
    ("percent", "size", "least"),
    [
        (51, 21, 11),
        (33, 500, 165),
        (33, 21, 7),
        (67, 500, 335),
        (67, 21, 15),
        (10, 500, 50),
        (10, 21, 3),
        (51, 500, 255),
        (100, 21, 21),
        (51, 2, 2),
        (51, 1, 1),
    ],
)
def test_the_published_thresholds(percent: int, size: int, least: int) -> None:
    assert reaches(least, percent, size)
    assert not reaches(least - 1, percent, size)


@pytest.mark.parametrize("percent", [51, 33, 67, 10, 100])
@pytest.mark.parametrize("largest", [21, 500])
def test_thresholds_at_every_size_and_their_edges(percent: int, largest: int) -> None:
    for size in range(1, largest + 1):
        share = Fraction(percent, 100) * size
        least = -(-share.numerator // share.denominator)
        assert reaches(least, percent, size)
        assert Fraction(least) >= share
        if least > 1:
            assert not reaches(least - 1, percent, size)
            assert Fraction(least - 1) < share


def test_nothing_passes_without_a_single_yes() -> None:
    assert not reaches(0, 1, 0)
    for body in (stage("nodes", 1), stage("nodes", 1, of_votes=True)):
        assert count(body, tally(0, 0)) is Outcome.REJECTED
        assert count(body, tally(50, 0, 0, 50)) is Outcome.REJECTED


@pytest.mark.parametrize(
    ("of", "votes", "outcome"),
    [
        (stage("b", 51), tally(21, 11), Outcome.PASSED),
        (stage("b", 51), tally(21, 10), Outcome.REJECTED),
        (stage("b", 51, of_votes=True), tally(21, 2, 1), Outcome.PASSED),
        (stage("b", 51, of_votes=True), tally(21, 2, 2), Outcome.REJECTED),
        (stage("b", 51, of_votes=True), tally(21, 2, 1, 18), Outcome.PASSED),
        (stage("b", 51, of_votes=True, quorum=33), tally(21, 5, 1), Outcome.REJECTED),
        (stage("b", 51, of_votes=True, quorum=33), tally(21, 5, 1, 1), Outcome.PASSED),
        (stage("b", 33, veto=33), tally(21, 14, 7), Outcome.VETOED),
        (stage("b", 33, veto=33), tally(21, 14, 6), Outcome.PASSED),
    ],
)
def test_what_the_votes_come_to(of: Stage, votes: Tally, outcome: Outcome) -> None:
    assert count(of, votes) is outcome


@given(
    size=st.integers(0, 7),
    percent=st.integers(1, 100),
    of_votes=st.booleans(),
    quorum=st.sampled_from([0, 20, 50, 100]),
    veto=st.sampled_from([0, 30, 60]),
    data=st.data(),
)
def test_it_is_foreseen_just_when_no_further_vote_matters(
    size: int, percent: int, of_votes: bool, quorum: int, veto: int, data: st.DataObject
) -> None:
    of = stage("b", percent, of_votes=of_votes, quorum=quorum, veto=veto)
    yes = data.draw(st.integers(0, size))
    no = data.draw(st.integers(0, size - yes))
    abstain = data.draw(st.integers(0, size - yes - no))
    left = size - yes - no - abstain
    futures = {
        count(of, tally(size, yes + y, no + n, abstain + a))
        for y, n, a in product(range(left + 1), repeat=3)
        if y + n + a <= left
    }
    seen = foresee(of, tally(size, yes, no, abstain), countable=True)
    assert seen is (futures.pop() if len(futures) == 1 else Outcome.OPEN)


def test_what_holders_may_still_bond_is_not_foreseen() -> None:
    of = stage("holders", 51, veto=40)
    assert foresee(of, tally(100, 60), countable=False) is Outcome.OPEN
    assert foresee(of, tally(100, 0, 39), countable=False) is Outcome.OPEN
    assert foresee(of, tally(100, 0, 40), countable=False) is Outcome.VETOED
