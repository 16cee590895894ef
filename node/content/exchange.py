"""A node's exchange of content with its neighbours: what it holds, gives, fetches, replicates."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.record import Record
from consensus.unixfs import FileWalk
from node.candidate import Recorded
from node.content.asking import Asking, ContentPeers
from node.content.block_fetch import BlockFetch
from node.content.catalogue import Catalogue, Published, published_by
from node.content.file_fetch import FileFetches
from node.content.holdings import Holdings
from node.content.providers import ProviderTable
from node.content.replicator import Replication, Replicator
from node.content.serving import IsServed, Serving
from node.content.throttle import Throttle
from p2p.identity import PeerId, short_id
from p2p.messages import GetProviders, Providers
from p2p.provider import LIFE_MS, MAX_ROOTS, CarriedProvider, ProviderRecord, sign_provider
from p2p.questions import RequestFailed
from storage.content import ContentError, ContentStore
from storage.content_pin import PinKind

RENEW_S = LIFE_MS / 1000 / 3
PROVIDERS_S = 10.0  # how long an answer about providers is waited for
MAX_PAUSES = 10  # times as long is waited for news of a neighbour whose news are of no use
INCOMPLETE_S = 600.0  # until what lacked blocks is looked through again
MAX_INCOMPLETE = 1_024
MAX_PUBLISHED = 4_096

logger = logging.getLogger("reelect.content")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds: a neighbour is asked for news of providers, and soon again if it had
    some; the own record is made anew at most; a page of the chain's files is looked at."""

    ask_s: float = 3.0
    again_s: float = 0.3
    announce_s: float = 1.0
    look_s: float = 5.0


@dataclass(frozen=True, slots=True)
class ContentSettings:
    """`max_upload_bytes_per_s` to all neighbours together (0: any); `holdings` the file that keeps
    what the node holds."""

    replication: Replication
    max_upload_bytes_per_s: int = 0
    holdings: Path | None = None
    pace: Pace = Pace()


