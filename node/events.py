"""The events that a node publishes: each kind's payload in one place.

block        BlockEvent          a block has come in, on whatever branch
head         HeadEvent           the head has moved, or its justified block
final        FinalEvent          a block is durably final
transaction  TransactionEvent    a transaction waits in the mempool
gap          GapEvent            events are lost; published by nobody, see node.hub
"""

from consensus.cid import Cid
from consensus.finality import ChainBlock
from consensus.kinds import AccountId, Counter, Digest
from consensus.record import Record, part
from consensus.transaction import EncodedTransaction
from node.candidate import Recorded
from node.chain import Chain
from node.hub import GAP, Hub
from node.query.answers import Place

BLOCK, HEAD, FINAL_BLOCK, TRANSACTION = "block", "head", "final", "transaction"
KINDS = (BLOCK, HEAD, FINAL_BLOCK, TRANSACTION, GAP)


@part
class BlockEvent(Record):
    """A block, and how many transactions it has."""

    id: Cid
    parent: Cid | None
    height: Counter
    slot: Counter
    producer: AccountId | None
    transactions: Counter


@part
class HeadEvent(Record):
    """The head, and the best justified block on its chain."""

    head: Place
    justified: Place


@part
class FinalEvent(Record):
    """A final block."""

    block: Place
    transactions: Counter


@part
class TransactionEvent(Record):
    """A waiting transaction."""

    id: Digest
    sender: AccountId
    nonce: Counter


def place_of(block: ChainBlock) -> Place:
    """A block's id, height and slot."""
    return Place(block.id, block.height, block.slot)


class Announcer:
    """Publishes what happens to a chain and its mempool."""

    def __init__(self, hub: Hub, chain: Chain) -> None:
        self._hub = hub
        self._chain = chain
        self._last_head: HeadEvent | None = None

    def changed(self, new: Recorded | None, final: tuple[Recorded, ...]) -> None:
        """Tell of a new block and of blocks that have just become durably final."""
        if new is not None:
            self._hub.publish(BLOCK, _block_event(new))
        fork = self._chain.fork
        head = HeadEvent(place_of(fork.head), place_of(fork.justified))
        if head != self._last_head:
            self._last_head = head
            self._hub.publish(HEAD, head)
        for recorded in final:
            event = FinalEvent(place_of(recorded.placed), len(recorded.transaction_ids))
            self._hub.publish(FINAL_BLOCK, event)

    def pending(self, pending: EncodedTransaction) -> None:
        """Tell of a transaction that now waits in the mempool."""
        transaction = pending.transaction
        event = TransactionEvent(pending.id, transaction.sender, transaction.nonce)
        self._hub.publish(TRANSACTION, event)


def _block_event(recorded: Recorded) -> BlockEvent:
    header = recorded.placed.header
    return BlockEvent(
        recorded.placed.id,
        header.parent,
        header.height,
        header.slot,
        header.producer,
        len(recorded.transaction_ids),
    )
