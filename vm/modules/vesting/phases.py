"""Plans go on: at the beginning of a period an amount is released, and what a phase has left when
it is over is burned, or goes where the plan says (W1)."""

from collections.abc import Iterator

from consensus.kinds import Amount, Asset, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.modules.economy import begins_day, days_with_blocks
from vm.modules.pots import Destination, give
from vm.modules.tokens import drain_pot, fill_pot, pot_of
from vm.modules.vesting.reserving import Released, release, reserve_row
from vm.modules.vesting.tables import (
    PLANS,
    Plan,
    Plans,
    ReserveName,
    running_plans,
    vesting,
)


@vesting.event
@record("vesting.phase_over")
class PhaseOver(Record):
    """A phase of a plan, counted from 0, is over; what it had not given out by then went to a
    destination, or was burned."""

    reserve: ReserveName
    phase: Counter
    to: Destination
    asset: Asset
    left: Amount


@vesting.begin_block
def go_on(context: Context) -> None:
    """Let each plan go on by a day, in the first block of a day: days without a block are none to
    a plan, so that an outage costs no phase and a block has one day's work."""
    if not begins_day(context):
        return
    for name in running_plans(context.state):
        row = reserve_row(context.state, name)
        day = days_with_blocks(context.state) - 1 - row.made_on
        if row.plan is not None and day % row.plan.period_days == 0:
            _begin_period(context, name, row.plan, day // row.plan.period_days)


def _begin_period(context: Context, name: str, plan: Plan, period: int) -> None:
    for number, (first, end) in enumerate(_spans(plan)):
        if period == end:
            _end_phase(context, name, plan, number)
        if first <= period < end:
            _release(context, name, plan, plan.phases[number].units)
    if period == plan.periods:
        _end_plan(context, name)


def _spans(plan: Plan) -> Iterator[tuple[int, int]]:
    """The first period of each phase, and that after its last."""
    first = 0
    for phase in plan.phases:
        yield first, first + phase.periods
        first += phase.periods


def _end_phase(context: Context, name: str, plan: Plan, number: int) -> None:
    state, asset = context.state, reserve_row(context.state, name).asset
    phase = plan.phases[number]
    left = min(pot_of(state, plan.pot, asset), phase.periods * phase.units)
    drain_pot(state, plan.pot, asset, left)
    give(state, plan.leftover, asset, left)
    context.emit(PhaseOver(name, number, plan.leftover, asset, left))


def _release(context: Context, name: str, plan: Plan, units: int) -> None:
    row = release(context.state, name, units)
    fill_pot(context.state, plan.pot, row.asset, units)
    context.emit(Released(name, plan.pot, row.asset, units, row.released))


def _end_plan(context: Context, name: str) -> None:
    left = tuple(each for each in running_plans(context.state) if each != name)
    if left:
        PLANS.put(context.state, Plans(left))
    else:
        PLANS.delete(context.state)
