"""Proof of activity: a day's reward is shared by all who were active, and claimed (T8)."""

from vm.modules.poa.claiming import MOST_DAYS, Claim, division_of
from vm.modules.poa.dividing import Divide
from vm.modules.poa.sharing import share_day, shared_of, target_of
from vm.modules.poa.tables import DAYS, IS_TEAM, OWED_POT, TARGET, TARGET_EACH, Day, poa, reward_of

__all__ = [
    "DAYS",
    "IS_TEAM",
    "MOST_DAYS",
    "OWED_POT",
    "TARGET",
    "TARGET_EACH",
    "Claim",
    "Day",
    "Divide",
    "division_of",
    "poa",
    "reward_of",
    "share_day",
    "shared_of",
    "target_of",
]
