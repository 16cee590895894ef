"""A node's store of content: blocks by their CIDs, deduplicated, verified going in and coming out;
pins, which keep what they name; and garbage collection, which removes the rest.

The files (storage/content_files.py) are the truth: what is there is stored, and pinned. The index
(storage/content_index.py) counts them. One process owns the folder, through one ContentStore that
its threads share.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from consensus.cid import DAG_PB, Cid
from consensus.dagpb import decode_node
from consensus.errors import Invalid
from consensus.unixfs import KUBO, Profile, check_content_block, read_file
from storage.content_files import (
    ContentError,
    ContentFiles,
    ContentStoreFull,
    MissingBlock,
    clear_errors,
)
from storage.content_index import BlockEntry, ContentCounts, ContentIndex
from storage.content_ledger import ContentLedger, is_block
from storage.content_pin import MAX_PINS, Pin, PinKind
from storage.content_staging import AddedFile, NewFile, staging
from storage.database import Database, DatabaseDamaged, KeyValueStore
from storage.disk import REAL_DISK, Disk

__all__ = (
    "AddedFile",
    "Collected",
    "ContentError",
    "ContentStore",
    "ContentStoreFull",
    "MissingBlock",
    "Verified",
)

_log = logging.getLogger(__name__)

MAX_DAG_NODES = 1_000_000
_INDEX = "index"
_PAGE = 256
_STEP_BLOCKS = 64
_STEP_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Collected:
    """A step of a collection: the blocks that it removed and their bytes; the next step begins at
    the place `next` (None: there is nothing more to remove)."""

    blocks: int
    size_bytes: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A step of a verification: the blocks that it read and their bytes, and those of them that
    were not whole; the next step begins after the block `next` (None: all are verified)."""

    blocks: int
    size_bytes: int
    lost: tuple[Cid, ...]
    next: Cid | None


def open_index(folder: Path) -> Database:
    """The database of a content store's index; one that is damaged is removed, to be made anew.

    Raises DatabaseError.
    """
    try:
        return Database.open(folder / _INDEX)
    except DatabaseDamaged as error:
        _log.warning("%s: it is made anew from the files", error)
        shutil.rmtree(folder / _INDEX)
        return Database.open(folder / _INDEX)


