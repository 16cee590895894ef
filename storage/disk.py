"""What the signing journal and the content store ask of a file system; tests put one beneath them
that fails and crashes.

Calls raise OSError as the system does. Nothing is durable before it is synced: bytes by their
file's `sync`, names (a new file or folder, a replaced or removed one) by `sync_folder`.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol


class InUse(Exception):
    """Another owner holds the lock; `owner` is what it calls itself, a process id."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class Lock(Protocol):
    """A lock that is held until it is released or its process ends, however that ends."""

    def release(self) -> None:
        """Let others have it; releasing it again does nothing."""


class AppendFile(Protocol):
    """An open file that is written at its end only."""

    def append(self, data: bytes) -> None:
        """Write all of `data`; after an error any first part of it may be there."""

    def truncate(self, size_bytes: int) -> None:
        """Keep only the first `size_bytes`."""

    def sync(self) -> None:
        """Make everything written so far durable."""

    def close(self) -> None:
        """Let go of the file, without a sync; closing it again does nothing."""


class Disk(Protocol):
    """A file system."""

    def lock(self, path: Path) -> Lock:
        """Take the lock that the file `path` stands for; made if absent. Raises InUse."""

    def read(self, path: Path, limit: int, start: int = 0) -> bytes:
        """At most `limit` bytes of a file from `start` on, whoever has it open."""

    def size(self, path: Path) -> int:
        """The bytes of a file."""

    def sizes(self, folder: Path) -> dict[str, int]:
        """The bytes of every file in a folder, by its name."""

    def open(self, path: Path) -> AppendFile:
        """Open a file that exists."""

    def create(self, path: Path) -> AppendFile:
        """Make a file that only its owner may read; one that exists is emptied."""

    def replace(self, path: Path, target: Path) -> None:
        """Put the file `path` in the place of `target`, at once; durable by a sync of the folder
        of each, if they are two."""

    def remove(self, path: Path) -> None:
        """Take a file away."""

    def make_folder(self, path: Path) -> None:
        """Make a folder in one that exists, unless it is there."""

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's names durable."""


class _RealLock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class _RealFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def truncate(self, size_bytes: int) -> None:
        os.ftruncate(self._descriptor, size_bytes)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class RealDisk:
    """The machine's file system."""

    def lock(self, path: Path) -> _RealLock:
        """flock, which goes with the process; the file's text is the owner's process id."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(descriptor)
            raise InUse(owner) from None
        except BaseException:
            os.close(descriptor)
            raise
        return _RealLock(descriptor)

    def read(self, path: Path, limit: int, start: int = 0) -> bytes:
        """At most `limit` bytes from `start` on; no room is made for more than there are."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(start)
            return file.read(max(0, min(limit, size - start)))

    def size(self, path: Path) -> int:
        """As the system says."""
        return os.stat(path, follow_symlinks=False).st_size

    def sizes(self, folder: Path) -> dict[str, int]:
        """Regular files only."""
        with os.scandir(folder) as entries:
            return {
                entry.name: entry.stat(follow_symlinks=False).st_size
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            }

    def open(self, path: Path) -> _RealFile:
        """Open a file that exists."""
        return _RealFile(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))

    def create(self, path: Path) -> _RealFile:
        """Make or empty a file."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return _RealFile(os.open(path, flags, 0o600))

    def replace(self, path: Path, target: Path) -> None:
        """Rename."""
        os.replace(path, target)

    def remove(self, path: Path) -> None:
        """Unlink."""
        os.unlink(path)

    def make_folder(self, path: Path) -> None:
        """Make it."""
        path.mkdir(exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's names durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


REAL_DISK: Disk = RealDisk()
