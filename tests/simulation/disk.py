"""A disk in memory, the twin of storage.disk's real one, that fails and crashes on demand.

It keeps what a real one promises and no more: bytes are durable once their file is synced, names
once their folder is. All is decided by the random.Random that `crash` is given.
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
    """The disk of one machine; every folder exists.

    `operations` counts what changed it, or tried to: create, append, truncate, sync, replace,
    sync_folder. `process` numbers the process that uses it: the files that it opened and the
    locks that it holds die with it.
    """

    def __init__(self) -> None:
        self.operations = 0
        self.process = 1
        self._contents: dict[Path, _Content] = {}
        # By folder, what each name meant before each change since the folder's last sync.
        self._unsynced_names: dict[Path, list[dict[Path, _Content | None]]] = {}
        self._locks: dict[Path, MemoryLock] = {}
        self._failing_operation = 0
        self._error: BaseException = OSError()
        self._share = 0.0

    @property
    def files(self) -> Mapping[Path, bytes]:
        """What a process reads now in every file."""
        return {path: bytes(content.data) for path, content in self._contents.items()}

    def fail_at(
        self, operation: int, error: BaseException | None = None, *, share: float = 0.0
    ) -> None:
        """Let the coming operation number `operation` (1: the next) raise `error`, else EIO.

        An append writes the first `share` of its bytes before, any other operation is done
        before if `share` is 1. The operations after it succeed again. 0 takes the order back.
        """
        self._failing_operation = self.operations + operation
        self._error = OSError(EIO, os.strerror(EIO)) if error is None else error
        self._share = share

    def kill(self) -> None:
        """The process dies: nothing that it wrote is lost, and its locks are free."""
        self.process += 1
        self._locks.clear()

    def crash(self, chance: random.Random) -> None:
        """Power loss: of what was not synced, a random first part of each file's changes and of
        each folder's is left. The process dies too."""
        self.kill()
        for changes in self._unsynced_names.values():
            kept = chance.randint(0, len(changes))
            for before in reversed(changes[kept:]):
                self._restore(before)
            changes.clear()
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
            self._note_names(path, target)
            del self._contents[path]
            self._contents[target] = content
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
        self.operations += 1
        return self.operations == self._failing_operation

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
        before = {path: self._contents.get(path) for path in paths}
        self._unsynced_names.setdefault(paths[0].parent, []).append(before)

    def _restore(self, names: Mapping[Path, _Content | None]) -> None:
        for path, content in names.items():
            if content is None:
                self._contents.pop(path, None)
            else:
                self._contents[path] = content
