"""A whole file from several neighbours at once, block by block into the store.

A block is asked of one neighbour; of a second one if the first is slow or there is nothing else
to ask for, so that nobody can hold the file up. What is stored already is asked of nobody, so that
a fetch that was broken off goes on where it was.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import trio

from consensus.cid import RAW, Cid
from consensus.errors import Invalid, InvalidProof
from consensus.unixfs import MAX_AHEAD, FileWalk
from node.content.asking import Asking
from node.content.providers import Route
from p2p.identity import PeerId
from storage.content import ContentStore
from storage.errors import StorageError

MAX_WAITING_BYTES = 8 * 1024 * 1024  # of blocks that are asked for; as many may be being stored
MAX_ASKED = 2  # neighbours for one block at a time
SLOW_S = 0.5  # then another neighbour is asked too
LOOK_SHARE = 4  # of the blocks that are asked for next
RETRY_S = 1.0  # until a neighbour that lacked a block is asked for it again
TURN_S = 0.1  # how often slow ones are looked for
FIND_S = 3.0  # how often more neighbours are looked for
PATIENCE_S = 60.0  # without any block

logger = logging.getLogger("reelect.content")

# The neighbours that can give blocks of this file, the best first.
FindRoutes = Callable[[], Awaitable[Sequence[Route]]]


class NobodyGives(Exception):
    """No neighbour gives the blocks of a file that are missing."""


@dataclass(slots=True)
class _Wanted:
    """A block that is asked for: since when, of whom now, and who lacked it; whether it is here
    and waits to be stored."""

    since: float
    asked: set[PeerId] = field(default_factory=set)
    lacking: set[PeerId] = field(default_factory=set)
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A block that waits to be stored, and who gave it."""

    peer: PeerId
    cid: Cid
    data: bytes


