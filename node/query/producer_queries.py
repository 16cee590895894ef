"""Answers about producers: the set, whose turn comes, and who missed a turn."""

from collections import Counter as Tally
from collections.abc import Container, Iterator

from consensus.block import Header
from consensus.finality import ChainBlock
from consensus.headers import Rules
from consensus.producers import Member
from consensus.schedule import producer_at, schedule
from node.clock import SlotClock
from node.events import place_of
from node.query.answers import MAX_SCHEDULE, ProducerInfo, ProducersAnswer, ScheduledSlot
from node.query.block_queries import BlockQueries
from node.query.chain_view import ChainView, Pruned
from vm.modules.producer import PRODUCERS

MAX_WINDOW_SLOTS = 512


def producers(
    view: ChainView,
    queries: BlockQueries,
    rules: Rules,
    clock: SlotClock,
    *,
    slot: int,
    seats: Container[bytes],
) -> ProducersAnswer:
    """The set of the view's block; `slot` is the clock's, `seats` the producers run here.

    The window is the part of the block's epoch up to it whose blocks are here, at most
    MAX_WINDOW_SLOTS.
    """
    block = view.block
    turns = _Turns(block, rules, block.epoch)
    earliest = max(block.epoch * rules.epoch_slots, block.slot - MAX_WINDOW_SLOTS + 1, 1)
    produced, missed, first = _record(view, queries, turns, earliest)
    items = tuple(
        ProducerInfo(
            producer=member.producer,
            key=member.key,
            name=_name(view, member),
            here=member.producer in seats,
            produced=produced[member.producer],
            missed=missed[member.producer],
        )
        for member in block.members.members
    )
    return ProducersAnswer(
        dynasty=block.dynasty,
        epoch=block.epoch,
        quorum=block.members.quorum,
        items=items,
        schedule=tuple(_coming(block, rules, clock, max(slot, block.slot))),
        first_slot=first,
        last_slot=block.slot,
        at=place_of(block),
    )


class _Turns:
    """Whose turn the slots of an epoch are on top of a block, in the block's dynasty."""

    def __init__(self, block: ChainBlock, rules: Rules, epoch: int) -> None:
        self.dynasty = block.dynasty
        self.end = (epoch + 1) * rules.epoch_slots
        self._members = block.members.members
        self._epoch_slots = rules.epoch_slots
        beacon = block.epoch_beacon if epoch == block.epoch else block.beacon
        self._order = schedule(block.members, beacon, epoch, block.dynasty)

    def of(self, slot: int) -> bytes:
        """The producer of a slot."""
        place = producer_at(self._order, slot, self._epoch_slots)
        return self._members[place].producer


def _coming(
    block: ChainBlock, rules: Rules, clock: SlotClock, slot: int
) -> Iterator[ScheduledSlot]:
    """The slots after `slot` in its epoch."""
    turns = _Turns(block, rules, rules.epoch(slot))
    for coming in range(slot + 1, min(turns.end, slot + 1 + MAX_SCHEDULE)):
        yield ScheduledSlot(coming, clock.start_ms(coming), turns.of(coming))


def _record(
    view: ChainView, queries: BlockQueries, turns: _Turns, first: int
) -> tuple[Tally[bytes], Tally[bytes], int]:
    """How many slots each producer used and missed, from `first` to the view's block, and the
    first slot that is counted: later than `first` if the blocks from there on are not all here.

    Empty slots of an earlier dynasty are nobody's here: its set is not that of the block.
    """
    produced: Tally[bytes] = Tally()
    missed: Tally[bytes] = Tally()
    header: Header = view.block.header
    while header.slot >= first and header.producer is not None:
        produced[header.producer] += 1
        try:
            parent = queries.read(view, header.height - 1).header
        except Pruned:
            return produced, missed, header.slot
        if parent.dynasty == turns.dynasty:
            missed.update(turns.of(s) for s in range(max(parent.slot + 1, first), header.slot))
        header = parent
    return produced, missed, first


def _name(view: ChainView, member: Member) -> str:
    row = PRODUCERS.get(view.state, member.producer)
    return "" if row is None else row.name
