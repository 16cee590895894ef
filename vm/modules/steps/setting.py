"""Setting the steps."""

from itertools import pairwise

from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.steps.tables import SCHEDULE, Schedule, StepDays, StepFactor, steps

NOT_ASCENDING = steps.error("not-ascending", "Each step comes on a later day than the one before.")


@steps.event
@record("steps.set")
class StepsSet(Record):
    """Prices and rewards step up by this schedule from now on."""

    schedule: Schedule


@steps.action(gas=2_000, governed=True)
@record("steps.set_schedule")
class SetSchedule(Action):
    """Let the prices of redemptions and the rewards of like contributions be multiplied by a step
    on each of these days, of those that have a block and counted from 0, and then stay (W3)."""

    days: StepDays
    price_step: StepFactor
    reward_step: StepFactor

    def in_words(self) -> str:
        days = ", ".join(map(str, self.days))
        return (
            f"multiply prices by {self.price_step} and rewards by {self.reward_step} on the days "
            f"{days}"
        )

    def apply(self, context: Context) -> None:
        if any(first >= second for first, second in pairwise(self.days)):
            raise NOT_ASCENDING.failed(field="days")
        schedule = Schedule(self.days, self.price_step, self.reward_step)
        SCHEDULE.put(context.state, schedule)
        context.emit(StepsSet(schedule))
