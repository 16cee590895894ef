"""A content store's files and their index in agreement, whatever fails and whenever it ends.

Before files come or go, the index notes durably that it is unsure of them; afterwards it takes up
what the disk then has. If that fails, or the process ends, the next opening of the index looks at
what it is unsure of, and at nothing else.
"""

import errno
import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock

from consensus.cid import Cid, parse_cid
from consensus.errors import Invalid
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES, check_content_block
from storage.content_files import ContentError, ContentFiles, ContentStoreFull, clear_errors
from storage.content_index import ContentCounts, ContentIndex
from storage.content_pin import Pin, PinKind
from storage.database import DatabaseDamaged, DatabaseError, KeyValueStore

_log = logging.getLogger(__name__)

_BATCH_BLOCKS = 256


class ContentLedger:
    """What is stored, reserved, pinned and spared. Usable from several threads at once.

    Opening makes the index from the files if it is not whole. All calls raise ContentError.
    """

    def __init__(
        self,
        files: ContentFiles,
        quota_bytes: int | None,
        open_database: Callable[[], KeyValueStore],
        now_ms: Callable[[], int],
    ) -> None:
        self.files = files
        self.quota_bytes = quota_bytes
        self.now_ms = now_ms
        self.counts = ContentCounts()  # as of the last change
        self._open_database = open_database
        self._lock = Lock()  # guards all below, and with it each change of a block's file
        self._index: ContentIndex | None = None
        self._numbers = count()
        self._reserved = 0
        self._spared: dict[int, int] = {}  # by operation: nothing from this place on is collected
        self._underway: dict[int, Collection[Cid]] = {}  # by operation: what it moves in
        with self.indexing():
            files.clear_new()

    @property
    def size(self) -> int:
        """Bytes of the stored blocks and of those being added."""
        return self.counts.size_bytes + self._reserved

    def close(self) -> None:
        """Close the index; nobody may be in a call."""
        if self._index is not None:
            self._index.close()
            self._index = None

    @contextmanager
    def indexing(self) -> Iterator[ContentIndex]:
        """The index, for one thread; what it was told inside the `with` is committed there, or
        forgotten, with anything that is raised: it is opened anew then, by whoever needs it."""
        folder = self.files.folder
        with self._lock, clear_errors(folder):
            try:
                if self._index is None:
                    self._index = self._opened()
                yield self._index
            except BaseException as error:
                self.close()
                if isinstance(error, DatabaseError):
                    raise _index_error(folder, error) from error
                raise
            self.counts = self._index.counts

    # Room

    def reserve(self, size_bytes: int) -> None:
        """Count bytes about to be written; raises ContentStoreFull above the quota."""
        with self._lock:
            if self.quota_bytes is not None and self.size + size_bytes > self.quota_bytes:
                raise ContentStoreFull(
                    f"the quota of {self.quota_bytes} bytes for content in {self.files.folder} is "
                    "used up: raise it or delete content by `reelect content unpin` and `gc`"
                )
            self._reserved += size_bytes

    def release(self, size_bytes: int) -> None:
        """They are counted as stored now, or were not written."""
        with self._lock:
            self._reserved -= size_bytes

    # What is added

    @contextmanager
    def sparing(self) -> Iterator[int]:
        """Nothing that is added inside the `with`, or touched, is collected before its end. Gives
        the number of this operation."""
        with self.indexing() as index:
            number = next(self._numbers)
            self._spared[number] = index.counts.next_place
        try:
            yield number
        finally:
            with self._lock:
                del self._spared[number]

    def touch(self, cid: Cid) -> None:
        """If it is stored and loose, it counts as added now."""
        with self.indexing() as index:
            index.touch(cid, self.now_ms())
            index.commit()

    def announce(self, number: int, cids: Collection[Cid]) -> None:
        """This operation will move in these blocks, and `settle_files` then."""
        with self.indexing() as index:
            index.unsure(cids)
            index.commit(sync=True)
            self._underway[number] = cids

    def move_in(self, cid: Cid, number: int) -> None:
        """Put a block that was announced, written and synced in its place."""
        with self._lock:
            self.files.move_in(cid, number)

    def settle_files(self, number: int, cids: Sequence[Cid], *, sync: bool = False) -> None:
        """Take up what became of the blocks that the operation announced, which does no more with
        them; with `sync` if it has not made that durable."""
        with self._lock:
            self._underway.pop(number, None)
        for start in range(0, len(cids), _BATCH_BLOCKS):
            batch = cids[start : start + _BATCH_BLOCKS]
            with self.indexing() as index:
                if sync:
                    self.files.sync(batch)
                self._take_up(index, batch)

    def spared_from(self, index: ContentIndex) -> int:
        """The place from which on loose blocks are spared; inside `indexing`."""
        return min(self._spared.values(), default=index.counts.next_place)

    # What is removed

    def remove(self, index: ContentIndex, cids: Sequence[Cid]) -> None:
        """Remove blocks durably, if they are there; inside `indexing`."""
        if not cids:
            return
        index.unsure(cids)
        index.commit(sync=True)
        for cid in cids:
            self.files.remove(cid)
        self.files.sync(cids)
        self._take_up(index, cids)

    def note_absence(self, cid: Cid) -> bool:
        """Take up that a block's file has gone; False if it is there, or was collected."""
        with self.indexing() as index:
            entry = index.entry(cid)
            if entry is None or entry.size_bytes is None or self.files.size(cid) is not None:
                return False
            self._take_up(index, [cid])
            return True

    # What is pinned

    def write_pin(self, index: ContentIndex, pin: Pin) -> None:
        """Pin durably; inside `indexing`. `settle` it then."""
        kind = PinKind(pin.kind)
        index.unsure_of_pin(pin.cid, kind)
        index.commit(sync=True)
        self.files.write_pin(_pin_name(pin.cid, kind), pin.encode())
        self._take_up_pin(index, pin.cid, kind)

    def remove_pin(self, index: ContentIndex, cid: Cid, kind: PinKind) -> None:
        """Unpin durably; inside `indexing`. `settle` it then."""
        index.unsure_of_pin(cid, kind)
        index.commit(sync=True)
        self.files.remove_pin(_pin_name(cid, kind))
        self._take_up_pin(index, cid, kind)

    def settle(self) -> None:
        """Count all links that are to be counted, or no longer; others come between the steps."""
        while True:
            with self.indexing() as index:
                if not self.settle_one(index):
                    return

    def settle_one(self, index: ContentIndex) -> bool:
        """One step of it; False if there is none. Inside `indexing`."""
        cid = index.unsettled()
        if cid is None:
            return False
        data = self.files.load(cid)
        if data is not None and not is_block(cid, data):
            _log.error("block %s in %s was corrupt on disk: removed", cid, self.files.folder)
            self.remove(index, [cid])
            data = None
        index.settle(cid, data)
        index.commit()
        return True

    # Agreement

    def _opened(self) -> ContentIndex:
        index = ContentIndex(self._open_database())
        try:
            if not index.is_whole:
                self._make(index)
            self._take_up_unsure(index)
        except BaseException:
            index.close()
            raise
        return index

    def _make(self, index: ContentIndex) -> None:
        """From the files alone. When the blocks were added is not known then."""
        self.files.make_folders()
        index.clear()
        for sizes in self.files.shards():
            for name, size in sizes.items():
                cid = _cid_of_name(name)
                if cid is not None:
                    index.add(cid, min(size, MAX_CONTENT_BLOCK_BYTES), 0)
            index.commit()
        for data in self.files.pins():
            pin = self._pin_of(data)
            if pin is not None:
                index.pin(pin)
                index.commit()
        index.commit(sync=True, complete=True)

    def _take_up_unsure(self, index: ContentIndex) -> None:
        busy = {cid for cids in self._underway.values() for cid in cids}
        after: Cid | None = None
        while cids := index.unsure_blocks(after, _BATCH_BLOCKS):
            after = cids[-1]
            settled = [cid for cid in cids if cid not in busy]
            self.files.sync(settled)
            self._take_up(index, settled)
        for cid, kind in index.unsure_pins():
            self.files.sync_pins()
            self._take_up_pin(index, cid, kind)

    def _take_up(self, index: ContentIndex, cids: Sequence[Cid]) -> None:
        """The disk has, durably, what it shows of these blocks."""
        now_ms = self.now_ms()
        for cid in cids:
            size = self.files.size(cid)
            if size is None:
                index.remove(cid)
            else:
                index.add(cid, min(size, MAX_CONTENT_BLOCK_BYTES), now_ms)
            index.sure(cid)
        index.commit()

    def _take_up_pin(self, index: ContentIndex, cid: Cid, kind: PinKind) -> None:
        data = self.files.read_pin(_pin_name(cid, kind))
        pin = None if data is None else self._pin_of(data)
        if pin is None:
            index.unpin(cid, kind)
        else:
            index.pin(pin)
        index.sure_of_pin(cid, kind)
        index.commit()

    def _pin_of(self, data: bytes) -> Pin | None:
        try:
            return Pin.decode(data)
        except Invalid as error:
            _log.error("a pin in %s cannot be read (%s): pin again", self.files.folder, error)
            return None


def is_block(cid: Cid, data: bytes) -> bool:
    """Whether these are the block's bytes."""
    try:
        check_content_block(cid, data)
    except Invalid:
        return False
    return True


def _cid_of_name(name: str) -> Cid | None:
    try:
        return parse_cid(name)
    except Invalid:
        return None


def _pin_name(cid: Cid, kind: PinKind) -> str:
    return f"{cid}.{kind.value}"


def _index_error(folder: Path, error: DatabaseError) -> ContentError:
    if isinstance(error, DatabaseDamaged):
        return ContentError(
            f"the index of the content in {folder} is damaged ({error.what}): stop the node and "
            f"remove {error.folder}: it is made anew from the files"
        )
    if os.strerror(errno.ENOSPC) in str(error):
        return ContentStoreFull(f"no room for content in {folder}: free space on its disk")
    return ContentError(f"the index of the content in {folder} fails: {error}")
