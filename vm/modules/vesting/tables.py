"""The module `vesting`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.economy import days_with_blocks
from vm.modules.pots import Destination
from vm.modules.tokens import POTS, CommunityPot, PositiveAmount
from vm.table import Table
from vm.view import View

vesting = Module("vesting", "What is set aside, and let out as time or another release goes on.")

LOCKED_POT = "vesting.locked"
MOST_PLANS = 16  # that run at one time
MOST_PHASES = 24

GrantName = Annotated[str, Text(32, 1, "[a-z0-9][a-z0-9-]*")]
ReserveName = Annotated[str, Text(32, 1, "[a-z0-9][a-z0-9-]*")]
PeriodDays = Annotated[int, Uint(3_660, 1)]


@part
class Term(Record):
    """From the start to the end, evenly, what has come by then unlocks, but nothing before the
    cliff (days of the economy). With the cliff at the end all unlocks at once."""

    start_day: Counter
    cliff_day: Counter
    end_day: Counter


@part
class Phase(Record):
    """So many periods of a plan, in each of which an amount is released."""

    periods: Annotated[int, Uint(1_000, 1)]
    units: PositiveAmount


@part
class Plan(Record):
    """How a reserve is released: an amount into a community's pot at the beginning of each period
    of `period_days` days with blocks. What a phase has released and the pot still holds when the
    phase is over goes to `leftover`, as by being burned."""

    pot: CommunityPot
    period_days: PeriodDays
    phases: Annotated[tuple[Phase, ...], AtMost(MOST_PHASES, 1)]
    leftover: Destination

    @property
    def periods(self) -> int:
        """The periods of all phases."""
        return sum(phase.periods for phase in self.phases)

    @property
    def units(self) -> int:
        """What is released in all."""
        return sum(phase.periods * phase.units for phase in self.phases)


@record("vesting.grant")
class Grant(Record):
    """An amount for an account, what of it was claimed, and how it unlocks: in a term, or as a
    reserve is released, always the part of it that was released of the reserve."""

    asset: Asset
    units: PositiveAmount
    claimed: Amount
    term: Term | None
    reserve: ReserveName | None


@record("vesting.reserve")
class Reserve(Record):
    """An amount set aside, how much of it was released, the plan by which it is, if it has one,
    and how many days with blocks there were when it was made: the plan begins with the next."""

    asset: Asset
    units: PositiveAmount
    released: Amount
    plan: Plan | None
    made_on: Counter


@record("vesting.plans")
class Plans(Record):
    """The reserves whose plans are not over, in order; no row if there are none."""

    reserves: Annotated[tuple[ReserveName, ...], AtMost(MOST_PLANS, 1)]


GRANTS: Table[Grant, bytes, str] = vesting.table(Grant, account=AccountId, grant=GrantName)
RESERVES: Table[Reserve, str] = vesting.table(Reserve, reserve=ReserveName)
PLANS: Table[Plans] = vesting.table(Plans)

NO_RESERVE = vesting.error("no-reserve", "No reserve of this name exists.")


def running_plans(view: View) -> tuple[str, ...]:
    """The reserves whose plans are not over, in order."""
    row = PLANS.get(view)
    return () if row is None else row.reserves


@vesting.invariant
def locked_is_kept(view: View) -> Iterator[str]:
    """The pot holds what is granted and not claimed, and what is reserved and not released."""
    locked: Tally[str] = Tally()
    for (account, name), grant in GRANTS.every(view):
        locked[grant.asset] += grant.units - grant.claimed
        if grant.claimed >= grant.units or (grant.term is None) == (grant.reserve is None):
            yield f"grant {name} of {account.hex()}: used up, or unlocks in no way or in two"
        if grant.reserve is not None and RESERVES.get(view, grant.reserve) is None:
            yield f"grant {name} of {account.hex()}: no reserve {grant.reserve}"
    for (name,), reserve in RESERVES.every(view):
        locked[reserve.asset] += reserve.units - reserve.released
        if reserve.released > reserve.units:
            yield f"reserve {name}: {reserve.released} released of {reserve.units}"
    held = {asset: row.amount for (pot, asset), row in POTS.every(view) if pot == LOCKED_POT}
    if held != {asset: units for asset, units in locked.items() if units}:
        yield f"the pot {LOCKED_POT} holds {held}, the rows say {dict(locked)}"


@vesting.invariant
def plans_are_listed(view: View) -> Iterator[str]:
    """The list names each reserve whose plan is not over, in order."""
    days = days_with_blocks(view)
    running = [
        name
        for (name,), row in RESERVES.every(view)
        if row.plan is not None and days - row.made_on <= row.plan.periods * row.plan.period_days
    ]
    if sorted(running) != list(running_plans(view)):
        yield "the list of plans is not that of those not over, in order"
