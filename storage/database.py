"""One LevelDB database in a folder of its own, with exactly one owner.

The folder holds `owner.lock` (locked with flock; its text is the owner's process id) and
`leveldb/`. LevelDB's own lock is not enough: it is lost after a second open in the same process
fails (DESIGN section 5), so ours is taken first and LevelDB is not touched without it.

The first byte of a key says what the row is; see the constants below.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Protocol, Self, TypeAlias

import plyvel

from consensus.codec import encode
from storage.errors import StorageError

SCHEMA = 1

# The first byte of every key.
SCHEMA_ROW = b"\x00"  # the schema version, alone
STATE_ROW = b"s"  # ‖ state key → value
PAGE_ROW = b"p"  # ‖ position in the state tree → page
META_ROW = b"m"  # alone → ChainMeta
PROOF_ROW = b"f"  # alone → what proves the newest final block to a light client
UNFINAL_ROW = b"u"  # ‖ sequence number ‖ block id → block
BLOCK_ROW = b"b"  # ‖ height → final block
BLOCK_ID_ROW = b"i"  # ‖ height → id of the final block
HEIGHT_ROW = b"h"  # ‖ block id → height of the final block
TRANSACTION_ROW = b"t"  # ‖ transaction id → height ‖ index
HANDOVER_ROW = b"d"  # ‖ dynasty → proof of the change of its producer set
HISTORY_ROW = b"n"  # ‖ level ‖ index → node of the tree over all final block ids
EVIDENCE_ROW = b"e"  # ‖ consensus key → evidence against its holder
RECEIPTS_ROW = b"r"  # ‖ height → receipts of the final block
FIRST_ROW = b"k"  # alone → the lowest height, above genesis, whose final block is kept
LINEAGE_ROW = b"l"  # ‖ height → header of a block that came with a snapshot, without its body
IMPORT_ROW = b"j"  # alone → manifest of a snapshot that is being imported; ‖ chunk: it is there
END_ROW = b"\xff"  # alone: the last row, which every scan to the end must meet

Write: TypeAlias = tuple[bytes, bytes | None]  # a key and its new value, None to delete

_SCHEMA_VALUE = encode(["reelect", SCHEMA])
_WRITE_BUFFER_BYTES = 4 * 1024 * 1024
_BLOCK_CACHE_BYTES = 8 * 1024 * 1024
_MAX_OPEN_FILES = 256
_BLOOM_BITS = 10
_RESYNC = "move the folder away and let the node sync again"
_REPAIRED = ".repaired"
_NEW_CURRENT = b"MANIFEST-000001\n"  # of a database that was made or repaired, and not opened yet


class DatabaseError(StorageError):
    """A database that cannot be opened, read or written; names its folder and what to do."""


class DatabaseDamaged(DatabaseError):
    """What a database holds is not what was written to it, or not all of it."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(f"{folder} is damaged ({what}): run `reelect db repair`, or {_RESYNC}")
        self.folder = folder
        self.what = what


