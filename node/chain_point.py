"""What must be stored beside the final block and its state so that the chain can be taken up."""

from typing import Annotated

from consensus.block import BlockRef, Header
from consensus.cid import Cid
from consensus.errors import InvalidEncoding
from consensus.finality import ChainBlock
from consensus.hashing import ZERO_DIGEST
from consensus.headers import Rules
from consensus.producers import MAX_PRODUCERS, Member, ProducerSet
from consensus.record import AtMost, Record, record
from vm.modules.chain import Progress

Members = Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS)]


@record("chain-point", 2)
class ChainPoint(Record):
    """The sets at the final block; all else is in its header and in the state's `chain.progress`.

    `previous_members` is the set of the dynasty below, which its qc_target may belong to;
    an empty list stands for no set.
    """

    members: Members
    previous_members: Members
    next_members: Members


def point_of(block: ChainBlock, qc_members: ProducerSet) -> ChainPoint:
    """The point of a block that is becoming final; `qc_members` is the set of its qc_target."""
    return ChainPoint(
        members=block.members.members,
        previous_members=() if qc_members is block.members else qc_members.members,
        next_members=() if block.next_members is None else block.next_members.members,
    )


def restore(
    rules: Rules, point: ChainPoint, progress: Progress, lineage: list[tuple[Cid, Header]]
) -> ChainBlock:
    """The final block with its ancestors down to its qc_target.

    `lineage` holds ids and headers from the qc_target's up to the final block's, `progress` is
    the row in the final block's state. Raises InvalidEncoding if the headers are not such a
    lineage.
    """
    final_id, final = lineage[-1]
    members = ProducerSet(point.members)
    next_members = ProducerSet(point.next_members) if point.next_members else None
    pending = _pending(final_id, final, progress)
    below: ChainBlock | None = None
    qc: ChainBlock | None = None
    for block_id, header in lineage:
        if below is not None and header.parent != below.id:
            raise InvalidEncoding(f"stored block {block_id} does not follow its predecessor")
        is_of_dynasty = header.dynasty == final.dynasty
        below = ChainBlock(
            id=block_id,
            header=header,
            parent=below,
            qc=qc if block_id == final_id else None,
            members=members if is_of_dynasty else ProducerSet(point.previous_members),
            next_members=next_members,
            handover=pending,
            handover_height=progress.handover_height,
            beacon=progress.beacon,
            epoch=rules.epoch(final.slot),
            epoch_beacon=progress.epoch_beacon,
            final_height=progress.final_height,
        )
        qc = below if qc is None else qc
    if below is None or below.header.qc_target not in (None, qc.target if qc else None):
        raise InvalidEncoding(f"stored block {final_id} is cut off from its qc_target")
    return below


def _pending(final_id: Cid, final: Header, progress: Progress) -> BlockRef | None:
    """The handover that is pending after the final block."""
    if final.handover is not None:
        return BlockRef(final.handover, progress.handover_slot)
    return None if final.next_set_hash == ZERO_DIGEST else BlockRef(final_id, final.slot)
