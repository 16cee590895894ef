"""Which old blocks a node that does not keep all of them drops, with each advance of finality.

It keeps the newest final ones and genesis; the state, the proofs of handovers and the history of
block ids stay whole, so that what it tells light clients does not depend on old blocks.
"""

from collections.abc import Iterable, Sequence

from consensus.finality import ChainBlock
from node.block_results import BlockResults
from storage.blocks import BlockStore
from storage.database import Write


def prune_writes(
    blocks: BlockStore, keep_blocks: int, newly_final: Sequence[ChainBlock]
) -> list[Write]:
    """The writes that drop what is too old then, for the batch that makes these blocks final.

    `keep_blocks` of 0 keeps all. A node that has more to drop, because it kept more before, drops
    a bounded number with each batch. The newest block's lineage down to its qc_target, from which
    the chain is taken up, stays however long it is.
    """
    if not keep_blocks:
        return []
    lowest, newest = newly_final[0], newly_final[-1]
    end = min(newest.height - keep_blocks + 1, lowest.height)
    target = blocks.height_of(newest.qc_target.id)
    if target is not None:  # else it is one of the new ones
        end = min(end, target)
    return blocks.prune_writes(end, _transaction_ids)


def _transaction_ids(results: bytes) -> Iterable[bytes]:
    return [receipt.transaction for receipt in BlockResults.decode(results).receipts]
