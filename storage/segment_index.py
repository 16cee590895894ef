"""The hashes of files' segment groups, kept so that a segment is proved without hashing its file
again: a file of hashes for each content id, an 8192th of the content.

Nothing here is more than a cache. A file whose checksum does not fit is removed and made anew.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from consensus.cid import Cid
from consensus.hashing import DIGEST_BYTES
from storage.content import ContentError, ContentStoreFull
from storage.disk import REAL_DISK, Disk
from storage.errors import NO_ROOM

_log = logging.getLogger(__name__)

MAX_INDEXES = 65_536
MAX_INDEX_BYTES = 256 * 1024 * 1024  # of a file of 2 TiB
_SIZE_BYTES = 8
_UNFINISHED = ".new"


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """A file's bytes, and the hashes of its groups in order (consensus.segments)."""

    size: int
    groups: tuple[bytes, ...]


class SegmentIndexes:
    """The indexes under one folder, whose parent must exist; at most MAX_INDEXES, of which one
    makes room for another. All calls block, and raise ContentError if the disk fails."""

    def __init__(self, folder: Path, *, disk: Disk = REAL_DISK) -> None:
        self._folder = folder
        self._disk = disk
        self._numbers = count()
        with self._clear_errors():
            disk.make_folder(folder)
            for name in disk.sizes(folder):
                if name.endswith(_UNFINISHED):
                    disk.remove(folder / name)

    def get(self, cid: Cid) -> SegmentIndex | None:
        """The index of a file, or None if there is none."""
        with self._clear_errors():
            try:
                data = self._disk.read(self._folder / str(cid), MAX_INDEX_BYTES + 1)
            except FileNotFoundError:
                return None
            index = _parse(data)
            if index is None:
                _log.error("the segment index of %s was corrupt on disk: removed", cid)
                self._disk.remove(self._folder / str(cid))
            return index

    def put(self, cid: Cid, index: SegmentIndex) -> None:
        """Keep the index of a file."""
        data = index.size.to_bytes(_SIZE_BYTES, "big") + b"".join(index.groups)
        new = self._folder / f"{cid}.{next(self._numbers)}{_UNFINISHED}"
        with self._clear_errors():
            kept = sorted(self._disk.sizes(self._folder))
            for name in kept[: max(0, len(kept) + 1 - MAX_INDEXES)]:
                self._disk.remove(self._folder / name)
            file = self._disk.create(new)
            try:
                file.append(data + hashlib.sha256(data).digest())
                file.sync()
            finally:
                file.close()
            self._disk.replace(new, self._folder / str(cid))

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise ContentStoreFull(
                    f"no room for segment indexes in {self._folder}: free space on its disk"
                ) from error
            raise ContentError(
                f"the segment indexes in {self._folder} fail: {error.strerror}; check the disk and "
                "the folder's permissions"
            ) from error


def _parse(data: bytes) -> SegmentIndex | None:
    """The index in a file's bytes, or None if they are not what was written."""
    body, checksum = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    hashes = body[_SIZE_BYTES:]
    if hashlib.sha256(body).digest() != checksum or not hashes or len(hashes) % DIGEST_BYTES:
        return None
    groups = [hashes[i : i + DIGEST_BYTES] for i in range(0, len(hashes), DIGEST_BYTES)]
    return SegmentIndex(int.from_bytes(body[:_SIZE_BYTES], "big"), tuple(groups))
