"""Stake: tokens are bonded, and whoever bonds them approves producers with their weight."""

from vm.modules.stake.approving import Approve
from vm.modules.stake.bonding import Bond, Unbond
from vm.modules.stake.forfeiting import forfeit
from vm.modules.stake.releasing import release_due
from vm.modules.stake.tables import (
    BONDED,
    BONDS,
    MAX_CHOICES,
    MAX_RELEASING,
    MOST_CHOICES,
    RELEASING,
    UNBONDING,
    Bonded,
    Releasing,
    stake,
)

__all__ = [
    "BONDED",
    "BONDS",
    "MAX_CHOICES",
    "MAX_RELEASING",
    "MOST_CHOICES",
    "RELEASING",
    "UNBONDING",
    "Approve",
    "Bond",
    "Bonded",
    "Releasing",
    "Unbond",
    "forfeit",
    "release_due",
    "stake",
]
