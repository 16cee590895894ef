"""Writes kept in memory over a view, with savepoints."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice

from vm.view import View


class _Unwritten(Enum):
    """Marks a key whose write was rolled back: what lies below shows through."""

    UNWRITTEN = 0


_Write = bytes | None | _Unwritten
_UNWRITTEN = _Unwritten.UNWRITTEN


class EmptyView:
    """The state that holds nothing: what genesis is built on."""

    def get(self, key: bytes) -> bytes | None:
        """None for every key."""
        return None

    def scan(self, prefix: bytes, *, start: bytes, limit: int) -> Iterable[tuple[bytes, bytes]]:
        """No rows."""
        return ()


class Overlay:
    """A `State` over `base`; what is written stays here until `writes` is taken.

    `savepoint` marks a moment and `rollback` returns to it exactly.
    """

    def __init__(self, base: View) -> None:
        self._base = base
        self._writes: dict[bytes, _Write] = {}
        self._undo: list[tuple[bytes, _Write]] = []
        self._keys: list[bytes] = []  # of _writes; sorted when a scan needs it
        self._keys_sorted = True

    @property
    def before(self) -> View:
        """What it lies over: of a block's own, the state before the block."""
        return self._base

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None."""
        value = self._writes.get(key, _UNWRITTEN)
        return self._base.get(key) if value is _UNWRITTEN else value

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value at `key`."""
        self._write(key, value)

    def delete(self, key: bytes) -> None:
        """Remove `key`, if it is there."""
        self._write(key, None)

    def written(self, prefix: bytes) -> list[bytes]:
        """The keys with this prefix that were put or deleted here, in order."""
        return sorted(
            key
            for key, value in self._writes.items()
            if value is not _UNWRITTEN and key.startswith(prefix)
        )

    def _write(self, key: bytes, value: bytes | None) -> None:
        if key not in self._writes:
            self._keys.append(key)
            self._keys_sorted = False
        self._undo.append((key, self._writes.get(key, _UNWRITTEN)))
        self._writes[key] = value

    def scan(self, prefix: bytes, *, start: bytes, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """At most `limit` rows whose key begins with `prefix` and is >= `start`, in key order.

        The rows are those of the moment of the call; later writes do not disturb the iteration.
        """
        own = self._own(prefix, start, limit)
        hidden = sum(value is None for value in own.values())
        rows = {
            key: value
            for key, value in self._base.scan(prefix, start=start, limit=limit + hidden)
            if key not in own
        }
        rows |= {key: value for key, value in own.items() if value is not None}
        return islice(sorted(rows.items()), limit)

    def _own(self, prefix: bytes, start: bytes, limit: int) -> dict[bytes, bytes | None]:
        """This overlay's writes (None: deleted) in the range, up to the `limit`-th row: no row
        beyond that can be among the first `limit`."""
        if not self._keys_sorted:
            self._keys.sort()
            self._keys_sorted = True
        found: dict[bytes, bytes | None] = {}
        left = limit
        for i in range(bisect_left(self._keys, max(prefix, start)), len(self._keys)):
            key = self._keys[i]
            if not left or not key.startswith(prefix):
                break
            value = self._writes[key]
            if value is not _UNWRITTEN:
                found[key] = value
                left -= value is not None
        return found

    def savepoint(self) -> int:
        """A mark to give to `rollback`."""
        return len(self._undo)

    def rollback(self, savepoint: int) -> None:
        """Undo every write made since `savepoint`."""
        while len(self._undo) > savepoint:
            key, before = self._undo.pop()
            self._writes[key] = before

    def writes(self) -> dict[bytes, bytes | None]:
        """What differs from the base by key, in key order; None means deleted: what came and went
        again here is not among it."""
        return {
            key: value
            for key, value in sorted(self._writes.items(), key=lambda item: item[0])
            if value is not _UNWRITTEN and (value is not None or self._base.get(key) is not None)
        }
