"""Catching up: blocks of a peer that is ahead, in order, until there is nothing new.

Nothing here is trusted: each block is checked like any other. A peer's claims only decide whom
to ask.
"""

import logging
from collections.abc import Awaitable, Callable

import trio

from consensus.block import MAX_BLOCK_BYTES
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidBlock
from node.candidate import Candidate, read_block
from node.chain import Chain, Screening
from p2p.identity import PeerId, short_id
from p2p.messages import MAX_BLOCKS, Blocks, GetBlock, GetBlocks
from p2p.network import Network
from p2p.peer import RemoteError, RequestFailed
from p2p.scoring import REJECTED_POINTS

MAX_ANCESTORS = 64
MAX_ANCESTOR_BYTES = 8 * MAX_BLOCK_BYTES  # held until the oldest can be checked
REQUEST_TIMEOUT_S = 10.0

logger = logging.getLogger("reelect.sync")

AddBlock = Callable[[Candidate], Awaitable[Screening]]


class Sync:
    """One catch-up at a time, from the best peer.

    `behind` says that a peer has proved final blocks beyond the own one and that catching up
    goes on: nothing may be signed then (FINALITY: Journal and restart).
    """

    def __init__(self, chain: Chain, network: Network, add_block: AddBlock) -> None:
        self._chain = chain
        self._network = network
        self._add_block = add_block
        self._wanted: dict[PeerId, None] = {}  # in turn, so that none can crowd the others out
        self._wake = trio.Event()
        self.behind = False

    def want(self, peer: PeerId) -> None:
        """Ask `peer` for what is missing, soon."""
        self._wanted[peer] = None
        self._wake.set()

    async def run(self) -> None:
        """Catch up whenever asked to; until cancelled."""
        while True:
            if not self._wanted:
                self._wake = trio.Event()
                await self._wake.wait()
            peer = next(iter(self._wanted))
            del self._wanted[peer]
            try:
                await self._catch_up(peer)
            except RequestFailed as error:
                logger.info("catching up from %s: %s", short_id(peer), error)
            except Invalid as error:
                logger.warning("catching up from %s: %s", short_id(peer), error)
                self._network.misbehaved(peer, REJECTED_POINTS, str(error))
            finally:
                self.behind = False

    async def _catch_up(self, peer: PeerId) -> None:
        final_before = self._chain.durable_final.height
        height = final_before
        while blocks := await self._blocks_after(peer, height):
            new = 0
            for raw in blocks:
                candidate = read_block(raw)
                if candidate.header.height != height + 1:
                    raise InvalidBlock("does not follow", field="header.height")
                height = candidate.header.height
                screening = await self._add_block(candidate)
                new += screening is Screening.NEW
                if screening in (Screening.ORPHAN, Screening.STALE, Screening.EARLY):
                    return
            self.behind = self._chain.durable_final.height > final_before and len(blocks) > 2
            if new:
                logger.info("took %d blocks from %s, up to height %d", new, short_id(peer), height)

    async def _blocks_after(self, peer: PeerId, height: int) -> tuple[bytes, ...]:
        request = GetBlocks(height, MAX_BLOCKS)
        answer = await self._network.request(peer, request, REQUEST_TIMEOUT_S)
        return answer.blocks if isinstance(answer, Blocks) else ()

    async def fetch_ancestors(self, peer: PeerId, orphan: Candidate) -> None:
        """Bring the unknown ancestors of a block by id, then the block itself.

        A gap of more than MAX_ANCESTORS or MAX_ANCESTOR_BYTES is left to catching up. Raises
        RequestFailed, and Invalid… for bad blocks.
        """
        missing = [orphan]
        while (parent := missing[-1].header.parent) is not None:
            if self._chain.fork.get(parent) is not None:
                break
            if missing[-1].header.height <= self._chain.durable_final.height + 1:
                return  # it forks off below the final block
            held = sum(len(candidate.raw) for candidate in missing)
            if len(missing) > MAX_ANCESTORS or held > MAX_ANCESTOR_BYTES:
                self.want(peer)
                return
            missing.append(await self._block(peer, parent))
        for candidate in reversed(missing):
            await self._add_block(candidate)

    async def _block(self, peer: PeerId, block_id: Cid) -> Candidate:
        answer = await self._network.request(peer, GetBlock(block_id), REQUEST_TIMEOUT_S)
        blocks = answer.blocks if isinstance(answer, Blocks) else ()
        if len(blocks) != 1:
            raise RemoteError("has not the parent of a block that it sent")
        candidate = read_block(blocks[0])
        if candidate.id != block_id:
            raise InvalidBlock("answered with another block than was asked for", field="id")
        return candidate
