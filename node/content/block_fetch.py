"""Single content blocks from the neighbours.

One peer after the other is asked, and the next one without waiting long for a slow one, so that
nobody can hold a block up.
"""

import logging

import trio

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.unixfs import check_content_block
from node.content.asking import Asking
from node.content.providers import ProviderTable, Route
from storage.content import ContentStore, ContentStoreFull

HEDGE_S = 0.5  # then the next peer is asked too
MAX_ASKED = 8  # peers for one block
QUICK_BYTES = 256 * 1024  # are hashed sooner than a thread wakes up

logger = logging.getLogger("reelect.content")


class BlockFetch:
    """Brings content blocks, one for each call; calls may run side by side."""

    def __init__(self, store: ContentStore, asking: Asking, providers: ProviderTable) -> None:
        self._store = store
        self._asking = asking
        self._providers = providers

    async def fetch(self, cid: Cid, root: Cid | None = None) -> bytes | None:
        """The block, kept here from now on if there is room; None if nobody has it.

        `root` is the file that it belongs to, whose providers are asked first, however far.
        """
        data = await trio.to_thread.run_sync(self._store.get, cid)
        if data is not None:
            return data
        data = await self.from_routes(await self.routes(cid, root), cid, root or cid)
        if data is not None:
            try:
                await trio.to_thread.run_sync(self._store.put, cid, data)
            except ContentStoreFull as error:
                logger.warning("block %s is handed on and not kept: %s", cid, error)
        return data

    async def routes(self, cid: Cid, root: Cid | None = None) -> list[Route]:
        """Whom to ask for a block: those that lead to a provider of its file, else the neighbours
        that say they have it. The best come first."""
        routes = {route.peer: route for route in self._providers.routes(root or cid)}
        if not routes:
            return await self._asking.who_has(cid)
        best = self._asking.sources.best_first(routes, trio.current_time())
        return sorted((routes[peer] for peer in best), key=lambda route: route.hops)

    async def from_routes(self, routes: list[Route], cid: Cid, root: Cid) -> bytes | None:
        """The block, checked, from the first of these who gives it."""
        found: list[bytes] = []
        async with trio.open_nursery() as nursery:

            async def ask(route: Route, settled: trio.Event) -> None:
                data = await self._ask(route, cid, root)
                if data is not None and not found:
                    found.append(data)
                    nursery.cancel_scope.cancel()
                settled.set()

            for route in routes[:MAX_ASKED]:
                settled = trio.Event()
                nursery.start_soon(ask, route, settled)
                with trio.move_on_after(HEDGE_S):
                    await settled.wait()
        return found[0] if found else None

    async def _ask(self, route: Route, cid: Cid, root: Cid) -> bytes | None:
        """The block from this peer. Who is not done when another has given it has lacked it."""
        source = self._asking.sources.of(route.peer, trio.current_time())
        source.asked += 1
        try:
            data = await self._asking.block(route, cid, root)
        except trio.Cancelled:
            source.lacked()
            raise
        if data is None:
            return None
        try:
            if len(data) > QUICK_BYTES:
                await trio.to_thread.run_sync(check_content_block, cid, data)
            else:
                check_content_block(cid, data)
        except Invalid as error:
            self._asking.blame(route.peer, error)
            return None
        self._asking.took(data)
        return data
