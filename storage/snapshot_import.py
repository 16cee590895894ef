"""A database made from a snapshot: each chunk is checked and goes in, in any order.

A chunk's rows, the pages of the state tree that they change, and the note that the chunk is there
are one batch, so that after a crash the import goes on with what is missing. Until `finish` the
database has no ChainMeta, and so no chain.
"""

from collections.abc import Callable, Iterable
from threading import Lock

from consensus import tree
from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.snapshot import SnapshotChunk, SnapshotManifest, read_chunk
from storage.database import (
    IMPORT_ROW,
    META_ROW,
    PAGE_ROW,
    STATE_ROW,
    DatabaseError,
    KeyValueStore,
    Write,
)
from storage.snapshot_file import SnapshotError

CLEARED_ROWS = 20_000

_INDEX_BYTES = 4


def unfinished_import(database: KeyValueStore) -> SnapshotManifest | None:
    """The manifest, which was checked when it began, of an import that was interrupted."""
    data = database.get(IMPORT_ROW)
    if data is None or database.get(META_ROW) is not None:
        return None
    try:
        return SnapshotManifest.decode(data)
    except Invalid as error:
        raise _damaged(database, f"manifest of an import: {error}") from error


def forget_import(database: KeyValueStore) -> None:
    """Let no import go on any more, before its rows make way for a chain's first state: were some
    of them gone and its notes not, it would not miss them."""
    _remove(database, IMPORT_ROW)


class SnapshotImport:
    """The import of the snapshot with this manifest, which the caller has checked.

    It goes on where one of the same block and chunks was interrupted; what another left is
    removed first. Usable from several threads. Raises SnapshotError if the database has a chain,
    DatabaseError.
    """

    def __init__(self, database: KeyValueStore, manifest: SnapshotManifest) -> None:
        if database.get(META_ROW) is not None:
            raise SnapshotError(
                f"{database.folder} has a chain already: a snapshot goes into a new database only"
            )
        self.manifest = manifest
        self._database = database
        self._lock = Lock()
        self._done: set[int] = set()
        begun = unfinished_import(database)
        if begun is not None and (begun.block_id, begun.cut) == (manifest.block_id, manifest.cut):
            for key in database.keys(IMPORT_ROW):
                if key != IMPORT_ROW:
                    self._done.add(int.from_bytes(key[len(IMPORT_ROW) :], "big"))
        else:
            _clear(database)
            database.write([(IMPORT_ROW, manifest.encode())], sync=True)

    @property
    def missing(self) -> list[int]:
        """The chunks that are still needed, in order."""
        with self._lock:
            return [i for i in range(len(self.manifest.chunks)) if i not in self._done]

    @property
    def done_bytes(self) -> int:
        """The size of the chunks that are there."""
        with self._lock:
            return sum(self.manifest.chunks[i].size_bytes for i in self._done)

    def add(self, index: int, data: bytes) -> bool:
        """Check an encoded chunk and write it, unsynced; False if it was there already.

        Raises InvalidProof, with nothing written, for a chunk that is not the one at `index`.
        """
        with self._lock:
            if index in self._done:
                return False
        chunk = read_chunk(self.manifest, index, data)
        with self._lock:
            if index in self._done:
                return False
            self._database.write(self._writes(index, chunk), sync=False)
            self._done.add(index)
        return True

    def sync(self) -> None:
        """Make all chunks so far durable."""
        self._database.write((), sync=True)

    def _writes(self, index: int, chunk: SnapshotChunk) -> list[Write]:
        changes = {tree.key_path(row.key): sha256(row.value) for row in chunk.rows}
        try:
            pages = tree.update(self._page, changes).pages
        except tree.DamagedTree as error:
            raise _damaged(self._database, str(error)) from error
        writes: list[Write] = [(STATE_ROW + row.key, row.value) for row in chunk.rows]
        writes += [(PAGE_ROW + position, page) for position, page in pages.items()]
        writes.append((IMPORT_ROW + index.to_bytes(_INDEX_BYTES, "big"), b""))
        return writes

    def _page(self, position: bytes) -> bytes | None:
        return self._database.get(PAGE_ROW + position)

    def finish(self, writes: Callable[[], Iterable[Write]]) -> None:
        """Make the state valid, in one synced batch of the `writes` that do, among them the
        ChainMeta, and of what forgets the import; `writes` is called with all rows in place.

        Raises ValueError while chunks are missing, DatabaseError if the state is damaged.
        """
        if self.missing:
            raise ValueError(f"{len(self.missing)} chunks are missing")
        if tree.root(self._page) != self.manifest.final.state_root:
            raise _damaged(self._database, "the imported state does not have the block's root")
        batch: list[Write] = [(key, None) for key in self._database.keys(IMPORT_ROW)]
        batch += writes()
        self._database.write(batch, sync=True)


def _clear(database: KeyValueStore) -> None:
    """Remove what another import left; the note of it goes first."""
    for prefix in (IMPORT_ROW, STATE_ROW, PAGE_ROW):
        _remove(database, prefix)


def _remove(database: KeyValueStore, prefix: bytes) -> None:
    while old := database.scan(prefix, limit=CLEARED_ROWS):
        database.write([(key, None) for key, _ in old], sync=False)


def _damaged(database: KeyValueStore, what: str) -> DatabaseError:
    return DatabaseError(f"{database.folder} is damaged ({what}): remove it and begin again")
