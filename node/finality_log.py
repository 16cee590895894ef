"""How long blocks took to become final on this node: a bounded log of the latest."""

from collections import deque
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


class FinalityLog:
    """Entries in order of height, the oldest dropped first."""

    def __init__(self) -> None:
        self._entries: deque[FinalityEntry] = deque(maxlen=MAX_ENTRIES)

    def add(self, entry: FinalityEntry) -> None:
        """Note a block that has just become final."""
        self._entries.append(entry)

    def after(self, height: int, limit: int) -> list[FinalityEntry]:
        """At most `limit` entries above a height."""
        found = (entry for entry in self._entries if entry.height > height)
        return [entry for entry, _ in zip(found, range(limit), strict=False)]

    @property
    def last(self) -> FinalityEntry | None:
        """The newest entry."""
        return self._entries[-1] if self._entries else None
