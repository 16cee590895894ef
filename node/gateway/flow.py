"""A long answer, read a little ahead of what the client takes.

The next few blocks are read, and fetched if they are not here, while those before them are sent.
Memory: two batches of at most BATCH_BYTES and one block each.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import trio

from consensus.cid import Cid
from consensus.dag_walk import DagWalk, Visit
from consensus.errors import Invalid
from node.api.problems import Broken
from node.gateway.block_source import BlockSource
from storage.content import ContentError

BATCH_BYTES = 512 * 1024
BATCH_BLOCKS = 64
FETCHED_AHEAD = 4
PIECE_BYTES = 256 * 1024  # of one send: no client keeps the loop for longer

_log = logging.getLogger("reelect.api")

# What of a block is sent.
Encode: TypeAlias = Callable[[Visit], bytes]
# Takes a piece; waits until the client has room for it.
Put: TypeAlias = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Flow:
    """The answer made of a walk's blocks: `head`, then what `encode` makes of each.

    `known` are blocks of the beginning that were read already.
    """

    walk: DagWalk
    encode: Encode
    known: dict[Cid, bytes]
    head: bytes = b""
    only_here: bool = False


class _Reader:
    """Reads a flow's walk in batches of pieces to send."""

    def __init__(self, source: BlockSource, flow: Flow) -> None:
        self._source = source
        self._flow = flow
        self._fetched = flow.known

    async def batches(self, into: trio.MemorySendChannel[list[bytes]]) -> str:
        """Send all; why it could not be all of it, or nothing."""
        walk = self._flow.walk
        try:
            async with into:
                while walk.next is not None:
                    pieces, count = await self._source.in_thread(self._read)
                    if pieces:
                        await into.send(pieces)
                    if not count and not await self._fetch():
                        return f"block {walk.next} cannot be had"
        except (Invalid, ContentError) as error:
            return str(error)
        return ""

    def _read(self) -> tuple[list[bytes], int]:
        """The pieces of the blocks up to the first that is not here, and how many those are."""
        walk, parts, size, count = self._flow.walk, list[bytes](), 0, 0
        while (cid := walk.next) is not None and size < BATCH_BYTES and count < BATCH_BLOCKS:
            data = self._source.load(cid, self._fetched)
            if data is None:
                break
            self._fetched.pop(cid, None)
            parts.append(self._flow.encode(walk.accept(data)))
            size += len(data)
            count += 1
        return list(_pieces(parts)), count

    async def _fetch(self) -> bool:
        """Bring the next blocks from peers; whether the very next one came."""
        if self._flow.only_here:
            return False
        wanted = self._flow.walk.following(FETCHED_AHEAD)
        self._fetched.update(await self._source.fetch_all(wanted, self._flow.walk.root))
        return wanted[0] in self._fetched


def _pieces(parts: Iterable[bytes]) -> Iterable[bytes]:
    """The same bytes in pieces of at most PIECE_BYTES, small ones joined."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        if size + len(part) > PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
        if len(part) > PIECE_BYTES:
            yield from (part[i : i + PIECE_BYTES] for i in range(0, len(part), PIECE_BYTES))
        elif part:
            waiting.append(part)
            size += len(part)
    if size:
        yield b"".join(waiting)


async def pour(source: BlockSource, flow: Flow, put: Put) -> None:
    """Give the pieces of a flow to `put`, which raises nothing; raises Broken if they are not
    all there are."""
    reader = _Reader(source, flow)
    why: list[str] = []
    into, out = trio.open_memory_channel[list[bytes]](0)

    async def read() -> None:
        why.append(await reader.batches(into))

    async with trio.open_nursery() as nursery, out:
        nursery.start_soon(read)
        for piece in _pieces([flow.head]):
            await put(piece)
        async for batch in out:
            for piece in batch:
                await put(piece)
    if why[0]:
        _log.info("a download ends early: %s", why[0])
        raise Broken(why[0])
