"""The module `steps`: when entitlements step up, and by what."""

from typing import Annotated

from consensus.kinds import Counter, Uint
from consensus.record import AtMost, Record, record
from vm.declare import Module
from vm.modules.economy import days_with_blocks
from vm.table import Table
from vm.view import View

steps = Module(
    "steps",
    "Entitlements that grow step by step: the prices of redemptions and the rewards of tasks.",
)

MOST_STEPS = 12
LARGEST_STEP = 10

StepDays = Annotated[tuple[Counter, ...], AtMost(MOST_STEPS, 1)]
StepFactor = Annotated[int, Uint(LARGEST_STEP, 1)]


@record("steps.schedule")
class Schedule(Record):
    """On which days, of those that have a block and counted from 0, prices and rewards are
    multiplied once more, and by what; after the last day they stay."""

    days: StepDays
    price_step: StepFactor
    reward_step: StepFactor


SCHEDULE: Table[Schedule] = steps.table(Schedule)


def price_factor(view: View) -> int:
    """What the prices of redemptions are multiplied by now (W3)."""
    schedule = SCHEDULE.get(view)
    return 1 if schedule is None else schedule.price_step ** _steps_gone(view, schedule)


def reward_factor(view: View) -> int:
    """What the rewards of a like contribution are multiplied by now (W3)."""
    schedule = SCHEDULE.get(view)
    return 1 if schedule is None else schedule.reward_step ** _steps_gone(view, schedule)


def next_step_day(view: View) -> int | None:
    """On which day, of those that have a block and counted from 0, prices and rewards step up
    next; None if they stay (W3)."""
    schedule = SCHEDULE.get(view)
    gone = 0 if schedule is None else _steps_gone(view, schedule)
    return None if schedule is None or gone == len(schedule.days) else schedule.days[gone]


def _steps_gone(view: View, schedule: Schedule) -> int:
    day = days_with_blocks(view) - 1
    return sum(day >= each for each in schedule.days)
