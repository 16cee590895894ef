"""Content blocks as files named by their CIDs: verified going in and coming out, deduplicated.

A block is written under a name of its own beside its place, synced, and renamed into place, so
that its name is never seen with half its bytes. What an interrupted write left is removed by the
next opening. One process owns the folder, through one ContentStore that its threads share.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.unixfs import (
    KUBO,
    MAX_CONTENT_BLOCK_BYTES,
    FileBuilder,
    Profile,
    check_content_block,
    read_file,
)
from storage.disk import REAL_DISK, AppendFile, Disk
from storage.errors import NO_ROOM, StorageError

_log = logging.getLogger(__name__)

_UNFINISHED = ".new"  # the end of a name: a block that is being written
_SHARDS = 256  # folders, by the first byte of the digest
_MAX_OPEN_FILES = 16


class ContentError(StorageError):
    """The content store cannot do what it is asked; the message says why and what to do."""


class ContentStoreFull(ContentError):
    """The disk is full or the store's quota used up; what was being added is dropped."""


class MissingBlock(ContentError):
    """A block that the store does not hold, or held corrupted."""

    def __init__(self, cid: Cid) -> None:
        super().__init__(f"block {cid} is not stored here: fetch it from another node")
        self.cid = cid


@dataclass(frozen=True, slots=True)
class AddedFile:
    """A stored file: its id, bytes of content, bytes of all its blocks, and profile's name."""

    cid: Cid
    size: int
    tsize: int
    profile: str


