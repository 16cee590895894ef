"""Answering neighbours' questions about content, from the store or, for files that somebody nearer
to a provider of holds, handed on from there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import trio

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.record import Record
from node.content.block_fetch import BlockFetch
from node.content.providers import ProviderTable
from node.content.throttle import Throttle
from p2p.identity import PeerId
from p2p.limits import MAX_GIVING_IN_ALL
from p2p.messages import (
    MAX_CONTENT_BYTES,
    Content,
    ContentBlock,
    GetContent,
    Have,
    WantHave,
)
from storage.content import ContentStore

MAX_RELAYED = 4  # questions at a time that wait for others
MAX_READING = 2  # threads that look into the store; each keeps some memory when it is done

if MAX_RELAYED >= MAX_GIVING_IN_ALL:
    raise ValueError("a node must give what it has while it waits for slow providers")

# Whether a node may give this content, file or block, to others.
IsServed = Callable[[Cid], bool]


class Busy(Invalid):
    """A question that is refused now and may be asked again, or of another."""

    code = "busy"


@dataclass(slots=True)
class ServingCounts:
    """Running totals: blocks and their bytes that were given, those among them that came from
    others meanwhile, and questions that were refused because too many waited."""

    blocks: int = 0
    bytes: int = 0
    relayed: int = 0
    busy: int = 0


class Serving:
    """The node's answers about content."""

    def __init__(
        self,
        store: ContentStore,
        providers: ProviderTable,
        fetch: BlockFetch,
        throttle: Throttle,
        is_served: IsServed,
    ) -> None:
        self._store = store
        self._providers = providers
        self._fetch = fetch
        self._throttle = throttle
        self._is_served = is_served
        self._relayed = 0
        self._reading = trio.CapacityLimiter(MAX_READING)
        self.counts = ServingCounts()

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        """The answer, None if the request is not for content; raises Busy."""
        if isinstance(request, WantHave):
            return await trio.to_thread.run_sync(self._have, request, limiter=self._reading)
        if isinstance(request, GetContent):
            return await self._content(peer, request)
        return None

    def _have(self, request: WantHave) -> Have:
        bits = 0
        for i, cid in enumerate(request.cids):
            bits |= (self._is_served(cid) and self._store.has(cid)) << i
        return Have(bits.to_bytes(-(-len(request.cids) // 8), "little"))

    async def _content(self, peer: PeerId, request: GetContent) -> Content:
        if request.root is not None and not self._is_served(request.root):
            return Content(())
        cids = list(filter(self._is_served, dict.fromkeys(request.cids)))
        blocks = await trio.to_thread.run_sync(
            lambda: list(self._stored(cids)), limiter=self._reading
        )
        if not blocks and cids and request.root is not None and request.hops:
            blocks = await self._relay(peer, cids[0], request.root, request.hops)
        size = sum(len(block.data) for block in blocks)
        await self._throttle.passing(size)
        self.counts.blocks += len(blocks)
        self.counts.bytes += size
        return Content(tuple(blocks))

    def _stored(self, cids: Iterable[Cid]) -> Iterator[ContentBlock]:
        room = MAX_CONTENT_BYTES
        for cid in cids:
            data = self._store.get(cid)
            if data is not None and len(data) <= room:
                room -= len(data)
                yield ContentBlock(cid, data)

    async def _relay(self, asker: PeerId, cid: Cid, root: Cid, hops: int) -> list[ContentBlock]:
        """The block from one neighbour that is nearer to a provider: no question becomes two."""
        routes = [
            route
            for route in self._providers.routes(root)
            if route.hops < hops and route.peer != asker
        ]
        if not routes:
            return []
        if self._relayed >= MAX_RELAYED:
            self.counts.busy += 1
            raise Busy("too many questions wait for others")
        self._relayed += 1
        try:
            data = await self._fetch.from_routes(routes[:1], cid, root)
        finally:
            self._relayed -= 1
        self.counts.relayed += data is not None
        return [] if data is None else [ContentBlock(cid, data)]