class KeyValueReader(Protocol):
    """Point and range reads of rows in order of their keys; each raises DatabaseError."""

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`."""

    def scan(self, prefix: bytes, *, start: bytes = b"", limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows whose keys begin with `prefix`, from the key `start` on."""

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin with `prefix`, in order."""


class KeyValueStore(KeyValueReader, Protocol):
    """What the chain asks of its database; tests put one beneath it that fails and crashes."""

    @property
    def folder(self) -> Path:
        """What names the database in errors."""

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        """Write all rows of `batch` or none. Raises DatabaseError; nothing is written then on."""

    def snapshot(self) -> KeyValueReader:
        """The present content, unaffected by later writes."""

    def close(self) -> None:
        """Close the database."""


class _Source(Protocol):
    """What LevelDB's databases and snapshots have in common."""

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None: ...

    def iterator(
        self, *, start: bytes, verify_checksums: bool
    ) -> Iterator[tuple[bytes, bytes]]: ...


class Reader:
    """Point and range reads. Usable from several threads at once.

    Every read raises DatabaseError if it meets damaged bytes.
    """

    def __init__(self, folder: Path, source: _Source) -> None:
        self.folder = folder
        self._source = source

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`."""
        try:
            return self._source.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise _damaged(self.folder, error) from error

    def scan(self, prefix: bytes, *, start: bytes = b"", limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows in order of their keys: those that begin with `prefix`, from the
        key `start` on (inclusive; to go on after a key, start at that key ‖ 0x00)."""
        return list(islice(self._rows(prefix, start), limit))

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin with `prefix`, in order."""
        return [key for key, _ in self._rows(prefix, prefix)]

    def _rows(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        try:
            for row in self._source.iterator(start=max(prefix, start), verify_checksums=True):
                if not row[0].startswith(prefix):
                    return
                yield row
        except plyvel.Error as error:
            raise _damaged(self.folder, error) from error
        # plyvel tells of damage only with the next whole row: without one it just stops.
        raise _damaged(self.folder, "its last row is missing")


class Snapshot(Reader):
    """The database as it was at one moment, whatever is written later.

    It is released when closed or no longer referenced; use it only while the database is open.
    """

    def close(self) -> None:
        """Let LevelDB forget the old values that only this snapshot shows."""
        del self._source


class Owner:
    """The ownership of a database's folder, until it is released or the process ends.

    A repair puts a good database beside the damaged one, moves that aside and this into its
    place. Should it be interrupted between the two, whoever owns the folder next completes it.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder if it does not exist; raises DatabaseError if another process owns it."""
        self.folder = folder
        try:
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    repaired_folder(folder).rename(folder)
            folder.mkdir(exist_ok=True)
            self._lock = _own(folder)
        except OSError as error:
            raise DatabaseError(f"{folder} cannot be opened: {error}") from error

    def release(self) -> None:
        """Let others own it; releasing it again does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def repaired_folder(folder: Path) -> Path:
    """Where a repaired database waits for the place of the one in `folder`."""
    return folder.with_name(folder.name + _REPAIRED)


