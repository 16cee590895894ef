"""The signing journal: what each member of this node is bound to, durable before it is sent.

A file of frames, each one append (FINALITY: Journal and restart):

    file   = MAGIC ‖ frame…
    frame  = length (4 bytes) ‖ check (4) ‖ payload (length) ‖ digest (32)
    check  = CRC-32 of the previous digest ‖ length
    digest = SHA-256 of the previous digest ‖ length ‖ check ‖ payload; before the first frame
             SHA-256 of MAGIC

Integers are big-endian; the payload is the encoding of an array of JournalEntry records. A
crash can only cut the last frame short, and then nothing that it binds was sent: such a frame
is dropped. Anything else that does not check is damage, and the journal is refused, because an
older state may sign what a newer one forbids.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from consensus.block import BlockRef
from consensus.codec import decode, encode
from consensus.errors import Invalid
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.kinds import PublicKey
from consensus.record import Record, record
from consensus.voting import SafetyState
from storage.disk import REAL_DISK, AppendFile, Disk, InUse
from storage.errors import StorageError

MAGIC = b"reelect journal 1\n"
MAX_JOURNAL_BYTES = 1024 * 1024
MAX_JOURNAL_KEYS = 1024
MAX_ENTRY_BYTES = 256

_HEAD_BYTES = 8
_MAX_PAYLOAD_BYTES = MAX_JOURNAL_KEYS * MAX_ENTRY_BYTES
if 2 * _MAX_PAYLOAD_BYTES > MAX_JOURNAL_BYTES:
    raise ValueError("a compacted journal must leave half of the file for appends")


class JournalError(StorageError):
    """The journal cannot be used; nothing may be signed. The message says what to do."""


@record("journal-entry")
class JournalEntry(Record):
    """A member's state by its consensus key, and the node's own final block (null: genesis).

    A member that rotates its key takes its state along: the new key's first entry carries the
    old key's state.
    """

    key: PublicKey
    state: SafetyState
    final: BlockRef | None


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a journal's bytes hold: entries by key, where the good frames end, their digest."""

    entries: dict[bytes, JournalEntry]
    length: int
    digest: bytes


class Journal:
    """One open journal; a lock file beside it keeps every other process out.

    `created` says that there was none: every member then counts as having lost its state, as
    does one whose key has no entry (FINALITY: absence is always amnesia). `torn_bytes` is the
    size of an unfinished last frame that was dropped. The file never exceeds MAX_JOURNAL_BYTES:
    before it would, it is replaced by one frame with the last entry of each key.
    """

    def __init__(self, file: Path, max_bytes: int, disk: Disk) -> None:
        """Use `open`: this only takes the lock."""
        self.file = file
        self.created = False
        self.torn_bytes = 0
        self._max_bytes = max_bytes
        self._disk = disk
        self._append_lock = Lock()
        self._broken = False
        self._open_file: AppendFile | None = None
        self._entries: dict[bytes, JournalEntry] = {}
        self._length = 0
        self._digest = b""
        try:
            self._lock = disk.lock(file.with_name(file.name + ".lock"))
        except InUse as error:
            raise JournalError(
                f"signing journal {file} is in use by process {error.owner}: stop that node first"
            ) from None

    @classmethod
    def open(
        cls, file: Path, *, max_bytes: int = MAX_JOURNAL_BYTES, disk: Disk = REAL_DISK
    ) -> Self:
        """Open the journal, made and durable if absent; its folder must exist.

        Raises JournalError if it is in use, damaged or cannot be written.
        """
        try:
            journal = cls(file, max_bytes, disk)
            try:
                journal._load()
            except BaseException:
                journal.close()
                raise
        except OSError as error:
            raise JournalError(f"signing journal {file}: {error.strerror or error}") from error
        return journal

    def entry(self, key: bytes) -> JournalEntry | None:
        """The last durable entry of a consensus key; None means that its state is lost."""
        return self._entries.get(key)

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """The last durable entry of every key, ordered by key."""
        entries = self._entries
        return tuple(entries[key] for key in sorted(entries))

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Make these entries durable, all or none, with one write and one fsync.

        Raises JournalError if that fails; the journal then refuses all further appends until
        it is opened anew. Raises ValueError for an entry that takes back what its key is bound
        to, which is a bug of the caller.
        """
        if not entries:
            return
        with self._append_lock:
            if self._broken or self._open_file is None:
                raise JournalError(f"signing journal {self.file} is closed: restart the node")
            added = self._checked(entries)
            try:
                self._write(self._open_file, entries, added)
            except OSError as error:
                self._broken = True
                raise JournalError(
                    f"signing journal {self.file}: {error.strerror or error}; nothing more is "
                    "signed: mend the disk, then restart the node"
                ) from error

    def close(self) -> None:
        """Release the file and its lock; closing again does nothing."""
        if self._open_file is not None:
            self._open_file.close()
        self._open_file = None
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self) -> None:
        try:
            data = self._disk.read(self.file, self._max_bytes + 1)
        except FileNotFoundError:
            self.created = True
            self._replace({})
            return
        if len(data) > self._max_bytes:
            raise _damaged(self.file, f"it is larger than {self._max_bytes} bytes")
        self._take(_parse(self.file, data))
        self.torn_bytes = len(data) - self._length
        self._open_file = self._disk.open(self.file)
        if self.torn_bytes:
            self._open_file.truncate(self._length)
        # A killed process may have left its last write, or the file's very name, in the cache.
        self._open_file.sync()
        self._disk.sync_folder(self.file.parent)

    def _take(self, contents: _Contents) -> None:
        self._entries = contents.entries
        self._length, self._digest = contents.length, contents.digest

    def _checked(self, entries: Sequence[JournalEntry]) -> dict[bytes, JournalEntry]:
        """What `entries` add, by key: nothing that its key is bound to is taken back."""
        known = self._entries
        added: dict[bytes, JournalEntry] = {}
        new_keys = 0
        for entry in entries:
            before = added.get(entry.key) or known.get(entry.key)
            if before is None:
                new_keys += 1
            elif not entry.state.follows(before.state):
                raise ValueError(f"the state of key {entry.key.hex()} may not go back")
            added[entry.key] = entry
        if len(known) + new_keys > MAX_JOURNAL_KEYS:
            raise JournalError(f"a signing journal holds at most {MAX_JOURNAL_KEYS} keys")
        return added

    def _write(
        self,
        file: AppendFile,
        entries: Sequence[JournalEntry],
        added: dict[bytes, JournalEntry],
    ) -> None:
        frame, digest = _frame(self._digest, entries)
        if self._length + len(frame) > self._max_bytes:
            self._replace(self._entries | added)
            return
        file.append(frame)
        file.sync()
        self._length += len(frame)
        self._digest = digest
        self._entries.update(added)

    def _replace(self, entries: dict[bytes, JournalEntry]) -> None:
        """Put a file with just these entries in the journal's place, atomically."""
        frame, digest = b"", sha256(MAGIC)
        if entries:
            frame, digest = _frame(digest, [entries[key] for key in sorted(entries)])
        temporary = self.file.with_name(self.file.name + ".new")
        file = self._disk.create(temporary)
        try:
            file.append(MAGIC + frame)
            file.sync()
            self._disk.replace(temporary, self.file)
            self._disk.sync_folder(self.file.parent)
        except BaseException:
            file.close()
            raise
        if self._open_file is not None:
            self._open_file.close()
        self._open_file = file
        self._take(_Contents(entries, len(MAGIC) + len(frame), digest))


