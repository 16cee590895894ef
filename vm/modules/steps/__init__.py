"""Entitlements that grow step by step: the prices of redemptions and the rewards of tasks."""

from vm.modules.steps.setting import NOT_ASCENDING, SetSchedule
from vm.modules.steps.tables import (
    SCHEDULE,
    Schedule,
    next_step_day,
    price_factor,
    reward_factor,
    steps,
)

__all__ = [
    "NOT_ASCENDING",
    "SCHEDULE",
    "Schedule",
    "SetSchedule",
    "next_step_day",
    "price_factor",
    "reward_factor",
    "steps",
]
