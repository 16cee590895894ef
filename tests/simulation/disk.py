"""A disk in memory, the twin of storage.disk's real one, that fails and crashes on demand.

It keeps what a real one promises and no more: bytes are durable once their file is synced, names
once their folder is; a folder whose own name is lost takes along what is in it. All is decided by
the random.Random that `crash` is given.
"""

import os
import random
from collections.abc import Mapping
from errno import EIO, ENOENT
from pathlib import Path

from storage.disk import InUse


class _Content:
    """A file's bytes, and how to take back each change since the last sync."""

    __slots__ = ("data", "unsynced")

    def __init__(self) -> None:
        self.data = bytearray()
        self.unsynced: list[int | bytes] = []  # bytes appended, or the tail that was cut off

    def append(self, data: bytes) -> None:
        self.data += data
        self.unsynced.append(len(data))

    def truncate(self, size_bytes: int) -> None:
        if size_bytes < len(self.data):
            self.unsynced.append(bytes(self.data[size_bytes:]))
            del self.data[size_bytes:]

    def crash(self, chance: random.Random) -> None:
        """Keep the first few unsynced changes, the last of them maybe in part."""
        kept = chance.randint(0, len(self.unsynced))
        for i in range(len(self.unsynced) - 1, kept - 1, -1):
            change = self.unsynced[i]
            if isinstance(change, bytes):
                self.data += change
            else:
                left = chance.randint(0, change) if i == kept else 0
                del self.data[len(self.data) - change + left :]
        self.unsynced.clear()


class MemoryLock:
    """See storage.disk.Lock."""

    def __init__(self, disk: "MemoryDisk", path: Path) -> None:
        self._disk = disk
        self._path = path

    def release(self) -> None:
        """Let others have it."""
        if self._disk._locks.get(self._path) is self:
            del self._disk._locks[self._path]


class MemoryFile:
    """See storage.disk.AppendFile; of no use once its process has died."""

    __slots__ = ("_content", "_disk", "_process")

    def __init__(self, disk: "MemoryDisk", content: _Content) -> None:
        self._disk = disk
        self._content = content
        self._process = disk.process

    def append(self, data: bytes) -> None:
        """Write all of `data`, or a first part before a fault."""
        disk = self._disk
        if disk._begins(self._process):
            self._content.append(data[: int(len(data) * disk._share)])
            raise disk._error
        self._content.append(data)

    def truncate(self, size_bytes: int) -> None:
        """Keep only the first `size_bytes`."""
        failing = self._disk._begins(self._process)
        if not failing or self._disk._share >= 1:
            self._content.truncate(size_bytes)
        if failing:
            raise self._disk._error

    def sync(self) -> None:
        """Make everything written so far durable."""
        failing = self._disk._begins(self._process)
        if not failing or self._disk._share >= 1:
            self._content.unsynced.clear()
        if failing:
            raise self._disk._error

    def close(self) -> None:
        """Do nothing: what is not synced stays in the system's cache."""


