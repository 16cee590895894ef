"""A database in memory, the twin of storage.database.Database, that fails and crashes on demand.

Like LevelDB with its log it is durable up to some whole batch: a synced one makes everything
before it durable. It serves one thread.
"""

import random
import sys
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from pathlib import Path
from weakref import ref

from storage.database import (
    _SCHEMA_VALUE,
    END_ROW,
    SCHEMA_ROW,
    DatabaseError,
    KeyValueReader,
    Write,
)

Values = dict[bytes, bytes | None]  # None: no such row

_FEW = 64  # so many keys are put into their places one by one


class _Rows:
    """The rows, with their keys in order whenever somebody asks for it."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._moved: set[bytes] = set()  # keys that came or went since _keys was in order

    def write(self, writes: Mapping[bytes, bytes | None]) -> Values:
        """Write, and give what was there before."""
        values, before = self.values, Values()
        for key, value in writes.items():
            old = before[key] = values.get(key)
            if value is not None:
                values[key] = value
            elif old is not None:
                del values[key]
            if (old is None) != (value is None):
                self._moved ^= {key}
        return before

    def keys(self) -> list[bytes]:
        """All keys, in order."""
        if len(self._moved) > _FEW:
            self._keys = sorted(self.values)
        else:
            for key in self._moved:
                self._move(key)
        self._moved.clear()
        return self._keys

    def _move(self, key: bytes) -> None:
        if key in self.values:
            insort(self._keys, key)
        else:
            del self._keys[bisect_left(self._keys, key)]


class MemorySnapshot:
    """The database as it was at one moment; see storage.database.Snapshot.

    It keeps what was overwritten until the next snapshot, which it asks for the rest.
    """

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows
        self._before: Values = {}
        self._next: MemorySnapshot | None = None

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`."""
        snapshot: MemorySnapshot | None = self
        while snapshot is not None:
            if key in snapshot._before:
                return snapshot._before[key]
            snapshot = snapshot._next
        return self._rows.values.get(key)

    def scan(self, prefix: bytes, *, start: bytes = b"", limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows whose keys begin with `prefix`, from the key `start` on."""
        start = max(prefix, start)
        changed = {
            key: value
            for key, value in self._changed().items()
            if key >= start and key.startswith(prefix)
        }
        if not changed:
            return _scan(self._rows, prefix, start, limit)
        # Each changed row hides one of the present ones at most.
        rows: Values = dict(_scan(self._rows, prefix, start, limit + len(changed)))
        rows |= changed
        found = [(key, value) for key in sorted(rows) if (value := rows[key]) is not None]
        return found[:limit]

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin with `prefix`, in order."""
        return [key for key, _ in self.scan(prefix, limit=sys.maxsize)]

    def _changed(self) -> Values:
        """What differs from the present rows, as it was then."""
        changed = Values(self._before)
        snapshot = self._next
        while snapshot is not None:
            changed = snapshot._before | changed
            snapshot = snapshot._next
        return changed

    def close(self) -> None:
        """Do nothing: it goes when it is no longer referenced."""


class MemoryDatabase:
    """The open database; see storage.database.Database.

    After `crash`, `kill` or `close` it refuses every call, and `reopen` gives the next process
    its own. `writes` counts the batches.
    """

    def __init__(self, folder: Path = Path("/chain")) -> None:
        self.folder = folder
        self.writes = 0
        self._rows = _Rows()
        self._rows.write({SCHEMA_ROW: _SCHEMA_VALUE, END_ROW: b""})
        self._unsynced: list[Values] = []  # what each batch since the last sync overwrote
        self._newest: ref[MemorySnapshot] | None = None
        self._open = True
        self._failure: BaseException | None = None
        self._failing: BaseException | None = None
        self._failing_write = 0
        self._failed_batch: Values = {}
        self._keeps_failed = False

    def copy(self) -> "MemoryDatabase":
        """Another database with the same rows, all durable."""
        made = MemoryDatabase(self.folder)
        made._rows.write(dict(self._rows.values))
        return made

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`."""
        self._check_open()
        return self._rows.values.get(key)

    def scan(self, prefix: bytes, *, start: bytes = b"", limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows whose keys begin with `prefix`, from the key `start` on."""
        self._check_open()
        return _scan(self._rows, prefix, max(prefix, start), limit)

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin with `prefix`, in order."""
        return [key for key, _ in self.scan(prefix, limit=sys.maxsize)]

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        """Write all rows of `batch` or, after a fault, none; nothing more is written then."""
        self._check_open()
        if self._failure is not None:
            raise self._failure
        writes = dict(batch)
        self.writes += 1
        if self.writes == self._failing_write:
            self._fail(writes)
        before = self._rows.write(writes)
        self._note(before)
        if sync:
            self._unsynced.clear()
        else:
            self._unsynced.append(before)

    def snapshot(self) -> KeyValueReader:
        """The present content, unaffected by later writes."""
        self._check_open()
        made = MemorySnapshot(self._rows)
        newest = None if self._newest is None else self._newest()
        if newest is not None:
            newest._next = made
        self._newest = ref(made)
        return made

    def close(self) -> None:
        """Close the database, without a sync."""
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._open

    @property
    def is_dying(self) -> bool:
        """Whether its process has met what it does not live through."""
        return self._failure is not None and not isinstance(self._failure, Exception)

    @property
    def rows(self) -> Mapping[bytes, bytes]:
        """All that the process reads now."""
        return self._rows.values

    # What befalls it

    def fail_at(
        self, write: int, error: BaseException | None = None, *, kept: bool = False
    ) -> None:
        """Let the coming write number `write` (1: the next) raise `error`, else DatabaseError.

        With `kept` its batch shows after the next start all the same, as when only its sync
        failed. Every later write raises the same.
        """
        self._failing_write = self.writes + write
        self._failing = error
        self._keeps_failed = kept

    def kill(self) -> None:
        """The process dies: nothing that it wrote is lost."""
        self._open = False
        self._log_failed_batch()

    def crash(self, chance: random.Random) -> None:
        """Power loss: of the batches that were not synced a random first part is left."""
        self.kill()
        kept = chance.randint(0, len(self._unsynced))
        for before in reversed(self._unsynced[kept:]):
            self._rows.write(before)
        self._unsynced.clear()

    def reopen(self) -> "MemoryDatabase":
        """The database of the next process, which makes durable what it finds.

        Raises DatabaseError while this one is open.
        """
        if self._open:
            raise DatabaseError(f"{self.folder} is in use by process 1: stop that node first")
        self._log_failed_batch()
        made = MemoryDatabase(self.folder)
        made._rows.values = dict(self._rows.values)
        made._rows._moved = set(made._rows.values)
        return made

    def _check_open(self) -> None:
        if not self._open:
            raise RuntimeError("Database is closed")

    def _note(self, before: Values) -> None:
        """Let the newest snapshot, if anybody still reads it, keep what was overwritten."""
        newest = None if self._newest is None else self._newest()
        if newest is not None:
            kept = newest._before
            for key, value in before.items():
                kept.setdefault(key, value)

    def _fail(self, writes: Values) -> None:
        self._failed_batch = writes if self._keeps_failed else {}
        self._failure = self._failing or DatabaseError(
            f"{self.folder} could not be written (IO error: No space left on device); nothing "
            "final is lost: make room on the disk, then start the node again"
        )
        raise self._failure

    def _log_failed_batch(self) -> None:
        if self._failed_batch:
            self._unsynced.append(self._rows.write(self._failed_batch))
            self._failed_batch = {}


def _scan(rows: _Rows, prefix: bytes, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    keys, values = rows.keys(), rows.values
    found: list[tuple[bytes, bytes]] = []
    for i in range(bisect_left(keys, start), len(keys)):
        if len(found) >= limit or not keys[i].startswith(prefix):
            break
        found.append((keys[i], values[keys[i]]))
    return found
