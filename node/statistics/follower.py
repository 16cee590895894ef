"""Follows the final blocks, and counts them in the index, beside all else that the node does."""

import logging
import time
from collections.abc import Callable, Iterator

import trio

from consensus.cid import Cid
from genesis.file import Genesis
from node.block_results import BlockResults
from node.candidate import read_block
from node.chain import Chain
from node.query.chain_view import ChainView, Finality, NotFound, view_at
from node.statistics.happenings import Ownership, facts_of
from node.statistics.index import LAYOUT, CountedBlock, Progress, StatisticsIndex
from storage.database import DatabaseError
from vm.modules.content import VIDEOS, line_of
from vm.modules.economy import economy_constants
from vm.view import View

MAX_BATCH_BLOCKS = 64
MAX_BATCH_FACTS = 4096

logger = logging.getLogger("reelect.statistics")


class StatisticsFollower:
    """Counts a chain's final blocks in an index while `run` runs. `genesis` reads the genesis file;
    it is asked for only where the index of an old chain is made anew from its first block."""

    def __init__(
        self, chain: Chain, index: StatisticsIndex, genesis: Callable[[], Genesis]
    ) -> None:
        self._chain = chain
        self._index = index
        self._genesis = genesis
        self._final = trio.Event()
        self._economy = economy_constants(chain.state.view())

    def note_final(self) -> None:
        """Blocks have become durably final."""
        self._final.set()

    async def run(self) -> None:
        """Follow until cancelled, or until the index's disk fails, which stops nothing else."""
        try:
            await self._begin_if_needed()
            while True:
                self._final = trio.Event()
                if await self._catch_up():
                    await self._final.wait()
                else:
                    await self._begin_if_needed()
        except DatabaseError as error:
            logger.warning("no more statistics are made: %s", error)

    async def _begin_if_needed(self) -> None:
        view = view_at(self._chain, Finality.FINAL)
        if not await trio.to_thread.run_sync(self._goes_on):
            await trio.to_thread.run_sync(self.begin, view, trio.from_thread.check_cancelled)

    async def _catch_up(self) -> bool:
        """Count what is final by now; whether all blocks for that were here. Where they are many,
        half of the time is left to others."""
        while self._chain.durable_final.height > self._height:
            started_s = time.monotonic()
            if not await trio.to_thread.run_sync(self.count):
                return False
            if self._chain.durable_final.height > self._height:
                await trio.sleep(time.monotonic() - started_s)
        return True

    @property
    def _height(self) -> int:
        progress = self._index.progress
        return 0 if progress is None else progress.height

    def _goes_on(self) -> bool:
        """Whether what is counted is of this chain, and the blocks that follow are here."""
        progress, chain = self._index.progress, self._chain
        if progress is None or not chain.history.holds(progress.height, progress.id):
            return False
        return progress.height + 1 >= chain.blocks.first_height()

    def begin(self, view: ChainView, pause: Callable[[], None]) -> None:
        """Begin the index: with the first block if all are here, else with the block that becomes
        final next after that of this view."""
        block = view.block
        progress = self._progress(block.height, block.id, block.slot)
        videos: View = view.state
        if view.first_height == 0 and block.height > 0:
            try:
                genesis = self._genesis()
            except NotFound as error:
                logger.warning("statistics cannot begin with the first block: %s", error)
            else:
                progress = self._progress(0, genesis.header.id(), 0)
                videos = genesis.state()
        logger.info("statistics are counted from height %d on", progress.first_height)
        self._index.begin(progress, _owned(videos), pause)

    def _progress(self, height: int, block_id: Cid, slot: int) -> Progress:
        """That of an index which begins behind this block."""
        return Progress(LAYOUT, height + 1, height, block_id, slot, self.day_of(slot))

    def day_of(self, slot: int) -> int:
        """The day of the community in which a slot begins."""
        return self._economy.day_at(slot * self._chain.clock.slot_ms)

    def count(self) -> bool:
        """Count the next blocks, not more than one batch should hold, and drop some of what is too
        old; whether the blocks were here: a node that keeps few may have dropped them."""
        blocks: list[CountedBlock] = []
        facts, height = 0, self._height
        end = min(self._chain.durable_final.height, height + MAX_BATCH_BLOCKS)
        while height < end and facts < MAX_BATCH_FACTS:
            height += 1
            block = self._block(height)
            if block is None:
                return False
            blocks.append(block)
            facts += len(block.facts)
        if blocks:
            self._index.advance(blocks)
        self._index.expire()
        return True

    def _block(self, height: int) -> CountedBlock | None:
        raw, results = self._chain.blocks.at(height), self._chain.blocks.receipts(height)
        if raw is None or results is None:
            return None
        candidate = read_block(raw)
        slot = candidate.header.slot
        facts = tuple(facts_of(candidate.block.body, BlockResults.decode(results)))
        return CountedBlock(height, candidate.id, slot, self.day_of(slot), facts)


def _owned(view: View) -> Iterator[Ownership]:
    """All versions of videos in a state."""
    for (cid,), video in VIDEOS.every(view):
        yield Ownership(cid, video.first, line_of(view, video).owner)
