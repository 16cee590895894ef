"""The rows of a state, cut into the ranges of its snapshot in bounded memory.

The database has rows in order of their keys, a snapshot in order of their paths, which are hashes.
So one pass sorts the rows into 256 files by the next eight bits of their paths; then each file is
small enough to be sorted in memory. One that is not is spread over 256 files more.
"""

import struct
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from consensus.hashing import DIGEST_BYTES
from consensus.snapshot import cut_rows, must_split, row_weight
from consensus.tree import key_path
from consensus.tree_range import WHOLE, Prefix
from storage.database import STATE_ROW, KeyValueReader
from storage.disk import REAL_DISK, Disk

PathRow: TypeAlias = tuple[bytes, bytes, bytes]  # path, key, value
Range: TypeAlias = tuple[Prefix, Sequence[PathRow]]

SCAN_ROWS = 512
MEMORY_BYTES = 16 * 1024 * 1024

_BITS = 8
_HEAD = struct.Struct(f">{DIGEST_BYTES}sHI")  # path, bytes of the key and of the value
_READ_BYTES = 1024 * 1024


def state_rows(reader: KeyValueReader, pause: Callable[[], None]) -> Iterator[PathRow]:
    """All rows of the state in order of their keys; `pause` is called every few rows."""
    start = STATE_ROW
    while rows := reader.scan(STATE_ROW, start=start, limit=SCAN_ROWS):
        for row, value in rows:
            key = row[len(STATE_ROW) :]
            yield key_path(key), key, value
        start = rows[-1][0] + b"\x00"
        pause()


@dataclass(slots=True)
class _Bucket:
    """Rows that share the first bits of their paths: in memory, and those before in a file."""

    name: str
    rows: int
    weight: int
    buffer: bytearray
    size_bytes: int  # of the file


class RowSorter:
    """Sorts rows by their paths. What it puts into `folder` has names that begin with `name`, is
    never synced, and is removed as soon as it was read; after an error it is left there."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        disk: Disk = REAL_DISK,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._folder = folder
        self._name = name
        self._disk = disk
        self._memory_bytes = memory_bytes

    def ranges(self, rows: Iterable[PathRow], prefix: Prefix = WHOLE) -> Iterator[Range]:
        """The ranges that the rows, all under `prefix` of whole bytes, are cut into, in order,
        each with its rows in ascending order of their paths. Raises OSError."""
        yield from self._walk(prefix, self._spread(rows, prefix))

    def _walk(self, prefix: Prefix, buckets: Sequence[_Bucket]) -> Iterator[Range]:
        weight = sum(bucket.weight for bucket in buckets)
        if not must_split(sum(bucket.rows for bucket in buckets), weight):
            yield prefix, sorted(row for bucket in buckets for row in self._taken(bucket))
        elif len(buckets) > 1:
            middle = len(buckets) // 2
            left, right = prefix.halves()
            yield from self._walk(left, buckets[:middle])
            yield from self._walk(right, buckets[middle:])
        elif weight <= self._memory_bytes:
            yield from cut_rows(prefix, sorted(self._taken(buckets[0])))
        else:
            yield from self.ranges(self._taken(buckets[0]), prefix)

    def _spread(self, rows: Iterable[PathRow], prefix: Prefix) -> list[_Bucket]:
        """The rows in buckets by the bits of their paths that follow `prefix`."""
        stem = f"{self._name}.{prefix.depth}.{prefix.bits.hex()}"
        buckets = [_Bucket(f"{stem}.{i:02x}", 0, 0, bytearray(), 0) for i in range(1 << _BITS)]
        byte = prefix.depth // _BITS
        held = 0
        for path, key, value in rows:
            bucket = buckets[path[byte]]
            bucket.rows += 1
            bucket.weight += row_weight(key, value)
            bucket.buffer += _HEAD.pack(path, len(key), len(value)) + key + value
            held += _HEAD.size + len(key) + len(value)
            if held > self._memory_bytes:
                for full in buckets:
                    self._flush(full)
                held = 0
        return buckets

    def _flush(self, bucket: _Bucket) -> None:
        if not bucket.buffer:
            return
        path = self._folder / bucket.name
        opened = self._disk.open(path) if bucket.size_bytes else self._disk.create(path)
        with closing(opened) as file:
            file.append(bytes(bucket.buffer))
        bucket.size_bytes += len(bucket.buffer)
        bucket.buffer = bytearray()

    def _taken(self, bucket: _Bucket) -> Iterator[PathRow]:
        """The rows of a bucket, which is empty then."""
        path, data = self._folder / bucket.name, b""
        for start in range(0, bucket.size_bytes, _READ_BYTES):
            data += self._disk.read(path, _READ_BYTES, start)
            data = yield from _whole_rows(data)
        if bucket.size_bytes:
            self._disk.remove(path)
        data += bytes(bucket.buffer)
        bucket.buffer = bytearray()
        yield from _whole_rows(data)


def _whole_rows(data: bytes) -> Generator[PathRow, None, bytes]:
    """The rows that are there in full; returns what is left."""
    at = 0
    while at + _HEAD.size <= len(data):
        path, key_bytes, value_bytes = _HEAD.unpack_from(data, at)
        key_at = at + _HEAD.size
        value_at = key_at + key_bytes
        end = value_at + value_bytes
        if end > len(data):
            break
        yield path, data[key_at:value_at], data[value_at:end]
        at = end
    return data[at:]
