"""Stake: tokens are bonded, and whoever bonds them approves producers with their weight."""

from vm.modules.stake.approving import Approve
from vm.modules.stake.bonding import Bond, Unbond
from vm.modules.stake.forfeiting import forfeit
from vm.modules.stake.locking import bonded_by, lock_bond, locked_of
from vm.modules.stake.releasing import release_due
from vm.modules.stake.tables import (
    BONDS,
    MAX_CHOICES,
    MOST_RELEASES,
    UNBONDING,
    UNBONDING_POT,
    Bonded,
    Release,
    Unbonding,
    stake,
)

__all__ = [
    "BONDS",
    "MAX_CHOICES",
    "MOST_RELEASES",
    "UNBONDING",
    "UNBONDING_POT",
    "Approve",
    "Bond",
    "Bonded",
    "Release",
    "Unbond",
    "Unbonding",
    "bonded_by",
    "forfeit",
    "lock_bond",
    "locked_of",
    "release_due",
    "stake",
]
