"""Fetches of whole files: which run, how far they are, how they ended."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

import trio

from consensus.cid import Cid
from consensus.errors import Invalid
from node.content.asking import Asking
from node.content.block_fetch import BlockFetch
from node.content.session import NobodyGives, Session
from storage.content import ContentStore
from storage.content_pin import PinKind
from storage.errors import StorageError

MAX_RUNNING = 4
MAX_REPLICATING = 2  # others are for those who ask
MAX_ENDED = 64  # that are remembered
SAY_EVERY_S = 5.0

logger = logging.getLogger("reelect.content")

# Told of each file that is whole now: root, bytes of content, and whether it is a replica.
Held = Callable[[Cid, int, bool], None]


class TooManyFetches(Invalid):
    """As many files are being fetched as may be at a time."""

    code = "too-many-fetches"


class FetchState(Enum):
    """How a fetch is."""

    RUNNING = "running"
    WHOLE = "whole"
    FAILED = "failed"


@dataclass(slots=True)
class FileFetch:
    """One file's fetch; `reason` says why it failed."""

    session: Session
    is_replica: bool
    ended: trio.Event
    state: FetchState = FetchState.RUNNING
    reason: str = ""

    @property
    def kind(self) -> PinKind:
        """Why it is kept."""
        return PinKind.REPLICA if self.is_replica else PinKind.USER

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.state is not FetchState.RUNNING

    @property
    def sentence(self) -> str:
        """How far it is, for the log."""
        size = self.session.size
        of = "" if size is None else f" of {size}"
        return f"{self.session.done_bytes}{of} bytes, from {len(self.session.sources)} neighbours"


class FileFetches:
    """The fetches of a node, in the order in which they began. `nursery`, which holds those that
    run, is set before any begins."""

    def __init__(self, store: ContentStore, asking: Asking, blocks: BlockFetch, held: Held) -> None:
        self._store = store
        self._asking = asking
        self._blocks = blocks
        self._held = held
        self._fetches: dict[Cid, FileFetch] = {}
        self.nursery: trio.Nursery
        self.whole = 0
        self.failed = 0

    @property
    def running(self) -> int:
        """How many run."""
        return sum(not fetch.is_over for fetch in self._fetches.values())

    @property
    def is_busy(self) -> bool:
        """Whether so many run that replicas have to wait."""
        return self.running >= MAX_REPLICATING

    def of(self, root: Cid) -> FileFetch | None:
        """The last fetch of this file, if it is remembered."""
        return self._fetches.get(root)

    def begin(self, root: Cid, max_bytes: int, *, is_replica: bool = False) -> FileFetch:
        """Fetch a file of at most `max_bytes`, unless that is being done; raises TooManyFetches."""
        known = self._fetches.get(root)
        if known is not None and not known.is_over:
            known.is_replica &= is_replica
            return known
        if self.running >= MAX_RUNNING:
            raise TooManyFetches(f"{MAX_RUNNING} files are being fetched: wait until one is whole")

        session = Session(
            root,
            self._store,
            self._asking,
            lambda: self._blocks.routes(root),
            max_bytes=max_bytes,
        )
        fetch = FileFetch(session, is_replica, trio.Event())
        self._fetches.pop(root, None)
        self._fetches[root] = fetch
        self._forget_old()
        self.nursery.start_soon(self._run, fetch)
        return fetch

    def _forget_old(self) -> None:
        ended = [root for root, fetch in self._fetches.items() if fetch.is_over]
        for root in ended[: max(len(ended) - MAX_ENDED, 0)]:
            del self._fetches[root]

    async def _run(self, fetch: FileFetch) -> None:
        root = fetch.session.root
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell, fetch)
            kind = fetch.kind
            try:
                await trio.to_thread.run_sync(self._store.pin, root, kind)
                await fetch.session.run()
            except (NobodyGives, Invalid, StorageError) as error:
                fetch.state, fetch.reason = FetchState.FAILED, str(error)
                self.failed += 1
                logger.warning("file %s is not fetched: %s", root, error)
            else:
                fetch.state = FetchState.WHOLE
                self.whole += 1
                logger.info("file %s is whole: %s", root, fetch.sentence)
                self._held(root, fetch.session.size or 0, fetch.is_replica)
            with suppress(StorageError):
                await trio.to_thread.run_sync(self._settle_pins, fetch, kind)
            nursery.cancel_scope.cancel()
        fetch.ended.set()

    def _settle_pins(self, fetch: FileFetch, begun_as: PinKind) -> None:
        """What came of a replica in vain may be collected. What somebody has asked for is kept,
        also if it is not whole: the next fetch goes on there."""
        root, is_in_vain = fetch.session.root, fetch.state is FetchState.FAILED
        if fetch.kind is not begun_as:
            self._store.pin(root, fetch.kind)
        if begun_as is PinKind.REPLICA and (is_in_vain or not fetch.is_replica):
            self._store.unpin(root, begun_as)

    async def _tell(self, fetch: FileFetch) -> None:
        """Have the log hear of it, now and then."""
        while True:
            await trio.sleep(SAY_EVERY_S)
            logger.info("fetching file %s: %s", fetch.session.root, fetch.sentence)
