"""A snapshot in one file, as a node keeps it and as it is carried to another machine.

    file     = MAGIC ‖ chunk… ‖ manifest ‖ step… ‖ foot
    step     = length (4 bytes) ‖ encoded DynastyStep
    foot     = where the manifest begins (8) ‖ where the steps begin (8) ‖ number of steps (8)

Integers are big-endian; chunks and manifest are in their canonical encodings (consensus/snapshot),
the sizes of the chunks are in the manifest. The steps are those of all dynasties before the final
block's, so that the file is proved from genesis on. It has no checksum: all in it is proved.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from consensus.errors import Invalid
from consensus.light import MAX_DYNASTY_STEP_BYTES, DynastyStep
from consensus.snapshot import (
    MAX_MANIFEST_BYTES,
    ChunkEntry,
    SnapshotChunk,
    SnapshotManifest,
    row_weight,
)
from storage.disk import REAL_DISK, AppendFile, Disk
from storage.errors import StorageError

MAGIC = b"reelect snapshot 1\n"

_STEP = struct.Struct(">I")
_FOOT = struct.Struct(">QQQ")


class SnapshotError(StorageError):
    """A snapshot cannot be read, taken or imported; names its file or folder and what to do."""


class SnapshotWriter:
    """Writes a snapshot's file from its beginning to its end; durable once `finish` returns."""

    def __init__(self, path: Path, disk: Disk = REAL_DISK) -> None:
        self._file: AppendFile = disk.create(path)
        self._at = 0
        self._entries: list[ChunkEntry] = []
        self._append(MAGIC)

    @property
    def entries(self) -> tuple[ChunkEntry, ...]:
        """The chunks so far, as the manifest lists them."""
        return tuple(self._entries)

    def add(self, chunk: SnapshotChunk) -> None:
        """Write the next chunk, in order of the paths."""
        data = chunk.encode()
        weight = sum(row_weight(row.key, row.value) for row in chunk.rows)
        self._entries.append(ChunkEntry(chunk.prefix, weight, len(data)))
        self._append(data)

    def finish(self, manifest: SnapshotManifest, steps: Iterable[bytes]) -> None:
        """Write the rest and make all of it durable."""
        manifest_at = self._at
        self._append(manifest.encode())
        steps_at, count = self._at, 0
        for step in steps:
            self._append(_STEP.pack(len(step)) + step)
            count += 1
        self._append(_FOOT.pack(manifest_at, steps_at, count))
        self._file.sync()
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, data: bytes) -> None:
        self._file.append(data)
        self._at += len(data)


class SnapshotFile:
    """A snapshot's file, to read. Nothing in it is proved yet. Usable from several threads."""

    def __init__(
        self, path: Path, disk: Disk, manifest: SnapshotManifest, steps_at: int, steps: int
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.step_count = steps
        self._disk = disk
        self._steps_at = steps_at
        self._starts: list[int] = []
        at = len(MAGIC)
        for entry in manifest.chunks:
            self._starts.append(at)
            at += entry.size_bytes
        self._chunks_end = at

    @classmethod
    def open(cls, path: Path, disk: Disk = REAL_DISK) -> Self:
        """Read where things are; raises SnapshotError for a file that is none or was cut short,
        OSError."""
        size = disk.size(path)
        if disk.read(path, len(MAGIC)) != MAGIC:
            raise SnapshotError(f"{path} is not a snapshot's file")
        foot_at = size - _FOOT.size
        if foot_at < len(MAGIC):
            raise _damaged(path, "it is cut short")
        manifest_at, steps_at, steps = _FOOT.unpack(disk.read(path, _FOOT.size, foot_at))
        if not len(MAGIC) <= manifest_at < steps_at <= foot_at:
            raise _damaged(path, "it does not end as it should")
        if steps_at - manifest_at > MAX_MANIFEST_BYTES:
            raise _damaged(path, "its manifest is too long")
        try:
            data = disk.read(path, steps_at - manifest_at, manifest_at)
            manifest = SnapshotManifest.decode(data)
        except Invalid as error:
            raise _damaged(path, f"manifest: {error}") from error
        made = cls(path, disk, manifest, steps_at, steps)
        if made._chunks_end != manifest_at:
            raise _damaged(path, "its chunks are not as long as its manifest says")
        return made

    def manifest_data(self) -> bytes:
        """The encoded manifest; raises OSError."""
        return self._disk.read(self.path, self._steps_at - self._chunks_end, self._chunks_end)

    def chunk(self, index: int) -> bytes:
        """The encoded chunk; raises IndexError, OSError."""
        return self._disk.read(
            self.path, self.manifest.chunks[index].size_bytes, self._starts[index]
        )

    def steps(self) -> Iterator[DynastyStep]:
        """The steps from genesis to the final block's dynasty; raises SnapshotError, OSError."""
        at = self._steps_at
        for number in range(self.step_count):
            head = self._disk.read(self.path, _STEP.size, at)
            size = int.from_bytes(head, "big")
            if len(head) < _STEP.size or size > MAX_DYNASTY_STEP_BYTES:
                raise _damaged(self.path, f"dynasty step {number} is cut short")
            try:
                yield DynastyStep.decode(self._disk.read(self.path, size, at + _STEP.size))
            except Invalid as error:
                raise _damaged(self.path, f"dynasty step {number}: {error}") from error
            at += _STEP.size + size


def _damaged(path: Path, what: str) -> SnapshotError:
    return SnapshotError(f"{path} is damaged ({what}): get it again")
