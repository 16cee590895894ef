"""Rewards: producers earn by blocks and votes, and share with those who approve them."""

from vm.modules.rewards.claiming import Claim
from vm.modules.rewards.earning import earn
from vm.modules.rewards.settling import settle_changes, settled
from vm.modules.rewards.tables import (
    BLOCK_UNITS,
    NOTHING_SHARED,
    OWED_POT,
    POOL_POT,
    SHARES,
    SHARINGS,
    UNSHARED,
    VOTE_UNITS,
    Earned,
    FineAmount,
    Mark,
    Share,
    Sharing,
    Unshared,
    rewards,
)

__all__ = [
    "BLOCK_UNITS",
    "NOTHING_SHARED",
    "OWED_POT",
    "POOL_POT",
    "SHARES",
    "SHARINGS",
    "UNSHARED",
    "VOTE_UNITS",
    "Claim",
    "Earned",
    "FineAmount",
    "Mark",
    "Share",
    "Sharing",
    "Unshared",
    "earn",
    "rewards",
    "settle_changes",
    "settled",
]
