"""A row of the table: two figures of one run, their ratio, and what it should be at least."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.ground import Ground
from bench.report import Report, spread

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One repeat: what the node does, and what bounds it, measured a moment apart."""

    value: float
    limit: float

    @property
    def ratio(self) -> float:
        """The value in terms of the limit."""
        return self.value / self.limit


@dataclass(frozen=True, slots=True)
class Goal:
    """What the median ratio must be, and what is hoped for; at most instead of at least if less is
    better."""

    floor: float
    aim: float | None = None
    is_most: bool = False

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio is good enough."""
        return ratio <= self.floor if self.is_most else ratio >= self.floor

    def to_json(self) -> Report:
        """Its bounds by name."""
        bounds: Report = {"at_most" if self.is_most else "at_least": self.floor}
        return bounds if self.aim is None else bounds | {"aim": self.aim}


@dataclass(frozen=True, slots=True)
class Row:
    """What a row compares; `measure` returns a sample for each repeat."""

    name: str
    value: str
    limit: str
    unit: str
    goal: Goal
    measure: Callable[[Ground], Sequence[Sample]]

    def report(self, samples: Sequence[Sample]) -> Report:
        """All of the row's fields."""
        return {
            "value_is": self.value,
            "limit_is": self.limit,
            "unit": self.unit,
            "repeats": len(samples),
            "value": spread([sample.value for sample in samples], DIGITS),
            "limit": spread([sample.limit for sample in samples], DIGITS),
            "ratio": spread([sample.ratio for sample in samples], DIGITS),
            **self.goal.to_json(),
            "met": self.goal.is_met(statistics.median(sample.ratio for sample in samples)),
        }
