"""The signing journal: what each member of this node is bound to, durable before it is sent.

A file of frames, each one append (FINALITY: Journal and restart):

    file    = MAGIC ‖ frame…
    frame   = length (4 bytes) ‖ check (4) ‖ payload (length) ‖ digest (32)
    check   = CRC-32 of the previous digest ‖ length
    digest  = SHA-256 of the previous digest ‖ length ‖ check ‖ payload; before the first frame
              SHA-256 of MAGIC
    payload = array of JournalEntry records, or the fence: array of one JournalFence record

Integers are big-endian; a payload is in its canonical encoding. A crash can only cut the last
frame short, and then nothing that it binds was sent: such a frame is dropped. Anything else that
does not check is damage, and the journal is refused, because an older state may sign what a newer
one forbids. The fence is the last frame for ever: whatever follows it, a part of a frame too, is
damage.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from consensus.block import BlockRef
from consensus.codec import Wire, decode, encode
from consensus.errors import Invalid
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.kinds import PublicKey
from consensus.record import Record, record
from consensus.voting import SafetyState
from storage.disk import REAL_DISK, AppendFile, Disk, InUse
from storage.errors import NO_ROOM, StorageError

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


@record("journal-fence")
class JournalFence(Record):
    """The end of a journal: its states were moved to the node with the id `to`."""

    to: PublicKey


@dataclass(frozen=True, slots=True)
class JournalContents:
    """What a journal's bytes hold.

    The last entry of each key; the id of the node that it was moved to, or None; the size of the
    good frames, and of an unfinished one after them; the digest of the last good frame.
    """

    entries: dict[bytes, JournalEntry]
    moved_to: bytes | None
    size_bytes: int
    torn_bytes: int
    digest: bytes

    def ordered(self) -> tuple[JournalEntry, ...]:
        """The entries, ordered by key."""
        return tuple(self.entries[key] for key in sorted(self.entries))


def read_journal(
    file: Path, *, max_bytes: int = MAX_JOURNAL_BYTES, disk: Disk = REAL_DISK
) -> JournalContents:
    """What a journal holds now, whoever has it open: a running node's goes on meanwhile.

    Its newest frame may still be on its way to the disk, or be seen in part, as torn. Raises
    JournalError if the journal is absent, damaged or cannot be read.
    """
    try:
        data = disk.read(file, max_bytes + 1)
    except FileNotFoundError:
        raise JournalError(
            f"signing journal {file} does not exist: check that this is the node's data folder; "
            "the keys of a node without a journal count as having lost their signing state"
        ) from None
    except OSError as error:
        raise _failed(file, error) from error
    return _parse(file, data, max_bytes)


class Journal:
    """One open journal; a lock file beside it keeps every other process out.

    `created` says that there was none: every member then counts as having lost its state, as
    does one whose key has no entry (FINALITY: absence is always amnesia). `torn_bytes` is the
    size of an unfinished last frame that was dropped. The file never exceeds MAX_JOURNAL_BYTES:
    before it would, it is replaced by one with the last entry of each key in one frame.
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
        self._moved_to: bytes | None = None
        self._size_bytes = 0
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
            raise _failed(file, error) from error
        return journal

    def entry(self, key: bytes) -> JournalEntry | None:
        """The last durable entry of a consensus key; None means that its state is lost."""
        return self._entries.get(key)

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """The last durable entry of every key, ordered by key."""
        return self.contents().ordered()

    @property
    def moved_to(self) -> bytes | None:
        """The id of the node that the states were moved to: nothing more is signed here."""
        return self._moved_to

    def contents(self) -> JournalContents:
        """All that is durable."""
        return JournalContents(
            self._entries.copy(), self._moved_to, self._size_bytes, 0, self._digest
        )

    def check_writable(self) -> None:
        """Raise JournalError if the next append would be refused: the keys cannot sign here."""
        self._writable()

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Make these entries durable, all or none, with one write and one fsync.

        Raises JournalError if that fails; the journal then refuses all further appends until
        it is opened anew, and for ever if it was moved. Raises ValueError for an entry that
        takes back what its key is bound to, which is a bug of the caller.
        """
        if not entries:
            return
        with self._append_lock:
            file = self._writable()
            added = self._checked(entries)
            self._write(file, entries, added, None)

    def fence(self, node_id: bytes) -> None:
        """Make durable that the states move to the node `node_id`: nothing is appended after.

        Does nothing if that was said before. Raises JournalError if another node was named, or
        as `append` does.
        """
        with self._append_lock:
            if self._moved_to == node_id:
                return
            if self._moved_to is not None:
                raise JournalError(
                    f"signing journal {self.file} was moved to node {self._moved_to.hex()} "
                    "before and cannot be moved anywhere else: move the keys on from there"
                )
            self._write(self._writable(), [JournalFence(node_id)], {}, node_id)

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
            self._replace({}, None)
            return
        contents = _parse(self.file, data, self._max_bytes)
        self._take(contents)
        self.torn_bytes = contents.torn_bytes
        self._open_file = self._disk.open(self.file)
        if self.torn_bytes:
            self._open_file.truncate(self._size_bytes)
        # A killed process may have left its last write, or the file's very name, in the cache.
        self._open_file.sync()
        self._disk.sync_folder(self.file.parent)

    def _take(self, contents: JournalContents) -> None:
        self._entries, self._moved_to = contents.entries, contents.moved_to
        self._size_bytes, self._digest = contents.size_bytes, contents.digest

    def _writable(self) -> AppendFile:
        if self._moved_to is not None:
            raise JournalError(
                f"signing journal {self.file} was moved to node {self._moved_to.hex()}: nothing "
                "is signed with it any more; take the seats out of this node's configuration"
            )
        if self._broken or self._open_file is None:
            raise JournalError(f"signing journal {self.file} is closed: restart the node")
        return self._open_file

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
        records: Sequence[Record],
        added: dict[bytes, JournalEntry],
        moved_to: bytes | None,
    ) -> None:
        frame, digest = _frame(self._digest, records)
        try:
            if self._size_bytes + len(frame) > self._max_bytes:
                self._replace(self._entries | added, moved_to)
                return
            file.append(frame)
            file.sync()
        except OSError as error:
            self._broken = True
            raise _failed(self.file, error) from error
        self._size_bytes += len(frame)
        self._digest = digest
        self._entries.update(added)
        self._moved_to = moved_to

    def _replace(self, entries: dict[bytes, JournalEntry], moved_to: bytes | None) -> None:
        """Put a file with just these contents in the journal's place, atomically."""
        data, digest = MAGIC, sha256(MAGIC)
        if entries:
            frame, digest = _frame(digest, [entries[key] for key in sorted(entries)])
            data += frame
        if moved_to is not None:
            frame, digest = _frame(digest, [JournalFence(moved_to)])
            data += frame
        temporary = self.file.with_name(self.file.name + ".new")
        file = self._disk.create(temporary)
        try:
            file.append(data)
            file.sync()
            self._disk.replace(temporary, self.file)
            self._disk.sync_folder(self.file.parent)
        except BaseException:
            file.close()
            raise
        if self._open_file is not None:
            self._open_file.close()
        self._open_file = file
        self._take(JournalContents(entries, moved_to, len(data), 0, digest))


