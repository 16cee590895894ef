"""The chunks of one snapshot, from all peers that have it.

Each peer is asked for one chunk at a time. Who finds none left to ask for asks for one that another
is slow with. A chunk that is not the manifest's names its sender, who is asked no more.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Protocol, TypeAlias

import trio

from consensus.errors import Invalid
from consensus.snapshot import SnapshotOffer
from p2p.identity import PeerId
from p2p.questions import RequestFailed
from storage.errors import StorageError
from storage.snapshot_import import SnapshotImport

MAX_WORKERS = 8
MAX_ASKED = 2  # of how many peers one chunk is awaited at a time
MAX_FAILURES = 3  # of one peer: it is too slow, or dropped the snapshot meanwhile
MANIFEST_LIES = "manifest.chunks"


Recruit: TypeAlias = Callable[[], Coroutine[object, object, None]]


class NoSource(Exception):
    """Nobody that may be believed has the rest of a snapshot."""


class ManifestLies(Exception):
    """A chunk proves that the manifest is wrong, which its sender knew."""


class ChunkSource(Protocol):
    """What is asked of peers."""

    async def chunk(self, peer: PeerId, offer: SnapshotOffer, index: int) -> bytes:
        """The encoding of a chunk. Raises RequestFailed, and Invalid for an answer that is none."""


class ChunkDownload:
    """Fills an import that was started; `blame` is told of each peer that sent what is wrong."""

    def __init__(
        self,
        source: ChunkSource,
        offer: SnapshotOffer,
        started: SnapshotImport,
        blame: Callable[[PeerId, str], None],
    ) -> None:
        self._source = source
        self._offer = offer
        self._import = started
        self._blame = blame
        self._waiting = deque(started.missing)
        self._asked: dict[int, list[PeerId]] = {}
        self._workers: dict[PeerId, None] = {}
        self._given_up: dict[PeerId, int] = {}  # with how many chunks missing then
        self._changed = trio.Event()
        self._failure: Exception | None = None
        self._nursery: trio.Nursery

    async def run(self, peers: Iterable[PeerId], recruit: Recruit) -> None:
        """Return once all chunks are there. `recruit` may call `add` with further peers as long
        as it runs.

        Raises NoSource when no peer is left that has the rest, ManifestLies; DatabaseError.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(recruit)
            for peer in peers:
                self.add(peer)
            while self._workers and self._is_open:
                await self._changed.wait()
            nursery.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure
        if self._missing:
            raise NoSource(f"{self._missing} chunks are missing, and no peer is left that has them")

    def add(self, peer: PeerId) -> None:
        """Ask this peer too, unless it is asked already or enough are, or it failed and nobody
        has given a chunk since: peers that fail by turns would go on with that for ever."""
        if self._given_up.get(peer) == self._missing:
            return
        if peer not in self._workers and len(self._workers) < MAX_WORKERS:
            self._workers[peer] = None
            self._nursery.start_soon(self._work, peer)

    @property
    def _missing(self) -> int:
        return len(self._waiting) + len(self._asked)

    @property
    def _is_open(self) -> bool:
        return self._failure is None and self._missing > 0

    async def _work(self, peer: PeerId) -> None:
        failures = 0
        try:
            while failures < MAX_FAILURES:
                index = await self._next(peer)
                if index is None or not await self._bring(peer, index):
                    failures += 1
        except Invalid as error:
            if error.field == MANIFEST_LIES:
                self._failure = ManifestLies(str(error))
            else:
                self._blame(peer, str(error))
        except StorageError as error:
            self._failure = error
        finally:
            del self._workers[peer]
            self._given_up[peer] = self._missing
            self._note_change()

    async def _next(self, peer: PeerId) -> int | None:
        """The next chunk to ask this peer for; None when all are there."""
        while self._is_open:
            slow = (i for i, asked in self._asked.items() if peer not in asked)
            if self._waiting:
                index = self._waiting.popleft()
            elif (found := next(slow, None)) is not None and len(self._asked[found]) < MAX_ASKED:
                index = found
            else:
                await self._changed.wait()
                continue
            self._asked.setdefault(index, []).append(peer)
            return index
        return None

    async def _bring(self, peer: PeerId, index: int) -> bool:
        """Whether the peer gave the chunk; raises InvalidProof for another one."""
        done = False
        try:
            data = await self._source.chunk(peer, self._offer, index)
            await trio.to_thread.run_sync(self._import.add, index, data)
            done = True
        except RequestFailed:
            pass
        finally:
            self._settle(peer, index, done=done)
        return done

    def _settle(self, peer: PeerId, index: int, *, done: bool) -> None:
        asked = self._asked.get(index)
        if asked is None:  # another was quicker
            return
        asked.remove(peer)
        if done:
            del self._asked[index]
        elif not asked:
            del self._asked[index]
            self._waiting.append(index)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
