"""Files to and from a node, block by block, each block checked by its content id; sealed on the way
there and opened on the way back where that is asked for."""

import hashlib
import os
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import trio

from consensus.cid import RAW, Cid, cid_of
from consensus.errors import Invalid
from consensus.sealed import HEADER_BYTES, Header, read_header, seal, seal_chunk, unseal
from consensus.unixfs import (
    PROFILES,
    ContentBlock,
    FileBuilder,
    FileWalk,
    Profile,
    Subtree,
    file_of,
    read_file,
)
from node.client import Client
from node.content_tree import content_bytes
from node.failure import Failure, Refused
from node.files import sync_folder
from node.query.store_forms import PinForm
from node.wallet.viewing import Sealing
from storage.content_pin import Pin, PinKind

MAX_AT_ONCE = 4
INCOMPLETE = "content-incomplete"  # the code of what is not pinned, as not all of it is there
MAX_ROUNDS = 3

# Called with the bytes of content that are done.
Report: TypeAlias = Callable[[int], None]
# A block by its id, with the ids of those that are read next.
GetBlock: TypeAlias = Callable[[Cid, Sequence[Cid]], bytes]


def digest_of(file: Path) -> bytes:
    """SHA-256 of a file; blocks, so use a thread."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").digest()


def measure(file: Path, profile: Profile, sealing: Sealing | None = None) -> Subtree:
    """The content id and sizes that a file has, if it is so sealed; blocks, so use a thread."""
    return file_of(_pieces(file, profile, sealing), profile)


def file_blocks(
    file: Path, profile: Profile, sealing: Sealing | None = None
) -> Iterator[ContentBlock]:
    """The blocks of a file, so sealed, children before parents."""
    builder = FileBuilder(profile)
    for piece in _pieces(file, profile, sealing):
        yield from builder.feed(piece)
    yield from builder.finish()


async def upload_blocks(
    client: Client,
    path: Path,
    blocks: Iterator[ContentBlock],
    expected: Cid,
    report: Report,
) -> None:
    """Put the blocks of a file or folder into a node's store, but those that it has.

    Raises Refused if it is not (any more) the one with the id `expected`.
    """
    done, root = 0, None
    while (block := await trio.to_thread.run_sync(next, blocks, None)) is not None:
        root = block[0]
        await upload_block(client, *block)
        done += content_bytes(block)
        report(done)
    if root != expected:
        raise Refused("changed while it was read; try again", field=str(path), code="file-changed")


async def upload_block(client: Client, cid: Cid, data: bytes) -> None:
    """Put a block into a node's store, unless it is there."""
    if not await client.has_block(cid):
        await client.upload_block(cid, data)


async def upload_and_pin(
    client: Client, root: Cid, form: PinForm, upload: Callable[[], Awaitable[None]]
) -> Pin:
    """Upload content and pin it whole; what is collected meanwhile is uploaded again."""
    for _ in range(MAX_ROUNDS):
        await upload()
        try:
            return await client.pin(root, form)
        except Refused as error:
            if error.code != INCOMPLETE:
                raise
    raise Refused(
        "the node collects it before all of it is there: try again when no collection runs there",
        field=str(root),
        code=INCOMPLETE,
    )


async def pin_together(client: Client, roots: Sequence[Cid], form: PinForm) -> None:
    """Pin content that a node has whole, all of it or nothing."""
    made = list[Cid]()
    try:
        for root in roots:
            was_pinned = any(p.kind == form.kind for p in (await client.stored_root(root)).pins)
            await client.pin(root, form)
            if not was_pinned:
                made.append(root)
    except Failure:
        for root in made:
            await client.unpin(root, PinKind(form.kind))
        raise


def _pieces(file: Path, profile: Profile, sealing: Sealing | None) -> Generator[bytes, None, None]:
    with file.open("rb") as source:
        pieces = iter(lambda: source.read(profile.chunk_bytes), b"")
        yield from pieces if sealing is None else seal(pieces, sealing.header, sealing.key)


async def fetch_header(client: Client, root: Cid) -> Header:
    """The header of a sealed file, of which only the blocks on the way to it are fetched. Raises
    InvalidEncoding for a file that is not sealed, and as `download_file` does."""
    walk = FileWalk(root)
    while True:
        (cid,) = walk.wanted(1)
        data = await client.fetch_block(cid)
        walk.accept(cid, data)
        if cid.codec == RAW:
            return read_header(data[:HEADER_BYTES])


async def download_file(
    client: Client, root: Cid, file: Path, report: Report, sealing: Sealing | None = None
) -> int:
    """Bring a file from a node and its peers to a new path, opened if it is so sealed; its size
    in bytes.

    Until it is whole it is called FILE.part; an interrupted download goes on there. Raises
    Refused if `file` exists, InvalidProof or InvalidEncoding for blocks that are not the
    file's and for what was not so sealed, and then nothing of them is kept.
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
            size = await trio.to_thread.run_sync(_download, root, file, get_block, tell, sealing)
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


def _download(
    root: Cid, file: Path, get_block: GetBlock, report: Report, sealing: Sealing | None
) -> int:
    part = file.with_name(f"{file.name}.part")
    with part.open("r+b" if part.exists() else "w+b") as target:
        done, place = 0, 0  # of the content, and of the file as it is in blocks
        following: list[Cid] = []

        def get(cid: Cid) -> bytes:
            nonlocal place
            if cid.codec != RAW:
                return get_block(cid, following)
            data = _kept(target, place, cid, sealing) or get_block(cid, following)
            place += len(data)
            return data

        def note_next(cids: Sequence[Cid]) -> None:
            following[:] = cids

        leaves = read_file(root, get, note_next=note_next)
        for piece in leaves if sealing is None else unseal(leaves, sealing.key):
            target.seek(done)
            target.write(piece)
            done += len(piece)
            report(done)
        target.truncate(done)
        target.flush()
        os.fsync(target.fileno())
    name_whole(part, file)
    return done


def _kept(target: BinaryIO, place: int, cid: Cid, sealing: Sealing | None) -> bytes | None:
    """The leaf of this id if an earlier download has left it at this place."""
    for profile in PROFILES.values():
        data = _read_again(target, place, profile.chunk_bytes, sealing)
        if data and cid_of(RAW, data) == cid:
            return data
    return None


def _read_again(target: BinaryIO, place: int, size: int, sealing: Sealing | None) -> bytes:
    """So many bytes of the file as it is in blocks; fewer where its content ends. Content that
    was opened is sealed again, which gives the same bytes; its last chunk is left out, as nothing
    here says that it is the last."""
    if sealing is None:
        target.seek(place)
        return target.read(size)
    header = sealing.header
    data = b"" if place else header.encode()
    for index in range(place // header.chunk_bytes, (place + size) // header.chunk_bytes):
        target.seek(header.first_byte(index))
        content = target.read(header.room(index))
        if len(content) < header.room(index):
            break
        data += seal_chunk(header, sealing.key, index, content, last=False)
    return data


def name_whole(part: Path, file: Path) -> None:
    """Give what is whole its own name, durably; raises Refused if that is taken."""
    try:
        os.link(part, file)  # unlike a rename, refuses to replace
    except FileExistsError:
        raise Refused("exists already and is not overwritten", field=str(file)) from None
    part.unlink()
    sync_folder(file.parent)