class Database(Reader):
    """The open database. Close it only when no other thread is in a call."""

    def __init__(self, folder: Path, level: plyvel.DB, owner: Owner | None = None) -> None:
        super().__init__(folder, level)
        self._level = level
        self._owner = owner
        self._failure: DatabaseError | None = None

    @classmethod
    def open(cls, folder: Path) -> "Database":
        """Own and open the database in `folder`, creating both if they do not exist.

        Raises DatabaseError if another owner holds it, if it is damaged, or if it has another
        schema than this program's.
        """
        owner = Owner(folder)
        try:
            return cls(folder, _open_level(folder), owner)
        except BaseException:
            owner.release()
            raise

    @classmethod
    def of(cls, owner: Owner) -> "Database":
        """Open the database in a folder that is owned, and stays so when the database is closed;
        raises DatabaseError as `open` does."""
        return cls(owner.folder, _open_level(owner.folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        """Write all rows of `batch` or, after any failure or crash, none.

        With `sync` the batch and everything written before it is on disk when this returns.
        Raises DatabaseError; after that nothing more is written (LevelDB's log may end in a
        torn record, which only a new start cuts off), while reads go on.
        """
        if self._failure is not None:
            raise self._failure
        writes = self._level.write_batch(sync=sync)
        for key, value in batch:
            if value is None:
                writes.delete(key)
            else:
                writes.put(key, value)
        try:
            writes.write()
        except plyvel.Error as error:
            self._failure = DatabaseError(
                f"{self.folder} could not be written ({_reason(error)}); nothing final is lost: "
                "make room on the disk, then start the node again"
            )
            raise self._failure from error

    def snapshot(self) -> Snapshot:
        """The present content, unaffected by later writes."""
        return Snapshot(self.folder, self._level.snapshot())

    def compact(self) -> None:
        """Have LevelDB write all its tables anew, without what was overwritten or deleted.

        Raises DatabaseError if it cannot; nothing is lost then.
        """
        self._level.compact_range(start=SCHEMA_ROW, stop=END_ROW)  # without them it does nothing
        self.write((), sync=True)  # tells of what went wrong

    def close(self) -> None:
        """Close the database and give up its ownership."""
        self._level.close()
        if self._owner is not None:
            self._owner.release()


def salvage(owner: Owner) -> None:
    """Have LevelDB's own repair make a database of whatever it finds in an owned folder.

    What it makes can be opened; rows may be missing, and rows that were deleted be back. Raises
    DatabaseError if it fails.
    """
    try:
        plyvel.repair_db(str(level_folder(owner.folder)))
    except plyvel.Error as error:
        raise _damaged(owner.folder, error) from error


def level_folder(folder: Path) -> Path:
    """Where in the folder of a database LevelDB's files are."""
    return folder / "leveldb"


def _own(folder: Path) -> int:
    """The locked file descriptor that makes this process the folder's owner."""
    lock = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise DatabaseError(
            f"{folder} is in use by process {holder}: stop that node first, or choose another "
            "data folder"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _open_level(folder: Path) -> plyvel.DB:
    """The LevelDB database in an owned folder, checked to be whole and of our schema."""
    path = level_folder(folder)
    _check_files(folder, path)
    try:
        level = plyvel.DB(
            str(path),
            create_if_missing=True,
            paranoid_checks=True,
            write_buffer_size=_WRITE_BUFFER_BYTES,
            lru_cache_size=_BLOCK_CACHE_BYTES,
            max_open_files=_MAX_OPEN_FILES,
            bloom_filter_bits=_BLOOM_BITS,
            compression=None,  # hashes and signatures do not compress
        )
    except plyvel.CorruptionError as error:
        raise _damaged(folder, error) from error
    except plyvel.Error as error:
        raise DatabaseError(
            f"{folder} cannot be opened ({_reason(error)}): check the disk's room and the "
            f"permissions; if they are in order, {_RESYNC}"
        ) from error
    try:
        _check_schema(folder, level)
    except BaseException:
        level.close()
        raise
    return level


def _check_files(folder: Path, path: Path) -> None:
    """Raise DatabaseDamaged where LevelDB would quietly start with less than was written."""
    kinds = {file.suffix for file in path.glob("*")}
    if not (path / "CURRENT").exists():
        if kinds & {".ldb", ".sst", ".log"}:  # an empty database would begin over them
            raise _damaged(folder, "its file CURRENT is missing")
    elif ".log" not in kinds and (path / "CURRENT").read_bytes() != _NEW_CURRENT:
        raise _damaged(folder, "its log is missing")


def _check_schema(folder: Path, level: plyvel.DB) -> None:
    try:
        schema = level.get(SCHEMA_ROW, verify_checksums=True)
        if schema is None and next(level.iterator(include_value=False), None) is None:
            with level.write_batch(transaction=True, sync=True) as batch:
                batch.put(SCHEMA_ROW, _SCHEMA_VALUE)
                batch.put(END_ROW, b"")
            return
    except plyvel.Error as error:
        raise _damaged(folder, error) from error
    if schema != _SCHEMA_VALUE:
        raise DatabaseError(
            f"{folder} was written by another version of this program (this one reads schema "
            f"{SCHEMA}): {_RESYNC}, or run the version that wrote it"
        )


def _damaged(folder: Path, reason: Exception | str) -> DatabaseDamaged:
    return DatabaseDamaged(folder, reason if isinstance(reason, str) else _reason(reason))


def _reason(error: Exception) -> str:
    """LevelDB's own words, which plyvel hands on as bytes."""
    words = error.args[0] if error.args else ""
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
