"""Reserves: amounts set aside, which are let out piece by piece and counted."""

from consensus.kinds import Amount, Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.dividends import is_open
from vm.modules.economy import days_with_blocks
from vm.modules.tokens import (
    CommunityPot,
    PositiveAmount,
    PotName,
    asset_row,
    drain_pot,
    fill_pot,
    take_from_pot,
)
from vm.modules.vesting.tables import (
    LOCKED_POT,
    MOST_PLANS,
    NO_RESERVE,
    PLANS,
    RESERVES,
    Plan,
    Plans,
    Reserve,
    ReserveName,
    running_plans,
    vesting,
)
from vm.view import State, View

RESERVE_EXISTS = vesting.error("reserve-exists", "A reserve of this name exists already.")
TOO_MUCH_PLANNED = vesting.error("too-much-planned", "The plan releases more than is set aside.")
TOO_MANY_PLANS = vesting.error("too-many-plans", "No more plans can run at one time.")
POT_PLANNED = vesting.error("pot-planned", "Another plan releases the asset into this pot.")
BAD_LEFTOVER = vesting.error("bad-leftover", "What a phase leaves cannot go there.")
BY_PLAN = vesting.error("by-plan", "The reserve is released by its plan until that is over.")
TOO_LITTLE_LEFT = vesting.error("too-little-left", "The reserve has less left than the amount.")


@vesting.event
@record("vesting.reserved")
class Reserved(Record):
    """An amount was set aside as a reserve."""

    reserve: ReserveName
    asset: Asset
    units: Amount


@vesting.event
@record("vesting.released")
class Released(Record):
    """An amount of a reserve was let out into a pot; `released` is all that was so far."""

    reserve: ReserveName
    pot: PotName
    asset: Asset
    units: Amount
    released: Amount


@vesting.action(gas=10_000, governed=True)
@record("vesting.set_aside")
class SetAside(Action):
    """Set an amount out of a community's pot aside as a reserve, which is released by proposals
    and modules (P1), or by a plan that begins with the next day that has a block (W1)."""

    reserve: ReserveName
    pot: CommunityPot
    asset: Asset
    units: PositiveAmount
    plan: Plan | None

    @property
    def subject(self) -> str:
        return self.reserve

    def in_words(self) -> str:
        how = "" if self.plan is None else ", released by a plan"
        return (
            f"set {self.units} units of {self.asset} out of the pot {self.pot} aside as the "
            f"reserve {self.reserve}{how}"
        )

    def apply(self, context: Context) -> None:
        asset_row(context.state, self.asset)
        made_on = days_with_blocks(context.state)
        row = Reserve(self.asset, self.units, 0, self.plan, made_on)
        set_aside(context.state, self.reserve, row, self.pot)
        context.emit(Reserved(self.reserve, self.asset, self.units))


@vesting.action(gas=5_000, governed=True)
@record("vesting.release")
class Release(Action):
    """Let an amount of a reserve, whose plan is over or which has none, out into a community's
    pot; what unlocks as the reserve is released, unlocks with it."""

    reserve: ReserveName
    pot: CommunityPot
    units: PositiveAmount

    @property
    def subject(self) -> str:
        return self.reserve

    def in_words(self) -> str:
        return f"release {self.units} units of the reserve {self.reserve} into the pot {self.pot}"

    def apply(self, context: Context) -> None:
        state = context.state
        if self.reserve in running_plans(state):
            raise BY_PLAN.failed(field="reserve")
        row = release(state, self.reserve, self.units)
        fill_pot(state, self.pot, row.asset, self.units)
        context.emit(Released(self.reserve, self.pot, row.asset, self.units, row.released))


def set_aside(state: State, name: str, row: Reserve, pot: str) -> None:
    """Write a new reserve, taken out of a pot; raises ActionFailed naming what cannot be."""
    if RESERVES.get(state, name) is not None:
        raise RESERVE_EXISTS.failed(f"there is a reserve {name} already", field="reserve")
    if row.plan is not None:
        _check_plan(state, row, row.plan)
        PLANS.put(state, Plans(tuple(sorted((*running_plans(state), name)))))
    take_from_pot(state, pot, row.asset, row.units, field="units")
    fill_pot(state, LOCKED_POT, row.asset, row.units)
    RESERVES.put(state, row, name)


def _check_plan(view: View, row: Reserve, plan: Plan) -> None:
    if plan.units > row.units:
        raise TOO_MUCH_PLANNED.failed(
            f"{plan.units} are planned, {row.units} set aside", field="plan.phases"
        )
    to = plan.leftover
    if not to.is_one or (to.holders is not None and not is_open(view, to.holders, row.asset)):
        raise BAD_LEFTOVER.failed(field="plan.leftover")
    running = running_plans(view)
    if len(running) == MOST_PLANS:
        raise TOO_MANY_PLANS.failed(f"{MOST_PLANS} run already", field="plan")
    for name in running:
        other = reserve_row(view, name)
        if other.plan is not None and (other.plan.pot, other.asset) == (plan.pot, row.asset):
            raise POT_PLANNED.failed(f"the plan of {name} does", field="plan.pot")


def reserve_row(view: View, name: str) -> Reserve:
    """The reserve of this name; raises ActionFailed if there is none."""
    row = RESERVES.get(view, name)
    if row is None:
        raise NO_RESERVE.failed(f"there is no reserve {name}", field="reserve")
    return row


def release(state: State, name: str, units: int) -> Reserve:
    """Let an amount of a reserve out, which the caller puts somewhere: the reserve's row then.
    Raises ActionFailed if there is no such reserve or too little is left in it."""
    row = reserve_row(state, name)
    if units > row.units - row.released:
        raise TOO_LITTLE_LEFT.failed(
            f"{row.units - row.released} are left of {name}, not {units}", field="units"
        )
    drain_pot(state, LOCKED_POT, row.asset, units)
    released = replace(row, released=row.released + units)
    RESERVES.put(state, released, name)
    return released