def _frame(digest: bytes, entries: Sequence[JournalEntry]) -> tuple[bytes, bytes]:
    """The frame of these entries after `digest`, and its own digest."""
    payload = encode([entry.pack() for entry in entries])
    if len(payload) > _MAX_PAYLOAD_BYTES:
        raise ValueError(f"{len(payload)} bytes in one append")
    head = _head(digest, len(payload).to_bytes(4, "big"))
    after = sha256(digest + head + payload)
    return head + payload + after, after


def _head(digest: bytes, length: bytes) -> bytes:
    return length + zlib.crc32(digest + length).to_bytes(4, "big")


def _parse(file: Path, data: bytes) -> _Contents:
    if data[: len(MAGIC)] != MAGIC:
        raise _damaged(file, "it does not begin like a signing journal of this version")
    entries: dict[bytes, JournalEntry] = {}
    position, digest = len(MAGIC), sha256(MAGIC)
    while position + _HEAD_BYTES <= len(data):
        head = data[position : position + _HEAD_BYTES]
        if head != _head(digest, head[:4]):
            raise _damaged(file, f"the frame at byte {position} has a wrong length")
        start = position + _HEAD_BYTES
        end = start + int.from_bytes(head[:4], "big")
        if end + DIGEST_BYTES > len(data):
            break
        payload = data[start:end]
        digest = sha256(digest + head + payload)
        if data[end : end + DIGEST_BYTES] != digest:
            raise _damaged(file, f"the frame at byte {position} does not match its digest")
        for entry in _entries(file, payload):
            entries[entry.key] = entry
        position = end + DIGEST_BYTES
    return _Contents(entries, position, digest)


def _entries(file: Path, payload: bytes) -> list[JournalEntry]:
    try:
        wire = decode(payload)
        return [JournalEntry.unpack(item) for item in (wire if isinstance(wire, list) else [wire])]
    except Invalid as error:
        raise JournalError(
            f"signing journal {file} was written by another version of this program ({error}): "
            "use that version or a newer one"
        ) from error


def _damaged(file: Path, what: str) -> JournalError:
    return JournalError(
        f"signing journal {file} is damaged: {what}. Nothing is signed with it. Move it away to "
        "go on as a producer that has lost its signing state, which waits before it signs again"
    )