class MemoryDisk:
    """The disk of one machine; every folder exists, those that were made can be lost.

    `operations` counts what changed it, or tried to: create, append, truncate, sync, replace,
    remove, make_folder, sync_folder. `process` numbers the process that uses it: the files that
    it opened and the locks that it holds die with it.
    """

    def __init__(self) -> None:
        self.operations = 0
        self.process = 1
        self._contents: dict[Path, _Content] = {}
        self._folders: set[Path] = set()  # those that were made
        self._listing: dict[Path, dict[str, _Content]] | None = None  # by folder, until one changes
        # By folder, what each name meant before each change since the folder's last sync.
        self._unsynced_names: dict[Path, list[dict[Path, _Content | None]]] = {}
        self._locks: dict[Path, MemoryLock] = {}
        self._failing_operation = 0
        self._error: BaseException = OSError()
        self._share = 0.0
        self._is_dying = False

    @property
    def is_dying(self) -> bool:
        """Whether its process has met what it does not live through."""
        return self._is_dying

    def copy(self) -> "MemoryDisk":
        """Another disk with the same files and folders, all durable."""
        made = MemoryDisk()
        made._folders = self._folders.copy()
        for path, content in self._contents.items():
            made._contents[path] = _Content()
            made._contents[path].data += content.data
        return made

    @property
    def files(self) -> Mapping[Path, bytes]:
        """What a process reads now in every file."""
        return {path: bytes(content.data) for path, content in self._contents.items()}

    def fail_at(
        self, operation: int, error: BaseException | None = None, *, share: float = 0.0
    ) -> None:
        """Let the coming operation number `operation` (1: the next) raise `error`, else EIO.

        An append writes the first `share` of its bytes before, any other operation is done
        before if `share` is 1. The operations after it succeed again, unless `error` is none that
        a process lives through (no Exception): then each raises it, until `kill` or `crash`. 0
        takes the order back.
        """
        self._failing_operation = self.operations + operation
        self._error = OSError(EIO, os.strerror(EIO)) if error is None else error
        self._share = share

    def kill(self) -> None:
        """The process dies: nothing that it wrote is lost, and its locks are free."""
        self.process += 1
        self._is_dying = False
        self._locks.clear()

    def crash(self, chance: random.Random) -> None:
        """Power loss: of what was not synced, a random first part of each file's changes and of
        each folder's is left. The process dies too."""
        self.kill()
        folders = self._folders.copy()
        for changes in self._unsynced_names.values():
            kept = chance.randint(0, len(changes))
            for before in reversed(changes[kept:]):
                self._restore(before)
            changes.clear()
        self._lose_below(folders - self._folders)
        self._listing = None
        for content in self._contents.values():
            if content.unsynced:
                content.crash(chance)

    def lock(self, path: Path) -> MemoryLock:
        """Take a lock; held until released or the process dies."""
        if path in self._locks:
            raise InUse(str(self.process))
        lock = self._locks[path] = MemoryLock(self, path)
        return lock

    def read(self, path: Path, limit: int, start: int = 0) -> bytes:
        """At most `limit` bytes from `start` on."""
        return bytes(self._found(path).data[start : start + limit])

    def size(self, path: Path) -> int:
        """The bytes of a file."""
        return len(self._found(path).data)

    def sizes(self, folder: Path) -> dict[str, int]:
        """The bytes of every file in a folder, by its name."""
        if self._listing is None:
            self._listing = {}
            for path, content in self._contents.items():
                self._listing.setdefault(path.parent, {})[path.name] = content
        found = self._listing.get(folder, {})
        return {name: len(content.data) for name, content in found.items()}

    def open(self, path: Path) -> MemoryFile:
        """Open a file that exists."""
        return MemoryFile(self, self._found(path))

    def create(self, path: Path) -> MemoryFile:
        """Make or empty a file."""
        failing = self._begins(self.process)
        if not failing or self._share >= 1:
            self._create(path)
        if failing:
            raise self._error
        return MemoryFile(self, self._contents[path])

    def replace(self, path: Path, target: Path) -> None:
        """Rename."""
        content = self._found(path)
        failing = self._begins(self.process)
        if not failing or self._share >= 1:
            if path.parent == target.parent:
                self._note_names(path, target)
            else:  # each folder's names become durable on their own
                self._note_names(path)
                self._note_names(target)
            del self._contents[path]
            self._contents[target] = content
        if failing:
            raise self._error

    def remove(self, path: Path) -> None:
        """Take a file away."""
        self._found(path)
        failing = self._begins(self.process)
        if not failing or self._share >= 1:
            self._note_names(path)
            del self._contents[path]
        if failing:
            raise self._error

    def make_folder(self, path: Path) -> None:
        """Make a folder, unless it is there."""
        if path in self._folders:
            return
        failing = self._begins(self.process)
        if not failing or self._share >= 1:
            self._note_names(path)
            self._folders.add(path)
        if failing:
            raise self._error

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's names durable."""
        failing = self._begins(self.process)
        if not failing or self._share >= 1:
            self._unsynced_names.pop(folder, None)
        if failing:
            raise self._error

    def _begins(self, process: int) -> bool:
        """Count an operation; whether it is the one that fails."""
        if process != self.process:
            raise RuntimeError("a process that has died cannot write")
        if self._is_dying:
            raise self._error
        self.operations += 1
        is_failing = self.operations == self._failing_operation
        self._is_dying = is_failing and not isinstance(self._error, Exception)
        return is_failing

    def _found(self, path: Path) -> _Content:
        content = self._contents.get(path)
        if content is None:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path))
        return content

    def _create(self, path: Path) -> None:
        content = self._contents.get(path)
        if content is not None:
            content.truncate(0)
            return
        self._note_names(path)
        self._contents[path] = _Content()

    def _note_names(self, *paths: Path) -> None:
        self._listing = None
        before = {path: self._contents.get(path) for path in paths}
        self._unsynced_names.setdefault(paths[0].parent, []).append(before)

    def _restore(self, names: Mapping[Path, _Content | None]) -> None:
        for path, content in names.items():
            if content is None:
                self._contents.pop(path, None)
                self._folders.discard(path)
            else:
                self._contents[path] = content

    def _lose_below(self, lost: set[Path]) -> None:
        if not lost:
            return
        for path in [path for path in self._contents if not lost.isdisjoint(path.parents)]:
            del self._contents[path]
        self._folders = {path for path in self._folders if lost.isdisjoint(path.parents)}
