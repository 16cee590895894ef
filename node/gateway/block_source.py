"""The blocks that the gateway answers with: headers of the chain, this node's content, its peers'.

Every block that comes from here was checked against its CID.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TypeVar

import trio

from consensus.cid import DAG_CBOR, Cid
from consensus.errors import Invalid
from node.api.problems import RETRY_AFTER_S, Problem
from node.candidate import header_of
from node.query.chain_view import NotFound
from node.served import ContentTakenDown, Fetch
from node.services import Services
from storage.blocks import BlockStore
from storage.content import ContentError, ContentStore

MAX_READING_THREADS = 2
FETCH_TIMEOUT_S = 30.0

EMPTY: Mapping[Cid, bytes] = MappingProxyType({})

T = TypeVar("T")


class BlockSource:
    """Blocks by CID, out of a node's parts.

    `header` reads a header of the chain, `fetch` asks this node and its peers for content, and
    `is_served` says whether that may be given out (node/services.py).
    """

    def __init__(
        self,
        content: ContentStore,
        header: Callable[[Cid], bytes | None],
        fetch: Fetch,
        is_served: Callable[[Cid], bool],
    ) -> None:
        self._content = content
        self._header = header
        self._fetch = fetch
        self._is_served = is_served
        self._threads = trio.CapacityLimiter(MAX_READING_THREADS)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run what reads or computes for long beside the node's loop, few at a time."""
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    def load(self, cid: Cid, known: Mapping[Cid, bytes] = EMPTY) -> bytes | None:
        """A block that is known or here, or None; blocks, so use a thread. Raises
        ContentTakenDown."""
        if cid.codec != DAG_CBOR and not self._is_served(cid):
            raise ContentTakenDown(f"{cid} was taken down: this node does not serve it any more")
        data = known.get(cid)
        if data is not None:
            return data
        return self._header(cid) if cid.codec == DAG_CBOR else self._content.get(cid)

    async def get(self, cid: Cid, *, only_here: bool) -> bytes:
        """A block from here or, unless `only_here`, from a peer; raises Problem or NotFound."""
        data = await self.in_thread(lambda: self.load(cid))
        if data is not None:
            return data
        if only_here:
            raise Problem(412, "not-stored", f"this node does not store block {cid}")
        if cid.codec == DAG_CBOR:
            raise NotFound(f"this node has no block {cid} of the chain")
        with trio.move_on_after(FETCH_TIMEOUT_S):
            data = await self._fetch(cid, cid)
            if data is None:
                raise NotFound(f"neither this node nor a peer of it has block {cid}")
            return data
        raise Problem(
            504,
            "fetch-timeout",
            f"no peer has sent block {cid} within {FETCH_TIMEOUT_S:g} s",
            headers={"retry-after": str(RETRY_AFTER_S)},
        )

    async def fetch_all(self, cids: Sequence[Cid], root: Cid) -> dict[Cid, bytes]:
        """Those of these blocks below a root that can be had, asked for at once; dag-cbor is not
        asked for."""
        found: dict[Cid, bytes] = {}

        async def fetch(cid: Cid) -> None:
            with suppress(ContentError, Invalid):
                data = await self._fetch(cid, root)
                if data is not None:
                    found[cid] = data

        with trio.move_on_after(FETCH_TIMEOUT_S):
            async with trio.open_nursery() as nursery:
                for cid in cids:
                    if cid.codec != DAG_CBOR:
                        nursery.start_soon(fetch, cid)
        return found


def source_of(services: Services) -> BlockSource:
    """The blocks of a running node."""
    blocks = services.chain.blocks
    return BlockSource(
        services.content,
        lambda block_id: _header(blocks, block_id),
        services.fetch,
        services.is_served,
    )


def _header(blocks: BlockStore, block_id: Cid) -> bytes | None:
    raw = blocks.get(block_id)
    if raw is None:
        height = blocks.height_of(block_id)
        raw = None if height is None else blocks.block_or_header(height)
    return None if raw is None else header_of(raw).encode()
