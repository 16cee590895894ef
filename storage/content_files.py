"""The files of a content store: each block under its CID, spread over folders by its digest.

A block is written in the folder `new`, synced, and renamed into its place, so that its name there
is never seen with half its bytes. Whether it is durable is for the caller to say by `sync`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from consensus.cid import Cid
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from storage.disk import AppendFile, Disk
from storage.errors import NO_ROOM, StorageError

SHARDS = 256  # folders, by the first byte of the digest
NEW = "new"
PINS = "pins"
_UNFINISHED = ".new"  # the end of a name: what releases without the folder `new` left unfinished
_MAX_PIN_BYTES = 4096


class ContentError(StorageError):
    """The content store cannot do what it is asked; the message says why and what to do."""


class ContentStoreFull(ContentError):
    """The disk is full or the store's quota used up; what was being added is dropped."""


class MissingBlock(ContentError):
    """A block that the store does not hold, or held corrupted."""

    def __init__(self, cid: Cid) -> None:
        super().__init__(f"block {cid} is not stored here: fetch it from another node")
        self.cid = cid


class ContentFiles:
    """The files below one folder. Calls raise OSError as the disk does; see `clear_errors`."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.folder = folder
        self._disk = disk

    def make_folders(self) -> None:
        """Make them all, durably, where they are not there; the folder's parent must exist."""
        disk, folder = self._disk, self.folder
        disk.make_folder(folder)
        for name in (*map(_shard, range(SHARDS)), NEW, PINS):
            disk.make_folder(folder / name)
        disk.sync_folder(folder)
        disk.sync_folder(folder.parent)

    def clear_new(self) -> None:
        """Remove what an interrupted write left."""
        for name in self._disk.sizes(self.folder / NEW):
            self._disk.remove(self.folder / NEW / name)

    def shards(self) -> Iterator[dict[str, int]]:
        """The names of the blocks in each folder, with their bytes."""
        for shard in (self.folder / _shard(byte) for byte in range(SHARDS)):
            sizes = self._disk.sizes(shard)
            for name in [name for name in sizes if name.endswith(_UNFINISHED)]:
                self._disk.remove(shard / name)
                del sizes[name]
            yield sizes

    def size(self, cid: Cid) -> int | None:
        """The bytes of a block's file, or None if there is none."""
        with suppress(FileNotFoundError):
            return self._disk.size(self._file(cid))
        return None

    def load(self, cid: Cid) -> bytes | None:
        """What stands under the block's name, unverified; cut where it is surely too long."""
        with suppress(FileNotFoundError):
            return self._disk.read(self._file(cid), MAX_CONTENT_BLOCK_BYTES + 1)
        return None

    def create(self, cid: Cid, number: int) -> AppendFile:
        """A block that operation `number` writes; another may be writing the same."""
        return self._disk.create(self._new(cid, number))

    def drop(self, cid: Cid, number: int) -> None:
        """Remove what that operation wrote."""
        self._disk.remove(self._new(cid, number))

    def move_in(self, cid: Cid, number: int) -> None:
        """Put what that operation wrote, synced, in the block's place."""
        self._disk.replace(self._new(cid, number), self._file(cid))

    def remove(self, cid: Cid) -> None:
        """Remove a block, if it is there."""
        with suppress(FileNotFoundError):
            self._disk.remove(self._file(cid))

    def sync(self, cids: Iterable[Cid]) -> None:
        """Make durable where these blocks are moved in or removed."""
        for byte in sorted({cid.digest[0] for cid in cids}):
            self._disk.sync_folder(self.folder / _shard(byte))

    # Pins

    def pins(self) -> Iterator[bytes]:
        """The content of every pin's file."""
        for name in sorted(self._disk.sizes(self.folder / PINS)):
            yield self._disk.read(self.folder / PINS / name, _MAX_PIN_BYTES)

    def read_pin(self, name: str) -> bytes | None:
        """The content of a pin's file, or None if there is none."""
        with suppress(FileNotFoundError):
            return self._disk.read(self.folder / PINS / name, _MAX_PIN_BYTES)
        return None

    def write_pin(self, name: str, data: bytes) -> None:
        """Write a pin's file durably, in the place of one that is there."""
        source = self.folder / NEW / f"{name}.pin"
        file = self._disk.create(source)
        try:
            file.append(data)
            file.sync()
        finally:
            file.close()
        self._disk.replace(source, self.folder / PINS / name)
        self.sync_pins()

    def remove_pin(self, name: str) -> None:
        """Remove a pin's file durably, if it is there."""
        with suppress(FileNotFoundError):
            self._disk.remove(self.folder / PINS / name)
        self.sync_pins()

    def sync_pins(self) -> None:
        """Make durable which pins are there."""
        self._disk.sync_folder(self.folder / PINS)

    def _file(self, cid: Cid) -> Path:
        return self.folder / _shard(cid.digest[0]) / str(cid)

    def _new(self, cid: Cid, number: int) -> Path:
        return self.folder / NEW / f"{cid}.{number}"


def _shard(byte: int) -> str:
    return f"{byte:02x}"


@contextmanager
def clear_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk into ContentError."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise ContentStoreFull(
                f"no room for content in {folder}: free space on its disk"
            ) from error
        raise ContentError(
            f"the content store in {folder} fails: {error.strerror}; check the disk "
            "and the folder's permissions"
        ) from error
