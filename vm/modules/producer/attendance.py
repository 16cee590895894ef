"""Attendance: who holds a seat and misses its slots is suspended until it asks back in.

An epoch is judged by the first block of a later one: in its parent's state, which elects, and at
its beginning, where the suspension is written down. The work is that of one set, however many
epochs went by without a block.
"""

from collections.abc import Mapping
from typing import Annotated

from consensus.kinds import AccountId, Counter
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.producer.ranking import let_withdraw
from vm.modules.producer.tables import CANDIDATES, RANKS, SUSPENSIONS, Suspension, producer
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

MAX_MISSED_PPM = producer.parameter(
    "max_missed_ppm",
    default=PARTS_PER_MILLION,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The share of its slots in an epoch that a producer may miss without being suspended; "
    "all of them: nobody ever is.",
)


@record("producer.watch")
class Watch(Record):
    """The newest epoch that has a block, and the producers that hold its seats; nobody's are
    counted in a chain's first."""

    epoch: Counter
    members: Annotated[tuple[AccountId, ...], AtMost(MAX_PRODUCERS)]


@record("producer.attendance")
class Attendance(Record):
    """The newest epoch in which a producer made blocks, and how many."""

    epoch: Counter
    produced: Counter


WATCH: Table[Watch] = producer.table(Watch)
ATTENDANCE: Table[Attendance, bytes] = producer.table(Attendance, producer=AccountId)


@producer.event
@record("producer.suspended")
class Suspended(Record):
    """A producer stands for election no longer, as it has made so few of its blocks in an epoch,
    until it stands again."""

    producer: AccountId
    epoch: Counter
    produced: Counter
    slots: Counter


@producer.begin_block
def attend(context: Context) -> None:
    """Count the block for its producer; the first of an epoch judges the one before."""
    state, block = context.state, context.block
    watch = WATCH.get(state)
    if watch is None or block.epoch > watch.epoch:
        for absentee in absentees(state):
            _suspend(context, absentee)
        members = () if watch is None else tuple(item.producer for item in block.members.members)
        WATCH.put(state, Watch(block.epoch, members))
    produced = 1 + _produced(state, block.producer, block.epoch)
    ATTENDANCE.put(state, Attendance(block.epoch, produced), block.producer)


def _suspend(context: Context, absentee: Suspended) -> None:
    let_withdraw(context.state, absentee.producer)
    row = Suspension(absentee.epoch, absentee.produced, absentee.slots)
    SUSPENSIONS.put(context.state, row, absentee.producer)
    context.emit(absentee)


def absentees(view: View) -> tuple[Suspended, ...]:
    """Who has to be suspended for the newest epoch, if that is over: those that stand and missed
    more of their slots than they may, the worst first, of equals the first by id.

    No more than the set bears faulty ones, and none that the least set needs. An epoch in which
    fewer than a quorum made blocks does not count: then the network was at fault.
    """
    watch = WATCH.get(view)
    if watch is None or not watch.members:
        return ()
    produced = {member: _produced(view, member, watch.epoch) for member in watch.members}
    faulty = (len(watch.members) - 1) // 3
    if sum(blocks > 0 for blocks in produced.values()) < len(watch.members) - faulty:
        return ()
    slots = chain_constants(view).epoch_slots // len(watch.members)  # of each, or one more
    candidates = len(list(RANKS.scan(view, limit=MIN_PRODUCERS + faulty)))
    most = min(faulty, max(0, candidates - MIN_PRODUCERS))
    return tuple(
        Suspended(member, watch.epoch, produced[member], slots)
        for member in _worst(view, produced, slots)[:most]
    )


def _worst(view: View, produced: Mapping[bytes, int], slots: int) -> list[bytes]:
    may_miss = slots * MAX_MISSED_PPM.read(view) // PARTS_PER_MILLION
    missing = [
        member
        for member, blocks in produced.items()
        if slots - blocks > may_miss and CANDIDATES.get(view, member) is not None
    ]
    return sorted(missing, key=lambda member: (produced[member], member))


def _produced(view: View, member: bytes, epoch: int) -> int:
    row = ATTENDANCE.get(view, member)
    return row.produced if row is not None and row.epoch == epoch else 0
