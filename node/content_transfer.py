"""Files to and from a node, block by block, each block checked by its content id."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import trio

from consensus.cid import RAW, Cid, cid_of
from consensus.errors import Invalid
from consensus.unixfs import PROFILES, FileBuilder, Profile, Subtree, file_of, read_file
from node.client import Client
from node.failure import Failure, Refused
from node.files import sync_folder

MAX_AT_ONCE = 4

# Called with the bytes of content that are done.
Report: TypeAlias = Callable[[int], None]
# A block by its id, with the ids of those that are read next.
GetBlock: TypeAlias = Callable[[Cid, Sequence[Cid]], bytes]


def measure(file: Path, profile: Profile) -> Subtree:
    """The content id and sizes that a file has; blocks, so use a thread."""
    return file_of(_pieces(file, profile), profile)


async def upload_file(
    client: Client, file: Path, profile: Profile, expected: Cid, report: Report
) -> None:
    """Put a file's blocks into a node's store, but those that it has; its root comes last.

    Raises Refused if the file is not (any more) the one with the id `expected`.
    """
    builder = FileBuilder(profile)
    done = 0
    with closing(_pieces(file, profile)) as pieces:
        for piece in pieces:
            for cid, data in builder.feed(piece):
                await _upload_block(client, cid, data)
            done += len(piece)
            report(done)
    last = builder.finish()
    if builder.root.cid != expected:
        raise Refused("changed while it was read; try again", field=str(file), code="file-changed")
    for cid, data in last:
        await _upload_block(client, cid, data)


async def _upload_block(client: Client, cid: Cid, data: bytes) -> None:
    if not await client.has_block(cid):
        await client.upload_block(cid, data)


def _pieces(file: Path, profile: Profile) -> Generator[bytes, None, None]:
    with file.open("rb") as source:
        while piece := source.read(profile.chunk_bytes):
            yield piece


async def download_file(client: Client, root: Cid, file: Path, report: Report) -> int:
    """Bring a file from a node and its peers to a new path; its size in bytes.

    Until it is whole it is called FILE.part; an interrupted download goes on there. Raises
    Refused if `file` exists, InvalidProof or InvalidEncoding for blocks that are not the
    file's, and then nothing of them is kept.
    """
    if await trio.Path(file).exists():
        raise Refused("exists already and is not overwritten", field=str(file))

    def tell(done: int) -> None:
        trio.from_thread.run_sync(report, done)

    size, failure = 0, None
    async with trio.open_nursery() as nursery:
        early = _EarlyBlocks(client, root, nursery)

        def get_block(cid: Cid, following: Sequence[Cid]) -> bytes:
            return trio.from_thread.run(early.get, cid, following)

        try:
            size = await trio.to_thread.run_sync(_download, root, file, get_block, tell)
        except (Failure, Invalid, OSError) as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return size


@dataclass(slots=True)
class _Coming:
    """A block that was asked for: its bytes or why there are none, once it is `settled`."""

    settled: trio.Event
    data: bytes = b""
    failure: Failure | None = None


class _EarlyBlocks:
    """Gets the blocks that are read next beside the one that is read now, a few at a time."""

    def __init__(self, client: Client, root: Cid, nursery: trio.Nursery) -> None:
        self._client = client
        self._root = root
        self._nursery = nursery
        self._coming: dict[Cid, _Coming] = {}

    async def get(self, cid: Cid, following: Sequence[Cid]) -> bytes:
        """The block, not verified; raises what asking for it raised."""
        self._ask(cid)
        for later in following:
            if len(self._coming) == MAX_AT_ONCE:
                break
            self._ask(later)
        coming = self._coming[cid]
        await coming.settled.wait()
        del self._coming[cid]
        if coming.failure is not None:
            raise coming.failure
        return coming.data

    def _ask(self, cid: Cid) -> None:
        if cid not in self._coming:
            coming = self._coming[cid] = _Coming(trio.Event())
            self._nursery.start_soon(self._fetch, cid, coming)

    async def _fetch(self, cid: Cid, coming: _Coming) -> None:
        try:
            coming.data = await self._client.fetch_block(cid, self._root)
        except Failure as failure:
            coming.failure = failure
        coming.settled.set()


def _download(root: Cid, file: Path, get_block: GetBlock, report: Report) -> int:
    part = file.with_name(f"{file.name}.part")
    with part.open("r+b" if part.exists() else "w+b") as target:
        done = 0

        following: list[Cid] = []

        def get(cid: Cid) -> bytes:
            kept = _kept(target, done, cid) if cid.codec == RAW else None
            return get_block(cid, following) if kept is None else kept

        def note_next(cids: Sequence[Cid]) -> None:
            following[:] = cids

        for leaf in read_file(root, get, note_next=note_next):
            target.seek(done)
            target.write(leaf)
            done += len(leaf)
            report(done)
        target.truncate(done)
        target.flush()
        os.fsync(target.fileno())
    _name(part, file)
    return done


def _kept(target: BinaryIO, place: int, cid: Cid) -> bytes | None:
    """The leaf of this id if an earlier download has left it at this place."""
    for profile in PROFILES.values():
        target.seek(place)
        data = target.read(profile.chunk_bytes)
        if data and cid_of(RAW, data) == cid:
            return data
    return None


def _name(part: Path, file: Path) -> None:
    try:
        os.link(part, file)  # unlike a rename, refuses to replace
    except FileExistsError:
        raise Refused("exists already and is not overwritten", field=str(file)) from None
    part.unlink()
    sync_folder(file.parent)
