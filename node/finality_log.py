"""How long blocks took to become final on this node: a bounded log of the latest."""

from array import array
from bisect import bisect_right
from dataclasses import dataclass

MAX_ENTRIES = 16_384


@dataclass(frozen=True, slots=True)
class FinalityEntry:
    """A final block: height, slot, transactions, and the milliseconds from the start of its
    slot until this node held it durably final."""

    height: int
    slot: int
    transactions: int
    finality_ms: int


_NUMBERS = 4  # of an entry


class FinalityLog:
    """Entries in order of height, the oldest dropped first.

    They lie packed in memory that is there from the beginning: a node does not grow by them in
    the hours until the log is full.
    """

    def __init__(self) -> None:
        self._numbers = array("q", [0]) * (MAX_ENTRIES * _NUMBERS)
        self._count = 0  # how many were ever added

    def add(self, entry: FinalityEntry) -> None:
        """Note a block that has just become final."""
        place = self._count % MAX_ENTRIES * _NUMBERS
        numbers = (entry.height, entry.slot, entry.transactions, entry.finality_ms)
        self._numbers[place : place + _NUMBERS] = array("q", numbers)
        self._count += 1

    def after(self, height: int, limit: int) -> list[FinalityEntry]:
        """At most `limit` entries above a height."""
        kept = range(max(0, self._count - MAX_ENTRIES), self._count)
        first = bisect_right(kept, height, key=lambda number: self._entry(number).height)
        return [self._entry(number) for number in kept[first : first + limit]]

    @property
    def last(self) -> FinalityEntry | None:
        """The newest entry."""
        return self._entry(self._count - 1) if self._count else None

    def _entry(self, number: int) -> FinalityEntry:
        place = number % MAX_ENTRIES * _NUMBERS
        return FinalityEntry(*self._numbers[place : place + _NUMBERS])
