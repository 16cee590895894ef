"""Active participation: who checks in shares the period's airdrop (W4)."""

from vm.modules.checkin.periods import SetRules, Stop, airdrop_of, begin_period, open_period
from vm.modules.checkin.tables import (
    AIRDROP_POT,
    CURRENT,
    ENTRIES,
    LOCKED_POT,
    PAST,
    PERIODS,
    RULES,
    Current,
    Entry,
    Past,
    Period,
    Rules,
    Settled,
    checkin,
)
from vm.modules.checkin.taking_part import CheckIn, Claim, share_of

__all__ = [
    "AIRDROP_POT",
    "CURRENT",
    "ENTRIES",
    "LOCKED_POT",
    "PAST",
    "PERIODS",
    "RULES",
    "CheckIn",
    "Claim",
    "Current",
    "Entry",
    "Past",
    "Period",
    "Rules",
    "SetRules",
    "Settled",
    "Stop",
    "airdrop_of",
    "begin_period",
    "checkin",
    "open_period",
    "share_of",
]