class ContentStore:
    """The blocks and pins under one folder, at most `quota_bytes` of blocks (None: as the disk
    allows).

    Opening takes as long as what was going on at the last end; without an index, one is made from
    the files. The folder's parent must exist. All calls block, those of a change at most for one
    step of another's. They raise ContentError if the disk fails; what was not done then leaves
    nothing that is served or counted.
    """

    def __init__(
        self,
        folder: Path,
        quota_bytes: int | None = None,
        *,
        disk: Disk = REAL_DISK,
        open_database: Callable[[Path], KeyValueStore] = open_index,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._folder = folder
        self._files = ContentFiles(folder, disk)
        self._ledger = ContentLedger(
            self._files, quota_bytes, lambda: open_database(folder), now_ms
        )

    def close(self) -> None:
        """Close the index; nobody may be in a call, nor call from then on."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def quota_bytes(self) -> int | None:
        """The most bytes of blocks."""
        return self._ledger.quota_bytes

    @property
    def size(self) -> int:
        """Bytes of the stored blocks and of those being added."""
        return self._ledger.size

    @property
    def counts(self) -> ContentCounts:
        """How much is stored, how much of that is loose, and how much is pinned."""
        return self._ledger.counts

    # Blocks

    def has(self, cid: Cid) -> bool:
        """Whether the block is stored; its bytes are verified only when they are read."""
        with clear_errors(self._folder):
            return self._files.size(cid) is not None

    def get(self, cid: Cid) -> bytes | None:
        """The block's bytes, or None. A corrupt block is logged, removed, and so missing."""
        with clear_errors(self._folder):
            data = self._files.load(cid)
        if data is None or is_block(cid, data):
            return data
        with self._ledger.indexing() as index:  # another thread may have replaced it meanwhile
            data = self._files.load(cid)
            if data is None or is_block(cid, data):
                return data
            _log.error("block %s in %s was corrupt on disk: removed", cid, self._folder)
            self._ledger.remove(index, [cid])
        return None

    def put(self, cid: Cid, data: bytes) -> None:
        """Store a block durably; raises Invalid unless `data` is the block of that CID."""
        check_content_block(cid, data)
        with staging(self._ledger) as place:
            place.add(cid, data)
            place.publish(cid)

    def delete(self, cid: Cid) -> bool:
        """Remove a block durably, whatever holds it; False if it was not stored."""
        with self._ledger.indexing() as index:
            if self._files.size(cid) is None:
                return False
            self._ledger.remove(index, [cid])
        return True

    def entry(self, cid: Cid) -> BlockEntry | None:
        """What the index knows of a block: its bytes and references."""
        with self._ledger.indexing() as index:
            return index.entry(cid)

    # Files

    @contextmanager
    def new_file(self, profile: Profile = KUBO) -> Iterator["NewFile"]:
        """A file to write in pieces; what is not committed inside the `with` is dropped."""
        with staging(self._ledger) as place:
            yield NewFile(place, profile)

    def add_file(self, path: Path, profile: Profile = KUBO) -> AddedFile:
        """Store a file of this machine: all of it or nothing, a block at a time."""
        with _open_regular(path) as source, self.new_file(profile) as new:
            while data := _read(source, path, profile.chunk_bytes):
                new.write(data)
            return new.commit()

    def read_file(self, cid: Cid) -> Iterator[bytes]:
        """The content of a stored file in pieces, each verified.

        Raises MissingBlock where a block is not stored or corrupt, and InvalidEncoding if the
        CID is not a file's.
        """
        reading = cid

        def load(block: Cid) -> bytes:
            nonlocal reading
            reading = block
            with clear_errors(self._folder):
                data = self._files.load(block)
            if data is None:
                raise MissingBlock(block)
            return data

        try:
            yield from read_file(cid, load)
        except Invalid:
            if self.get(reading) is None:  # it was the disk; get has logged and removed it
                raise MissingBlock(reading) from None
            raise

    # Pins

    def pin(self, cid: Cid, kind: PinKind = PinKind.USER, name: str = "") -> Pin:
        """Keep a root and all below it, durably, also what of it is stored only later.

        Pinned again, it gets the new name. Raises ContentError for more than MAX_PINS.
        """
        pin = Pin(cid, kind.value, name, self._ledger.now_ms())
        with self._ledger.indexing() as index:
            if index.counts.pins >= MAX_PINS and not index.pins_of(cid):
                raise ContentError(f"{MAX_PINS} pins are the most: unpin some")
            self._ledger.write_pin(index, pin)
        self._ledger.settle()
        return pin

    def unpin(self, cid: Cid, kind: PinKind = PinKind.USER) -> bool:
        """Let a root go, durably; what nothing else holds is loose then. False if it was not
        pinned for this reason."""
        with self._ledger.indexing() as index:
            if all(pin.kind != kind.value for pin in index.pins_of(cid)):
                return False
            self._ledger.remove_pin(index, cid, kind)
        self._ledger.settle()
        return True

    def pins(self, after: bytes | None = None, limit: int = _PAGE) -> list[Pin]:
        """At most `limit` pins in order of their keys, those after the key `after`."""
        with self._ledger.indexing() as index:
            return index.pins(after, limit)

    def pins_of(self, cid: Cid) -> list[Pin]:
        """The pins that name this root."""
        with self._ledger.indexing() as index:
            return index.pins_of(cid)

    def missing(self, root: Cid, limit: int = _PAGE) -> list[Cid]:
        """At most `limit` of the blocks below a root, itself with them, that are not stored, as far
        as the nodes that are stored tell; none: all of it is here.

        Raises InvalidEncoding for a node that cannot be read, and ContentError above MAX_DAG_NODES.
        """
        found, opened, waiting = dict[Cid, None](), set[Cid](), [root]
        while waiting and len(found) < limit:
            cid = waiting.pop()
            if cid.codec != DAG_PB:
                if not self.has(cid):
                    found[cid] = None
            elif cid not in opened:
                opened.add(cid)
                data = self.get(cid)
                if data is None:
                    found[cid] = None
                else:
                    waiting.extend(reversed(_links(cid, data)))
            if len(opened) + len(waiting) > MAX_DAG_NODES:
                raise ContentError(f"{root} has more than {MAX_DAG_NODES} nodes: pin parts of it")
        return list(found)

    # Garbage

    def sparing(self) -> AbstractContextManager[int]:
        """Nothing that is added inside the `with`, or found to be stored already by what adds it,
        is collected before its end."""
        return self._ledger.sparing()

    def collect(self, target_bytes: int = 0, *, min_age_ms: int = 0, start: int = 0) -> Collected:
        """One step of a garbage collection: remove loose blocks, the oldest first, until the store
        takes at most `target_bytes` (0: all of them); only those that were added at least
        `min_age_ms` ago.

        Blocks that are held, or spared, are never removed. A collection may stop after any step.
        """
        ledger = self._ledger
        latest_ms = max(ledger.now_ms() - min_age_ms, 0) if min_age_ms else None
        with ledger.indexing() as index:
            for _ in range(_STEP_BLOCKS):
                if not ledger.settle_one(index):
                    break
            else:
                return Collected(0, 0, start)
            excess_bytes = ledger.size - target_bytes if target_bytes else None
            found = self._garbage(index, excess_bytes, latest_ms, start)
            size_before = index.counts.size_bytes
            ledger.remove(index, found.cids)
            removed_bytes = size_before - index.counts.size_bytes
        return Collected(len(found.cids), removed_bytes, found.next)

    def _garbage(
        self, index: ContentIndex, excess_bytes: int | None, latest_ms: int | None, start: int
    ) -> "_Garbage":
        """The oldest loose blocks of these bytes in all, or as many as a step removes."""
        found, size_bytes = list[Cid](), 0
        spared_from = self._ledger.spared_from(index)
        rows = index.loose(start, _STEP_ROWS)
        for place, loose in rows:
            is_enough = excess_bytes is not None and size_bytes >= excess_bytes
            if place >= spared_from or is_enough:
                return _Garbage(found, None)
            if len(found) == _STEP_BLOCKS:
                return _Garbage(found, place)
            entry = index.entry(loose.cid)
            if entry is not None and (latest_ms is None or loose.added_ms <= latest_ms):
                found.append(loose.cid)
                size_bytes += entry.size_bytes or 0
        return _Garbage(found, rows[-1][0] + 1 if len(rows) == _STEP_ROWS else None)

    def verify(self, after: Cid | None = None, step_bytes: int = 2**25) -> Verified:
        """One step of a verification: read some blocks, those after `after`, and compare them with
        their CIDs. What is corrupt is removed, so that it is fetched or stored again."""
        blocks = size_bytes = 0
        lost: list[Cid] = []
        with self._ledger.indexing() as index:
            rows = index.blocks(after, _STEP_ROWS)
        for cid, entry in rows:
            after = cid
            if entry.size_bytes is None:
                continue
            blocks, size_bytes = blocks + 1, size_bytes + entry.size_bytes
            if self._is_lost(cid):
                lost.append(cid)
            if size_bytes >= step_bytes:
                break
        return Verified(blocks, size_bytes, tuple(lost), after if rows else None)

    def _is_lost(self, cid: Cid) -> bool:
        """Whether a block that the index knows is corrupt or gone; the index knows it then."""
        with clear_errors(self._folder):
            data = self._files.load(cid)
        if data is None:
            return self._ledger.note_absence(cid)
        return not is_block(cid, data) and self.get(cid) is None


@dataclass(frozen=True, slots=True)
class _Garbage:
    """What a step of a collection removes, and where the next begins (None: there is none)."""

    cids: list[Cid]
    next: int | None


def _links(cid: Cid, data: bytes) -> list[Cid]:
    """The links of a node; raises InvalidEncoding, naming the node, if it is none."""
    try:
        return [link.hash for link in decode_node(data).links]
    except Invalid as error:
        raise error.within(str(cid)) from None


def _open_regular(path: Path) -> BinaryIO:
    """Open a file to be added; raises ContentError for a folder, a pipe or no file at all."""
    try:
        if not path.is_file():
            path.stat()
            raise ContentError(f"cannot read {path}: not a regular file")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error


def _read(source: BinaryIO, path: Path, size: int) -> bytes:
    try:
        return source.read(size)
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error
