"""What must be stored beside the final block so that the chain can be taken up there."""

from typing import Annotated

from consensus.block import BlockRef, Header
from consensus.cid import Cid
from consensus.errors import InvalidEncoding
from consensus.finality import ChainBlock
from consensus.kinds import Counter, Digest
from consensus.producers import MAX_PRODUCERS, Member, ProducerSet
from consensus.record import AtMost, Record, record

Members = Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS)]


@record("chain-point")
class ChainPoint(Record):
    """The final block's place: the fields of ChainBlock that its header does not hold.

    `previous_members` is the set of the dynasty below, which its qc_target may belong to;
    an empty list stands for no set.
    """

    members: Members
    previous_members: Members
    next_members: Members
    handover: BlockRef | None
    handover_height: Counter
    beacon: Digest
    epoch: Counter
    epoch_beacon: Digest
    final_height: Counter


def point_of(block: ChainBlock, qc_members: ProducerSet) -> ChainPoint:
    """The point of a block that is becoming final; `qc_members` is the set of its qc_target."""
    previous = () if qc_members is block.members else qc_members.members
    return ChainPoint(
        members=block.members.members,
        previous_members=previous,
        next_members=() if block.next_members is None else block.next_members.members,
        handover=block.handover,
        handover_height=block.handover_height,
        beacon=block.beacon,
        epoch=block.epoch,
        epoch_beacon=block.epoch_beacon,
        final_height=block.final_height,
    )


def restore(point: ChainPoint, lineage: list[tuple[Cid, Header]]) -> ChainBlock:
    """The final block with its ancestors down to its qc_target.

    `lineage` holds ids and headers from the qc_target's up to the final block's. Raises
    InvalidEncoding if the headers are not such a lineage.
    """
    final_id, final_header = lineage[-1]
    members = ProducerSet(point.members)
    next_members = ProducerSet(point.next_members) if point.next_members else None
    below: ChainBlock | None = None
    qc: ChainBlock | None = None
    for block_id, header in lineage:
        if below is not None and header.parent != below.id:
            raise InvalidEncoding(f"stored block {block_id} does not follow its predecessor")
        own = members
        if header.dynasty != final_header.dynasty:
            own = ProducerSet(point.previous_members)
        below = ChainBlock(
            id=block_id,
            header=header,
            parent=below,
            qc=qc if block_id == final_id else None,
            members=own,
            next_members=next_members,
            handover=point.handover,
            handover_height=point.handover_height,
            beacon=point.beacon,
            epoch=point.epoch,
            epoch_beacon=point.epoch_beacon,
            final_height=point.final_height,
        )
        qc = below if qc is None else qc
    if below is None or below.header.qc_target not in (None, qc.target if qc else None):
        raise InvalidEncoding(f"stored block {final_id} is cut off from its qc_target")
    return below