class Session:
    """The fetch of one file."""

    def __init__(
        self,
        root: Cid,
        store: ContentStore,
        asking: Asking,
        find_routes: FindRoutes,
        *,
        max_bytes: int,
    ) -> None:
        self.root = root
        self.done_bytes = 0
        self.sources: set[PeerId] = set()  # that gave something
        self._store = store
        self._asking = asking
        self._find_routes = find_routes
        self._walk = FileWalk(root, max_bytes)
        self._walking = Lock()
        self._largest = 1
        self._wanted: dict[Cid, _Wanted] = {}
        self._arrived: list[_Arrived] = []
        self._came = trio.Event()
        self._routes: Sequence[Route] = ()
        self._changed = trio.Event()
        self._failure: Exception | None = None
        self._nursery: trio.Nursery

    @property
    def size(self) -> int | None:
        """The file's bytes of content, as soon as they are known."""
        return self._walk.size

    async def run(self) -> None:
        """Return once the whole file is stored.

        Raises NobodyGives; InvalidEncoding if the root is not a file's or it is larger than
        `max_bytes`; ContentStoreFull and other StorageErrors.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._look_around)
            nursery.start_soon(self._store_arrived)
            await self._bring()
            nursery.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure

    async def _bring(self) -> None:
        last = trio.current_time()
        while self._failure is None and (not self._walk.done or self._arrived):
            done = self.done_bytes
            await self._take_stored()
            self._ask()
            if self.done_bytes > done or self._arrived:
                last = trio.current_time()
            elif trio.current_time() - last > PATIENCE_S:
                self._failure = NobodyGives(f"no neighbour gives what is missing of {self.root}")
            with trio.move_on_after(TURN_S):
                await self._changed.wait()

    async def _look_around(self) -> None:
        while True:
            self._routes = await self._find_routes()
            self._note_change()
            await trio.sleep(FIND_S)

    # What is here

    async def _take_stored(self) -> None:
        """Pass over the blocks that are stored, up to the first ones that are not; several are
        looked for at once, unless there are no others to ask for."""
        while self._failure is None:
            following = self._next()
            new = [cid for cid in following if cid not in self._wanted]
            if not new or len(following) > LOOK_SHARE * len(new):
                return
            here = await trio.to_thread.run_sync(self._load, new)
            for cid in new:
                if cid not in here:
                    self._wanted[cid] = _Wanted(trio.current_time())

    def _next(self) -> list[Cid]:
        """The blocks to get now, as many as there may be in memory."""
        ahead = min(max(MAX_WAITING_BYTES // self._largest, 1), MAX_AHEAD)
        return self._walk.wanted(ahead)

    def _load(self, cids: Sequence[Cid]) -> set[Cid]:
        """Accept those of the blocks that are stored."""
        here: set[Cid] = set()
        try:
            for cid in cids:
                data = self._store.get(cid)
                if data is not None:
                    self._accept(cid, data)
                    here.add(cid)
        except (Invalid, StorageError) as error:
            self._failure = error
        return here

    def _accept(self, cid: Cid, data: bytes) -> bool:
        """Whether the walk takes a block."""
        with self._walking:
            if not self._walk.accept(cid, data):
                return False
            self._largest = max(self._largest, len(data))
            if cid.codec == RAW:
                self.done_bytes += len(data)
        return True

    # What others have

    def _ask(self) -> None:
        """Ask for all that may be asked for now: first what is asked of nobody."""
        now = trio.current_time()
        wanted = {cid: self._wanted[cid] for cid in self._next() if cid in self._wanted}
        for askers in range(MAX_ASKED):
            for cid, each in wanted.items():
                is_due = not askers or now - each.since >= SLOW_S
                if is_due and len(each.asked) == askers and not each.is_here:
                    self._ask_for(cid, each, now)

    def _ask_for(self, cid: Cid, wanted: _Wanted, now: float) -> None:
        sources = self._asking.sources
        if wanted.lacking and now - wanted.since >= RETRY_S:
            wanted.lacking.clear()
        useful = {
            route.peer: route
            for route in self._routes
            if route.peer not in wanted.asked and route.peer not in wanted.lacking
        }
        for peer in sources.best_first(useful, now):
            if sources.of(peer, now).begin(now):
                wanted.asked.add(peer)
                wanted.since = now
                self._nursery.start_soon(self._fetch, useful[peer], cid, wanted)
                return

    async def _fetch(self, route: Route, cid: Cid, wanted: _Wanted) -> None:
        data = await self._asking.block(route, cid, self.root)
        wanted.asked.discard(route.peer)
        if data is None:
            wanted.lacking.add(route.peer)
        elif self._wanted.get(cid) is wanted and not wanted.is_here:
            wanted.is_here = True
            self._arrived.append(_Arrived(route.peer, cid, data))
            self._came.set()
        self._note_change()

    async def _store_arrived(self) -> None:
        """Store what has come, all that there is at once: to wake a thread takes its time."""
        while self._failure is None:
            await self._came.wait()
            self._came = trio.Event()
            blocks = tuple(self._arrived)
            good = await trio.to_thread.run_sync(self._store_accepted, blocks)
            del self._arrived[: len(blocks)]
            for block in blocks:
                self._wanted[block.cid].is_here = False
            for block in good:
                del self._wanted[block.cid]
                self._asking.took(block.data)
                self.sources.add(block.peer)
            self._note_change()

    def _store_accepted(self, blocks: Sequence[_Arrived]) -> list[_Arrived]:
        """Those of the blocks that are right and were wanted, which are stored now."""
        good: list[_Arrived] = []
        try:
            for block in blocks:
                if self._is_accepted(block):
                    self._store.put(block.cid, block.data)
                    good.append(block)
        except (Invalid, StorageError) as error:
            logger.warning("file %s: %s", self.root, error)
            self._failure = error
        return good

    def _is_accepted(self, block: _Arrived) -> bool:
        try:
            return self._accept(block.cid, block.data)
        except InvalidProof as error:
            trio.from_thread.run_sync(self._asking.blame, block.peer, error)
            return False

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
