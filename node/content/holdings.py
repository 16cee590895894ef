"""The files that a node holds whole, and which of them only as replicas of others'."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import Counter
from consensus.record import AtMost, Record, part, record
from p2p.savedfile import read_saved, save

MAX_HOLDINGS = 65_536
_MAX_FILE_BYTES = MAX_HOLDINGS * 64


@part
class Holding(Record):
    """A file: its bytes of content, and whether it is kept for the network's sake only."""

    root: Cid
    size_bytes: Counter
    is_replica: bool


@record("holdings")
class SavedHoldings(Record):
    """The file of what a node holds."""

    items: Annotated[tuple[Holding, ...], AtMost(MAX_HOLDINGS)]


@dataclass(slots=True)
class _Sums:
    replicas: int = 0
    replica_bytes: int = 0


class Holdings:
    """What is held, in the order in which it came; kept in a file, if there is one, that the node
    can do without: it finds again what it has."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._items: dict[Cid, Holding] = {}
        self._sums = _Sums()
        saved = None if file is None else read_saved(file, SavedHoldings, _MAX_FILE_BYTES)
        for item in () if saved is None else saved.items:
            self._put(item)

    def __contains__(self, root: Cid) -> bool:
        return root in self._items

    def __len__(self) -> int:
        return len(self._items)

    @property
    def replicas(self) -> int:
        """How many files are held as replicas."""
        return self._sums.replicas

    @property
    def replica_bytes(self) -> int:
        """Bytes of content that are held as replicas."""
        return self._sums.replica_bytes

    def newest(self, count: int) -> list[Cid]:
        """The roots that came last, at most so many."""
        return list(self._items)[-count:]

    def replica_roots(self) -> list[Cid]:
        """The roots that are held as replicas, the oldest first."""
        return [item.root for item in self._items.values() if item.is_replica]

    def add(self, root: Cid, size_bytes: int, *, is_replica: bool) -> bool:
        """Note a file that is whole here; False if it was known, or there is no place. What is
        held for its own sake is no replica any more."""
        known = self._items.get(root)
        if known is not None and (is_replica or not known.is_replica):
            return False
        if known is None and len(self._items) >= MAX_HOLDINGS:
            return False
        self.remove(root)
        self._put(Holding(root, size_bytes, is_replica))
        return True

    def remove(self, root: Cid) -> bool:
        """A file is held no more; False if it was not."""
        item = self._items.pop(root, None)
        if item is not None and item.is_replica:
            self._sums.replicas -= 1
            self._sums.replica_bytes -= item.size_bytes
        return item is not None

    def save(self) -> None:
        """Write the file; blocks, so use a thread."""
        if self._file is not None:
            save(self._file, SavedHoldings(tuple(self._items.values())).encode())

    def _put(self, item: Holding) -> None:
        self._items[item.root] = item
        if item.is_replica:
            self._sums.replicas += 1
            self._sums.replica_bytes += item.size_bytes
