"""The snapshots that a node keeps: one file each, in a folder of its own, the newest few.

A snapshot is written aside, synced, and renamed into place, so that a name is never seen with a
part of its bytes. One process owns the folder; others may read from it meanwhile.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock

from consensus.cid import Cid
from consensus.errors import InvalidEncoding, InvalidProof
from consensus.record import replace
from consensus.snapshot import (
    MAX_CHUNKS,
    SnapshotChunk,
    SnapshotManifest,
    SnapshotOffer,
    SnapshotRow,
)
from consensus.tree import DamagedTree
from consensus.tree_range import Prefix, prove_range, verify_range
from storage.database import PAGE_ROW, DatabaseError, KeyValueReader
from storage.disk import REAL_DISK, Disk
from storage.snapshot_file import SnapshotError, SnapshotFile, SnapshotWriter
from storage.snapshot_rows import PathRow, RowSorter, state_rows

SNAPSHOTS = "snapshots"  # the folder in a node's data folder
KEPT_SNAPSHOTS = 2

_NAME = re.compile(r"(0|[1-9][0-9]{0,15})\.snapshot", re.ASCII)
_DRAFT = "taking"

_log = logging.getLogger(__name__)


def file_name(height: int) -> str:
    """The name of the snapshot of a height."""
    return f"{height}.snapshot"


def stored_files(folder: Path, disk: Disk = REAL_DISK) -> list[Path]:
    """The files of the whole snapshots in a folder, the newest first, whoever owns it."""
    try:
        names = disk.sizes(folder)
    except FileNotFoundError:
        return []
    heights = [int(match[1]) for name in names if (match := _NAME.fullmatch(name))]
    return [folder / file_name(height) for height in sorted(heights, reverse=True)]


class SnapshotStore:
    """The snapshots in a folder, which is made if it is not there. Usable from several threads.

    Opening removes what an interrupted taking left, and what cannot be read any more. All calls
    block. They raise SnapshotError if the disk fails.
    """

    def __init__(self, folder: Path, disk: Disk = REAL_DISK) -> None:
        self._folder = folder
        self._disk = disk
        self._lock = Lock()  # of _files
        self._taking = Lock()
        self._files: dict[int, SnapshotFile] = {}
        with _on_disk(folder):
            disk.make_folder(folder)
            disk.sync_folder(folder.parent)
            whole = stored_files(folder, disk)
            for name in disk.sizes(folder):
                if folder / name not in whole:
                    disk.remove(folder / name)
            for path in whole:
                self._take_up(path)
            self._drop_old()

    def _take_up(self, path: Path) -> None:
        try:
            found = SnapshotFile.open(path, self._disk)
        except SnapshotError as error:
            _log.warning("%s; it is removed", error)
            self._disk.remove(path)
        else:
            self._files[found.manifest.height] = found

    def offers(self) -> tuple[SnapshotOffer, ...]:
        """The snapshots in short, the newest first."""
        return tuple(offer_of(file.manifest) for file in self._newest_first())

    def find(self, block_id: Cid) -> SnapshotFile | None:
        """The snapshot of the state after this block."""
        for file in self._newest_first():
            if file.manifest.block_id == block_id:
                return file
        return None

    def newest(self) -> SnapshotFile | None:
        """The newest snapshot."""
        return next(iter(self._newest_first()), None)

    def _newest_first(self) -> list[SnapshotFile]:
        with self._lock:
            return [self._files[height] for height in sorted(self._files, reverse=True)]

    def take(
        self,
        reader: KeyValueReader,
        head: SnapshotManifest,
        steps: Iterable[bytes],
        *,
        pause: Callable[[], None] = lambda: None,
    ) -> SnapshotFile:
        """Take a snapshot of the final state that `reader` shows, which later blocks do not
        change; then keep only the newest few.

        `head` is the manifest without its chunks, `steps` are the encoded dynasty steps up to it;
        `pause` is called often, and may raise to give up. All is checked before it is offered.
        Raises SnapshotError if the state is too large or the disk fails, DatabaseError if the
        state is damaged or not that of `head`.
        """
        with self._taking, _on_disk(self._folder):
            draft = self._folder / _DRAFT
            try:
                manifest = self._write(draft, reader, head, steps, pause=pause)
                path = self._folder / file_name(manifest.height)
                self._disk.replace(draft, path)
                self._disk.sync_folder(self._folder)
            except BaseException:
                self._remove_draft()
                raise
            made = SnapshotFile.open(path, self._disk)
            with self._lock:
                self._files[manifest.height] = made
            self._drop_old()
            return made

    def _write(
        self,
        draft: Path,
        reader: KeyValueReader,
        head: SnapshotManifest,
        steps: Iterable[bytes],
        *,
        pause: Callable[[], None],
    ) -> SnapshotManifest:
        sorter = RowSorter(self._folder, _DRAFT, disk=self._disk)
        with closing(SnapshotWriter(draft, self._disk)) as writer:
            for prefix, rows in sorter.ranges(state_rows(reader, pause)):
                if len(writer.entries) == MAX_CHUNKS:
                    raise SnapshotError(f"the state has more than {MAX_CHUNKS} chunks: too large")
                try:
                    writer.add(_chunk(reader, head.final.state_root, prefix, rows))
                except InvalidEncoding as error:
                    raise SnapshotError(
                        f"the state has a row that fits no chunk: {error}"
                    ) from error
                pause()
            manifest = replace(head, chunks=writer.entries)
            writer.finish(manifest, steps)
        return manifest

    def _drop_old(self) -> None:
        for file in self._newest_first()[KEPT_SNAPSHOTS:]:
            with self._lock:
                del self._files[file.manifest.height]
            self._disk.remove(file.path)

    def _remove_draft(self) -> None:
        """As far as the disk lets; the rest goes at the next start."""
        with suppress(OSError):
            for name in self._disk.sizes(self._folder):
                if name.startswith(_DRAFT):
                    self._disk.remove(self._folder / name)


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise SnapshotError(
            f"snapshots in {folder} cannot be kept ({error}): check the disk's room and the "
            "folder's permissions"
        ) from error


def offer_of(manifest: SnapshotManifest) -> SnapshotOffer:
    """A snapshot in short."""
    return SnapshotOffer(
        manifest.height,
        manifest.block_id,
        manifest.cut,
        len(manifest.chunks),
        manifest.size_bytes,
    )


def _chunk(
    reader: KeyValueReader, root: bytes, prefix: Prefix, rows: Sequence[PathRow]
) -> SnapshotChunk:
    """The chunk of these rows, proved and checked against the root."""
    try:
        proof = prove_range(lambda position: reader.get(PAGE_ROW + position), prefix)
        verify_range(root, prefix, [(key, value) for _, key, value in rows], proof)
    except (DamagedTree, InvalidProof) as error:
        raise DatabaseError(
            f"the state's rows are damaged ({error}), so that no snapshot can be taken: see "
            "`reelect db check`"
        ) from error
    return SnapshotChunk(prefix, tuple(SnapshotRow(key, value) for _, key, value in rows), proof)
