"""Consumption is reward: what a reserve releases each day to those who paid and who earned (P2)."""

from vm.modules.rebate.collecting import collect
from vm.modules.rebate.noting import CALL, COMMENT, RATING, note_activity, note_fee
from vm.modules.rebate.releasing import SetRules, close_day, open_day, release_for, worth_of
from vm.modules.rebate.settling import Claim, owed_to, received_by, settle
from vm.modules.rebate.tables import (
    ACCRUALS,
    DAYS,
    OWED_POT,
    RULES,
    TODAY,
    Accrual,
    Candy,
    Day,
    Rules,
    Sums,
    Today,
    Weights,
    rebate,
)

__all__ = [
    "ACCRUALS",
    "CALL",
    "COMMENT",
    "DAYS",
    "OWED_POT",
    "RATING",
    "RULES",
    "TODAY",
    "Accrual",
    "Candy",
    "Claim",
    "Day",
    "Rules",
    "SetRules",
    "Sums",
    "Today",
    "Weights",
    "close_day",
    "collect",
    "note_activity",
    "note_fee",
    "open_day",
    "owed_to",
    "rebate",
    "received_by",
    "release_for",
    "settle",
    "worth_of",
]
