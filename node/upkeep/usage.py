"""`reelect db stats`: how much of what a node keeps, and what that takes of the disk."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node.upkeep.faults import TELL_EACH, Tell
from storage.database import KeyValueReader
from storage.rows import ROW_KINDS, every_row
from storage.snapshots import SNAPSHOTS


@dataclass(frozen=True, slots=True)
class KindUsage:
    """The rows of a kind, and the bytes of their keys and values."""

    kind: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What the folders of a node take of the disk, and what is left of it."""

    chain_bytes: int
    content_bytes: int
    snapshot_bytes: int
    free_bytes: int


def row_usage(reader: KeyValueReader, tell: Tell) -> Iterator[KindUsage]:
    """Of every kind of row, read with its checksums. Raises DatabaseError."""
    for prefix, kind in ROW_KINDS.items():
        rows = size_bytes = 0
        for key, value in every_row(reader, prefix):
            rows += 1
            size_bytes += len(key) + len(value)
            if rows % TELL_EACH == 0:
                tell(kind, rows)
        yield KindUsage(kind, rows, size_bytes)


def room_of(data: Path) -> Room:
    """Of the data folder of a node. Raises OSError."""
    return Room(
        chain_bytes=folder_bytes(data / "chain"),
        content_bytes=folder_bytes(data / "content"),
        snapshot_bytes=folder_bytes(data / SNAPSHOTS),
        free_bytes=shutil.disk_usage(data).free,
    )


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below a folder; 0 if there is none."""
    files = (Path(path) / name for path, _, names in os.walk(folder) for name in names)
    return sum(file.stat(follow_symlinks=False).st_size for file in files)
