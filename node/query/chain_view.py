"""The chain at one moment: what a query reads, all of one block, whatever happens meanwhile."""

from dataclasses import dataclass
from enum import Enum

from consensus import tree
from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.finality import ChainBlock
from node.candidate import Recorded
from node.chain import Chain
from node.clock import SlotClock
from storage.blocks import BlockStore
from storage.state import FinalView, StateReader
from vm.modules.chain import chain_constants


class NotFound(Invalid):
    """What was asked for does not exist in the view, or this node does not know it."""

    code = "not-found"


class Pruned(Invalid):
    """A block of the chain that this node, which keeps the newest ones only, has dropped."""

    code = "pruned"


class Finality(Enum):
    """Which block a query reads: the head, or the newest that is durably final."""

    HEAD = "head"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain up to `block`, with the state after it.

    `unfinal` are the blocks, oldest first, that were not yet durably final when the view was
    taken. Its calls may run in a thread.
    """

    block: ChainBlock
    state: StateReader
    unfinal: tuple[Recorded, ...]
    blocks: BlockStore

    @property
    def first_height(self) -> int:
        """The height from which on the blocks of this chain are here, beside genesis."""
        return self.blocks.first_height()

    @property
    def first_unfinal(self) -> int:
        """The height above which nothing was durably final."""
        return self.block.height - len(self.unfinal) + 1

    @property
    def time_ms(self) -> int:
        """The chain's time: when the slot of the block began (ms from the Unix epoch)."""
        constants = chain_constants(self.state)
        return SlotClock(constants.genesis_time_ms, constants.slot_ms).start_ms(self.block.slot)

    def is_final(self, height: int) -> bool:
        """Whether the block at this height was durably final."""
        return height < self.first_unfinal

    def raw_at(self, height: int) -> bytes | None:
        """The encoding of the block at a height of this chain."""
        if not 0 <= height <= self.block.height:
            return None
        if self.is_final(height):
            return self.blocks.at(height)
        recorded = self.unfinal[height - self.first_unfinal]
        whole = recorded.whole
        return self.blocks.get(recorded.placed.id) if whole is None else whole.raw

    def results_at(self, height: int) -> bytes | None:
        """The encoding of the results of the block at a height."""
        if not 0 <= height <= self.block.height:
            return None
        if self.is_final(height):
            return self.blocks.receipts(height)
        return self.unfinal[height - self.first_unfinal].results

    def height_of(self, block_id: Cid) -> int | None:
        """The height of a block of this chain."""
        for recorded in self.unfinal:
            if recorded.placed.id == block_id:
                return recorded.placed.height
        height = self.blocks.height_of(block_id)
        return None if height is None or height > self.block.height else height

    def transaction(self, transaction_id: bytes) -> tuple[int, int] | None:
        """Where a transaction is on this chain: the block's height and its index in the block."""
        for recorded in self.unfinal:
            if transaction_id in recorded.transaction_ids:
                index = recorded.transaction_ids.index(transaction_id)
                return recorded.placed.height, index
        place = self.blocks.transaction(transaction_id)
        return None if place is None or place[0] > self.block.height else place


def view_at(chain: Chain, finality: Finality) -> ChainView:
    """The chain now; call it in the node's trio thread."""
    if finality is Finality.FINAL:
        block, state = _final(chain)
        return ChainView(block, state, (), chain.blocks)
    unfinal = chain.head_chain()
    if unfinal:
        top, whole = unfinal[-1].placed, unfinal[-1].whole
        after = chain.state_of(top) if whole is None else whole.layer
        return ChainView(top, after, unfinal, chain.blocks)
    return ChainView(chain.fork.head, chain.state.view(), (), chain.blocks)


def _final(chain: Chain) -> tuple[ChainBlock, FinalView]:
    """The newest durably final block with its own state.

    A thread may be moving both on, one after the other; the root tells whether they belong
    together.
    """
    while True:
        block, state = chain.durable_final, chain.state.view()
        if tree.root(state.page) == block.header.state_root:
            return block, state
