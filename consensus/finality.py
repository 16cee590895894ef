"""Functions of the chain on which finality rests (FINALITY: functions of the chain).

They read blocks and nothing else, so that every node computes the same.
"""

from dataclasses import dataclass

from consensus.block import BlockRef, Header, Target
from consensus.cid import Cid
from consensus.hashing import ZERO_DIGEST
from consensus.producers import ProducerSet


@dataclass(slots=True, eq=False)
class ChainBlock:
    """A valid block in its place: the header and what its children need to know of it.

    `members` is the set of its dynasty, `next_members` the elected one while a handover is
    pending, `handover` the pending handover block (itself on a handover block), `beacon` the
    beacon after it, `epoch` the epoch of its slot and `epoch_beacon` the beacon that its
    epoch's schedule is drawn from; `final_height` is the height of the last block made final
    by certificates embedded up to it. `parent` and `qc` (the block of qc_target) are None on
    blocks below the final one that are kept only to be named.
    """

    id: Cid
    header: Header
    parent: "ChainBlock | None"
    qc: "ChainBlock | None"
    members: ProducerSet
    next_members: ProducerSet | None
    handover: BlockRef | None
    handover_height: int
    beacon: bytes
    epoch: int
    epoch_beacon: bytes
    final_height: int

    @property
    def slot(self) -> int:
        """The slot it was made in."""
        return self.header.slot

    @property
    def height(self) -> int:
        """The number of blocks below it."""
        return self.header.height

    @property
    def dynasty(self) -> int:
        """The number of the producer set that votes for it."""
        return self.header.dynasty

    @property
    def key(self) -> tuple[int, int]:
        """key(b) = (dynasty, slot)."""
        return (self.header.dynasty, self.header.slot)

    @property
    def ref(self) -> BlockRef:
        """Its id and slot."""
        return BlockRef(self.id, self.header.slot)

    @property
    def target(self) -> Target:
        """Its id, slot and dynasty, as a header's qc_target names it."""
        return Target(self.id, self.header.slot, self.header.dynasty)

    @property
    def base(self) -> BlockRef:
        """The block that roots its dynasty; genesis is its own."""
        return self.ref if self.header.base is None else self.header.base

    @property
    def qc_target(self) -> Target:
        """The best certified ancestor that its producer named; genesis is its own."""
        return self.target if self.header.qc_target is None else self.header.qc_target

    @property
    def source(self) -> BlockRef:
        """source(b): where a vote for it comes from, always within its dynasty."""
        return source_of(self.dynasty, self.qc_target, self.base)

    @property
    def finalizes(self) -> BlockRef | None:
        """finalizes(b): what becomes final when this block gets a certificate."""
        return final_if_certified(self.slot, self.source, self.handover)


def source_of(dynasty: int, qc_target: Target, base: BlockRef) -> BlockRef:
    """source(b) of a block of this dynasty, qc_target and base."""
    if qc_target.dynasty == dynasty:
        return BlockRef(qc_target.id, qc_target.slot)
    return base


def final_if_certified(slot: int, source: BlockRef, handover: BlockRef | None) -> BlockRef | None:
    """finalizes(b) of a block of this slot, source and pending handover.

    Handover and source both lie on the block's chain, so that "is it or an ancestor of it" is
    a comparison of slots.
    """
    if slot != source.slot + 1:
        return None
    if handover is not None and handover.slot <= source.slot:
        return handover
    return source


@dataclass(frozen=True, slots=True)
class Succession:
    """What a child inherits: the fields of its header that are functions of the chain."""

    dynasty: int
    base: BlockRef
    members: ProducerSet
    next_members: ProducerSet | None
    pending: BlockRef | None

    @property
    def next_set_hash(self) -> bytes:
        """The header's next_set_hash: zero unless a handover is pending or begins here."""
        return ZERO_DIGEST if self.next_members is None else self.next_members.hash


def next_dynasty(parent: ChainBlock, qc: ChainBlock) -> tuple[int, BlockRef]:
    """The (dynasty, base) of a child of `parent` that embeds a certificate of `qc`."""
    pending = parent.handover
    if pending is not None and qc.dynasty == parent.dynasty and qc.finalizes == pending:
        return parent.dynasty + 1, pending
    return parent.dynasty, parent.base


def succession(parent: ChainBlock, qc: ChainBlock, elected: ProducerSet | None) -> Succession:
    """What a child of `parent` that embeds `qc` inherits.

    `elected` is the set elected from the parent's state if the child is the first of a later
    epoch, else None. A pending handover keeps its set: boundaries in limbo are skipped.
    """
    dynasty, base = next_dynasty(parent, qc)
    if dynasty == parent.dynasty:
        members, pending = parent.members, parent.handover
    elif parent.next_members is None:
        raise RuntimeError(f"block {parent.id} has a pending handover without a next set")
    else:
        members, pending = parent.next_members, None
    if pending is not None:
        return Succession(dynasty, base, members, parent.next_members, pending)
    if elected is not None and elected.hash != members.hash:
        return Succession(dynasty, base, members, elected, None)
    return Succession(dynasty, base, members, None, None)


def ancestor_named(block: ChainBlock, target: Target) -> ChainBlock | None:
    """`block` or the ancestor of it that `target` names, or None."""
    if block.header.qc_target == target and block.qc is not None:
        return block.qc
    at: ChainBlock | None = block
    while at is not None and at.slot > target.slot:
        at = at.parent
    return at if at is not None and at.target == target else None


def final_height(parent: ChainBlock, qc: ChainBlock) -> int:
    """The height of the last block made final by certificates embedded up to a child of
    `parent` that embeds one of `qc`."""
    named = qc.finalizes
    if qc.target == parent.qc_target or named is None:
        return parent.final_height
    if named == qc.handover:
        return qc.handover_height
    at: ChainBlock | None = qc
    while at is not None and at.slot > named.slot:
        at = at.parent
    if at is None:
        raise RuntimeError(f"block {named.id}, which {qc.id} finalizes, was cut off too early")
    return at.height