class ContentExchange:
    """Everything about content between this node and others. `run` serves until cancelled.

    `is_served` says whether content may be given to others; it may be called in threads.
    """

    def __init__(
        self,
        key: KeyPair,
        chain: bytes,
        catalogue: Catalogue,
        store: ContentStore,
        network: ContentPeers,
        *,
        settings: ContentSettings,
        now_ms: Callable[[], int],
        is_served: IsServed,
    ) -> None:
        self._key = key
        self._chain = chain
        self._store = store
        self._network = network
        self._pace = settings.pace
        self._now_ms = now_ms
        self._is_served = is_served
        self._catalogue = catalogue
        self._changed = trio.Event()
        self._following: dict[PeerId, trio.CancelScope] = {}
        self._published: dict[Cid, None] = {}
        self._incomplete: dict[Cid, float] = {}
        self._made_ms = 0
        self._nursery: trio.Nursery | None = None
        self.holdings = Holdings(settings.holdings)
        self.providers = ProviderTable(key.public, now_ms)
        self.asking = Asking(network)
        self.blocks = BlockFetch(store, self.asking, self.providers)
        throttle = Throttle(settings.max_upload_bytes_per_s)
        self.serving = Serving(store, self.providers, self.blocks, throttle, is_served)
        self.fetches = FileFetches(store, self.asking, self.blocks, self._hold)
        self._replicator = Replicator(
            key.public,
            settings.replication,
            providers=self.providers,
            holdings=self.holdings,
            fetches=self.fetches,
        )

    # The node's life

    async def run(self) -> None:
        """Follow the neighbours, tell them what is here, and replicate."""
        async with trio.open_nursery() as nursery:
            self._nursery = self.fetches.nursery = nursery
            for peer in self._network.peers():
                self.connected(peer.id)
            nursery.start_soon(self._announce_changes)
            nursery.start_soon(self._look_through)

    def connected(self, peer: PeerId) -> None:
        """A neighbour is there."""
        if self._nursery is not None and peer not in self._following:
            scope = self._following[peer] = trio.CancelScope()
            self._nursery.start_soon(self._follow, peer, scope)

    def disconnected(self, peer: PeerId) -> None:
        """A neighbour is gone, unless it is there by another connection already."""
        if all(other.id != peer for other in self._network.peers()):
            scope = self._following.pop(peer, None)
            if scope is not None:
                scope.cancel()
            self.providers.forget(peer)

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        """The answer to a neighbour's question, None if it is none about content."""
        if isinstance(request, GetProviders):
            if peer in self._following:  # and not gone meanwhile
                self.providers.hear(peer, request.known)
            return Providers(self.providers.news_for(request.known))
        return await self.serving.serve(peer, request)

    def note_final(self, blocks: Sequence[Recorded]) -> None:
        """Blocks are final: look at the files that they have registered soon."""
        for block in blocks:
            self._published |= dict.fromkeys(published_by(block))
        while len(self._published) > MAX_PUBLISHED:  # they come by their turn
            del self._published[next(iter(self._published))]

    def announce_soon(self) -> None:
        """Make the own record anew: what the node holds, or may give, has changed."""
        self._changed.set()

    def _hold(self, root: Cid, size_bytes: int, is_replica: bool) -> None:
        if self.holdings.add(root, size_bytes, is_replica=is_replica):
            self.announce_soon()

    # Providers

    async def _follow(self, peer: PeerId, scope: trio.CancelScope) -> None:
        """Learn whom a neighbour knows, until it is gone."""
        pause_s = self._pace.ask_s
        with scope:
            while True:
                came, taken = await self._ask_news(peer)
                if taken:
                    pause_s = self._pace.again_s
                elif came:
                    pause_s = min(2 * pause_s, MAX_PAUSES * self._pace.ask_s)
                else:
                    pause_s = self._pace.ask_s
                await trio.sleep(pause_s)

    async def _ask_news(self, peer: PeerId) -> tuple[int, int]:
        """How many records came, and how many of them are kept."""
        try:
            question = GetProviders(self.providers.known())
            answer = await self._network.request(peer, question, PROVIDERS_S)
            carried = answer.records if isinstance(answer, Providers) else ()
            good = await trio.to_thread.run_sync(self._check, carried)
        except RequestFailed as error:
            logger.debug("providers from %s: %s", short_id(peer), error)
            return 0, 0
        except Invalid as error:
            self.asking.blame(peer, error)
            return 0, 0
        taken = sum(self.providers.take(provider, peer, hops) for hops, provider in good)
        return len(carried), taken

    def _check(self, carried: Sequence[CarriedProvider]) -> list[tuple[int, ProviderRecord]]:
        """The records that are right now, with their hops. Those that are too old, or hold files
        that this node has yet to learn of, are left out; raises Invalid for forged ones."""
        good: list[tuple[int, ProviderRecord]] = []
        now_ms = self._now_ms()
        for item in carried:
            provider = ProviderRecord.decode(item.record)
            if not self.providers.is_news(provider.peer, provider.made_ms):
                continue
            provider.check(self._chain)
            if provider.is_timely(now_ms) and self._catalogue.all_registered(provider.roots):
                good.append((item.hops, provider))
        return good

    async def _announce_changes(self) -> None:
        while True:
            self._changed = trio.Event()
            await self._announce()
            with trio.move_on_after(RENEW_S):
                await self._changed.wait()
            await trio.sleep(self._pace.announce_s)

    async def _announce(self) -> None:
        """Make the own record anew, and let the file of what is held agree with it."""
        self._made_ms = max(self._now_ms(), self._made_ms + 1)
        self.providers.set_own(await trio.to_thread.run_sync(self._own_record))
        await trio.to_thread.run_sync(self.holdings.save)

    def _own_record(self) -> ProviderRecord:
        held = self.holdings.newest(MAX_ROOTS)
        roots = sorted(r for r in held if self._is_served(r) and self._catalogue.of(r) is not None)
        room = self._replicator.free_bytes
        return sign_provider(self._key, self._chain, self._made_ms, room, tuple(roots))

    # What is here, and what should be

    async def _look_through(self) -> None:
        while True:
            self.providers.expire()
            new, self._published = list(self._published), {}
            files = await trio.to_thread.run_sync(self._files_to_look_at, new)
            try:
                for file in files:
                    await self._look_at(file)
                await self._drop_surplus()
            except ContentError as error:
                logger.warning("looking through the content: %s", error)
            await trio.sleep(self._pace.look_s)

    async def _drop_surplus(self) -> None:
        """Let go of replicas that are too many. Their roots are removed at once, so that they are
        not taken for whole again; collecting garbage removes the rest."""
        for root in self._replicator.drop_surplus():
            self.announce_soon()
            await trio.to_thread.run_sync(self._store.unpin, root, PinKind.REPLICA)
            await trio.to_thread.run_sync(self._store.delete, root)

    def _files_to_look_at(self, new: Sequence[Cid]) -> list[Published]:
        """These, as far as they are registered, and a page of all."""
        found = [file for file in map(self._catalogue.of, new) if file is not None]
        return [*found, *self._catalogue.turn()]

    async def _look_at(self, file: Published) -> None:
        """Find out whether a registered file is here, or is to be."""
        root = file.root
        running = self.fetches.of(root)
        if not self._is_served(root):
            await self._let_go(root)
        elif root in self.holdings:
            if not await trio.to_thread.run_sync(self._store.has, root):
                await self._let_go(root)
        elif running is None or running.is_over:
            if await self._is_whole(root):
                self._hold(root, file.size_bytes, is_replica=False)
            else:
                self._replicator.consider(file)

    async def _let_go(self, root: Cid) -> None:
        """Hold a file no longer, nor keep what there is of its replica."""
        if self.holdings.remove(root):
            self.announce_soon()
            await trio.to_thread.run_sync(self._store.unpin, root, PinKind.REPLICA)

    async def _is_whole(self, root: Cid) -> bool:
        """Whether all blocks of a file are stored. One that lacks some is not looked through again
        for a while, as that reads all of it."""
        now = trio.current_time()
        if self._incomplete.get(root, now) > now:
            return False
        if not await trio.to_thread.run_sync(self._store.has, root):
            return False
        if await trio.to_thread.run_sync(is_whole, self._store, root):
            self._incomplete.pop(root, None)
            return True
        self._incomplete[root] = now + INCOMPLETE_S
        if len(self._incomplete) > MAX_INCOMPLETE:
            del self._incomplete[next(iter(self._incomplete))]
        return False


def is_whole(store: ContentStore, root: Cid) -> bool:
    """Whether all blocks of a file are stored and fit together; reads all of them."""
    walk = FileWalk(root)
    try:
        while not walk.done:
            for cid in walk.wanted(1):
                data = store.get(cid)
                if data is None:
                    return False
                walk.accept(cid, data)
    except (Invalid, ContentError) as error:
        logger.warning("file %s is not one, or cannot be read: %s", root, error)
        return False
    return True
