"""What is being added to a content store: written beside its place, and moved in at the end."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from consensus.cid import Cid
from consensus.unixfs import FileBuilder, Profile
from storage.content_files import ContentError, clear_errors
from storage.content_ledger import ContentLedger
from storage.disk import AppendFile

_MAX_OPEN_FILES = 16


@dataclass(frozen=True, slots=True)
class AddedFile:
    """A stored file: its id, bytes of content, bytes of all its blocks, and profile's name."""

    cid: Cid
    size: int
    tsize: int
    profile: str


class Staging:
    """Blocks of one operation, written beside their places until `publish`. A block that is stored
    already, and whole, is not written again. Make it by `staging`, whose end drops what was not
    published.
    """

    def __init__(self, ledger: ContentLedger, number: int) -> None:
        self._ledger = ledger
        self._files = ledger.files
        self._number = number
        self._unsynced: list[AppendFile] = []
        self._waiting: dict[Cid, int] = {}  # with their bytes, all reserved
        self._known: set[Cid] = set()  # stored by others, whose names may not be durable yet
        self._is_announced = False

    def add(self, cid: Cid, data: bytes) -> None:
        """Write a block, whose bytes are known to be the CID's."""
        if cid in self._waiting:
            return
        self._ledger.touch(cid)  # first: it is spared then, if it is there
        with clear_errors(self._files.folder):
            if self._files.size(cid) == len(data) and self._files.load(cid) == data:
                self._known.add(cid)
                return
            self._ledger.reserve(len(data))
            self._waiting[cid] = len(data)
            self._unsynced.append(self._files.create(cid, self._number))
            self._unsynced[-1].append(data)
            if len(self._unsynced) >= _MAX_OPEN_FILES:
                self._sync()

    def publish(self, root: Cid) -> None:
        """Make all blocks durable and visible, the root last; returns when both are so."""
        with clear_errors(self._files.folder):
            self._sync()
            if self._waiting:
                self._ledger.announce(self._number, self._waiting)
                self._is_announced = True
            below = [cid for cid in self._waiting if cid != root]
            for cid in below:
                self._ledger.move_in(cid, self._number)
            self._files.sync((*below, *self._known))
            if root in self._waiting:
                self._ledger.move_in(root, self._number)
                self._files.sync((root,))
        if self._is_announced:
            self._ledger.settle_files(self._number, list(self._waiting))
        self._release()

    def close(self) -> None:
        """Drop what was not published."""
        for file in self._unsynced:
            with suppress(OSError):
                file.close()
        for cid in self._waiting:
            with suppress(OSError):
                self._files.drop(cid, self._number)
        if self._is_announced:
            with suppress(ContentError):  # the next opening of the index looks at them
                self._ledger.settle_files(self._number, list(self._waiting), sync=True)
        self._release()

    def _release(self) -> None:
        """They are stored now, or dropped."""
        self._ledger.release(sum(self._waiting.values()))
        self._waiting.clear()
        self._is_announced = False

    def _sync(self) -> None:
        while self._unsynced:
            self._unsynced[-1].sync()
            self._unsynced.pop().close()


@contextmanager
def staging(ledger: ContentLedger) -> Iterator[Staging]:
    """A place to add blocks to; nothing that is added there is collected before the end."""
    with ledger.sparing() as number:
        made = Staging(ledger, number)
        try:
            yield made
        finally:
            made.close()


class NewFile:
    """A file on its way into a store (`ContentStore.new_file`)."""

    def __init__(self, place: Staging, profile: Profile) -> None:
        self._staging = place
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