def _failed(file: Path, error: OSError) -> JournalError:
    remedy = "make room on" if error.errno in NO_ROOM else "mend"
    return JournalError(
        f"signing journal {file}: {error.strerror or error}; nothing is signed without it, and "
        f"nothing that was signed is lost: {remedy} the disk, then start the node again"
    )


def _frame(digest: bytes, records: Sequence[Record]) -> tuple[bytes, bytes]:
    """The frame of these records after `digest`, and its own digest."""
    payload = encode([item.pack() for item in records])
    if len(payload) > _MAX_PAYLOAD_BYTES:
        raise ValueError(f"{len(payload)} bytes in one append")
    head = _head(digest, len(payload).to_bytes(4, "big"))
    after = sha256(digest + head + payload)
    return head + payload + after, after


def _head(digest: bytes, length: bytes) -> bytes:
    return length + zlib.crc32(digest + length).to_bytes(4, "big")


def _parse(file: Path, data: bytes, max_bytes: int) -> JournalContents:
    if len(data) > max_bytes:
        raise _damaged(file, f"it is larger than {max_bytes} bytes")
    if data[: len(MAGIC)] != MAGIC:
        raise _damaged(file, "it does not begin like a signing journal of this version")
    entries: dict[bytes, JournalEntry] = {}
    moved_to: bytes | None = None
    position, digest = len(MAGIC), sha256(MAGIC)
    while position + _HEAD_BYTES <= len(data) and moved_to is None:
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
        for item in _records(file, payload):
            if isinstance(item, JournalFence):
                moved_to = item.to
            else:
                entries[item.key] = item
        position = end + DIGEST_BYTES
    torn_bytes = len(data) - position
    if moved_to is not None and torn_bytes:
        raise _damaged(file, f"{torn_bytes} bytes follow the fence, which is its end")
    return JournalContents(entries, moved_to, position, torn_bytes, digest)


def _records(file: Path, payload: bytes) -> list[JournalEntry] | list[JournalFence]:
    try:
        wire = decode(payload)
        items = wire if isinstance(wire, list) else [wire]
        if len(items) == 1 and _is_fence(items[0]):
            return [JournalFence.unpack(items[0])]
        return [JournalEntry.unpack(item) for item in items]
    except Invalid as error:
        raise JournalError(
            f"signing journal {file} was written by another version of this program ({error}): "
            "use that version or a newer one"
        ) from error


def _is_fence(item: Wire) -> bool:
    return isinstance(item, list) and item[:1] == [JournalFence.tag]


def _damaged(file: Path, what: str) -> JournalError:
    return JournalError(
        f"signing journal {file} is damaged: {what}. Nothing is signed with it. Move it away to "
        "go on as a producer that has lost its signing state, which waits before it signs again"
    )