class ContentStore:
    """The blocks under one folder, at most `quota_bytes` of them (None: as the disk allows).

    Opening removes what an interrupted write left behind and counts the bytes in use (one
    `stat` a block); the folder's parent must exist. All calls block. They raise ContentError if
    the disk fails; what was not done then leaves nothing that is served or counted.
    """

    def __init__(
        self, folder: Path, quota_bytes: int | None = None, *, disk: Disk = REAL_DISK
    ) -> None:
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._disk = disk
        self._lock = Lock()  # guards _size, and with it each change of a block's file
        self._numbers = count()  # of the operations that write
        self._shards = tuple(folder / f"{shard:02x}" for shard in range(_SHARDS))
        with self._clear_errors():
            disk.make_folder(folder)
            for shard in self._shards:
                disk.make_folder(shard)
            disk.sync_folder(folder)
            disk.sync_folder(folder.parent)
            self._size = sum(map(self._clear, self._shards))

    @property
    def size(self) -> int:
        """Bytes of the stored blocks and of those being added."""
        return self._size

    def has(self, cid: Cid) -> bool:
        """Whether the block is stored; its bytes are verified only when they are read."""
        return self._bytes_of(cid) is not None

    def get(self, cid: Cid) -> bytes | None:
        """The block's bytes, or None. A corrupt block is logged, removed, and so missing."""
        data = self._load(cid)
        if data is None or _is_block(cid, data):
            return data
        with self._lock:  # another thread may have replaced it meanwhile
            data = self._load(cid)
            if data is None or _is_block(cid, data):
                return data
            _log.error("block %s in %s was corrupt on disk: removed", cid, self._folder)
            self._remove(cid)
        return None

    def put(self, cid: Cid, data: bytes) -> None:
        """Store a block durably; raises Invalid unless `data` is the block of that CID."""
        check_content_block(cid, data)
        with self._staging() as staging:
            staging.add(cid, data)
            staging.publish(cid)

    def delete(self, cid: Cid) -> bool:
        """Remove a block durably; False if it was not stored."""
        with self._lock:
            is_removed = self._remove(cid)
        if is_removed:
            with self._clear_errors():
                self._disk.sync_folder(self._shard(cid))
        return is_removed

    @contextmanager
    def new_file(self, profile: Profile = KUBO) -> Iterator["NewFile"]:
        """A file to write in pieces; what is not committed inside the `with` is dropped."""
        with self._staging() as staging:
            yield NewFile(staging, profile)

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
            data = self._load(block)
            if data is None:
                raise MissingBlock(block)
            return data

        try:
            yield from read_file(cid, load)
        except Invalid:
            if self.get(reading) is None:  # it was the disk; get has logged and removed it
                raise MissingBlock(reading) from None
            raise

    def _shard(self, cid: Cid) -> Path:
        return self._shards[cid.digest[0]]

    def _file(self, cid: Cid) -> Path:
        return self._shard(cid) / str(cid)

    def _clear(self, shard: Path) -> int:
        """Remove what was not finished; the bytes of the blocks that were."""
        sizes = self._disk.sizes(shard)
        unfinished = [name for name in sizes if name.endswith(_UNFINISHED)]
        for name in unfinished:
            self._disk.remove(shard / name)
            del sizes[name]
        return sum(sizes.values())

    def _load(self, cid: Cid) -> bytes | None:
        """What stands under the block's name, unverified; cut where it is surely too long."""
        with self._clear_errors():
            try:
                return self._disk.read(self._file(cid), MAX_CONTENT_BLOCK_BYTES + 1)
            except FileNotFoundError:
                return None

    def _bytes_of(self, cid: Cid) -> int | None:
        """The size of the block's file, or None if there is none."""
        with self._clear_errors():
            try:
                return self._disk.size(self._file(cid))
            except FileNotFoundError:
                return None

    def _is_whole(self, cid: Cid, data: bytes) -> bool:
        """Whether the block is stored with just these bytes."""
        return self._bytes_of(cid) == len(data) and self._load(cid) == data

    def _remove(self, cid: Cid) -> bool:
        size = self._bytes_of(cid)
        if size is None:
            return False
        with self._clear_errors():
            self._disk.remove(self._file(cid))
        self._size -= size
        return True

    def _reserve(self, size: int) -> None:
        """Count bytes about to be written; raises ContentStoreFull above the quota."""
        with self._lock:
            if self._quota_bytes is not None and self._size + size > self._quota_bytes:
                raise ContentStoreFull(
                    f"the quota of {self._quota_bytes} bytes for content in {self._folder} is "
                    "used up: raise it or delete content"
                )
            self._size += size

    def _release(self, size: int) -> None:
        with self._lock:
            self._size -= size

    def _move_in(self, source: Path, cid: Cid) -> None:
        """Rename a synced file into place; one that stood there no longer counts."""
        with self._lock:
            replaced = self._bytes_of(cid)
            self._disk.replace(source, self._file(cid))
            self._size -= replaced or 0

    @contextmanager
    def _staging(self) -> Iterator["_Staging"]:
        staging = _Staging(self)
        try:
            yield staging
        finally:
            staging.close()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Turn errors of the disk into ContentError."""
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise ContentStoreFull(
                    f"no room for content in {self._folder}: free space on its disk"
                ) from error
            raise ContentError(
                f"the content store in {self._folder} fails: {error.strerror}; check the disk "
                "and the folder's permissions"
            ) from error


class _Staging:
    """Blocks of one operation, written beside their places until `publish`; `close` drops the
    others. A block that is stored already, and whole, is not written again.
    """

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._disk = store._disk
        self._number = next(store._numbers)
        self._unsynced: list[AppendFile] = []
        self._waiting: dict[Cid, int] = {}  # with their bytes, all reserved
        self._folders: set[Path] = set()

    def add(self, cid: Cid, data: bytes) -> None:
        """Write a block, whose bytes are known to be the CID's."""
        store = self._store
        self._folders.add(store._shard(cid))
        if cid in self._waiting or store._is_whole(cid, data):
            return
        store._reserve(len(data))
        self._waiting[cid] = len(data)
        with store._clear_errors():
            self._unsynced.append(self._disk.create(self._source(cid)))
            self._unsynced[-1].append(data)
            if len(self._unsynced) >= _MAX_OPEN_FILES:
                self._sync()

    def publish(self, root: Cid) -> None:
        """Make all blocks durable and visible, the root last; returns when both are so."""
        with self._store._clear_errors():
            self._sync()
            for cid in [cid for cid in self._waiting if cid != root]:
                self._move(cid)
            for folder in sorted(self._folders):
                self._disk.sync_folder(folder)
            if root in self._waiting:
                self._move(root)
                self._disk.sync_folder(self._store._shard(root))

    def close(self) -> None:
        """Drop what was not published."""
        for file in self._unsynced:
            with suppress(OSError):
                file.close()
        for cid in self._waiting:
            with suppress(OSError):
                self._disk.remove(self._source(cid))
        self._store._release(sum(self._waiting.values()))
        self._waiting.clear()

    def _source(self, cid: Cid) -> Path:
        """Where a block is written; another operation may be writing the same block."""
        return self._store._shard(cid) / f"{cid}.{self._number}{_UNFINISHED}"

    def _sync(self) -> None:
        while self._unsynced:
            self._unsynced[-1].sync()
            self._unsynced.pop().close()

    def _move(self, cid: Cid) -> None:
        self._store._move_in(self._source(cid), cid)
        del self._waiting[cid]


class NewFile:
    """A file on its way into a store (`ContentStore.new_file`)."""

    def __init__(self, staging: _Staging, profile: Profile) -> None:
        self._staging = staging
        self._profile = profile
        self._builder = FileBuilder(profile)

    def write(self, data: bytes) -> None:
        """Append bytes; raises ContentStoreFull."""
        for cid, block in self._builder.feed(data):
            self._staging.add(cid, block)

    def commit(self) -> AddedFile:
        """Make the file durable and visible, its root last."""
        for cid, block in self._builder.finish():
            self._staging.add(cid, block)
        root = self._builder.root
        self._staging.publish(root.cid)
        return AddedFile(root.cid, root.size, root.tsize, self._profile.name)


def _is_block(cid: Cid, data: bytes) -> bool:
    try:
        check_content_block(cid, data)
    except Invalid:
        return False
    return True


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
