"""The abstract key-value space that modules read and write.

Keys are `encode([table name, key parts…])`, values are encoded records. `storage` provides
views of final and unfinal state; `vm.overlay` collects a block's writes over one.
"""

from collections.abc import Iterable
from typing import Protocol


class View(Protocol):
    """Read access to one consistent state."""

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None."""

    def scan(self, prefix: bytes, *, start: bytes, limit: int) -> Iterable[tuple[bytes, bytes]]:
        """At most `limit` rows whose key begins with `prefix` and is >= `start`, in key order."""


class State(View, Protocol):
    """Read and write access, in one block."""

    @property
    def before(self) -> View:
        """The state as it was before this block."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value at `key`."""

    def delete(self, key: bytes) -> None:
        """Remove `key`, if it is there."""

    def written(self, prefix: bytes) -> Iterable[bytes]:
        """The keys with this prefix that were put or deleted in this block, in order."""
