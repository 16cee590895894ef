"""Counting: what the votes of a stage come to. Thresholds are exact integers: `p` percent of a body
of `n` are reached by `v` votes when v × 100 >= p × n (ECONOMIES section 4)."""

from enum import Enum

from vm.modules.gov.tables import Stage, Tally


class Outcome(Enum):
    """What has become of a stage."""

    OPEN = "open"
    PASSED = "passed"
    REJECTED = "rejected"
    VETOED = "vetoed"


def reaches(votes: int, percent: int, size: int) -> bool:
    """Whether so many votes are this share of so many, and more than none."""
    return votes > 0 and votes * 100 >= percent * size


def count(stage: Stage, tally: Tally) -> Outcome:
    """What the votes come to when the stage closes."""
    if stage.veto and reaches(tally.no, stage.veto, tally.size):
        return Outcome.VETOED
    if stage.quorum and not reaches(tally.cast, stage.quorum, tally.size):
        return Outcome.REJECTED
    whole = tally.yes + tally.no if stage.of_votes else tally.size
    return Outcome.PASSED if reaches(tally.yes, stage.percent, whole) else Outcome.REJECTED


def foresee(stage: Stage, tally: Tally, *, countable: bool) -> Outcome:
    """The outcome, as soon as no vote that may still come can change it; OPEN till then.

    The votes of a body that is `countable` can be no more than its size; holders may bond more
    while a stage is open. Votes are final, so what has been cast only grows.
    """
    if stage.veto and reaches(tally.no, stage.veto, tally.size):
        return Outcome.VETOED
    if not countable:
        return Outcome.OPEN
    left = tally.size - tally.cast
    best, worst = _with(tally, yes=left), _with(tally, no=left)
    outcomes = {count(stage, each) for each in (tally, best, worst)}
    return outcomes.pop() if len(outcomes) == 1 else Outcome.OPEN


def _with(tally: Tally, *, yes: int = 0, no: int = 0) -> Tally:
    return Tally(
        tally.height,
        tally.opened_ms,
        tally.closes_ms,
        tally.size,
        tally.seated,
        tally.yes + yes,
        tally.no + no,
        tally.abstain,
    )
