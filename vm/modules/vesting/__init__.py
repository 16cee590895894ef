"""Vesting: what is set aside, and let out as time or another release goes on."""

from vm.modules.vesting.granting import (
    Cancel,
    Claim,
    Give,
    give_grant,
    unlocked_by_term,
    unlocked_of,
)
from vm.modules.vesting.phases import go_on
from vm.modules.vesting.reserving import Release, SetAside, release, set_aside
from vm.modules.vesting.tables import (
    GRANTS,
    LOCKED_POT,
    RESERVES,
    Grant,
    GrantName,
    Phase,
    Plan,
    Reserve,
    ReserveName,
    Term,
    vesting,
)

__all__ = [
    "GRANTS",
    "LOCKED_POT",
    "RESERVES",
    "Cancel",
    "Claim",
    "Give",
    "Grant",
    "GrantName",
    "Phase",
    "Plan",
    "Release",
    "Reserve",
    "ReserveName",
    "SetAside",
    "Term",
    "give_grant",
    "go_on",
    "release",
    "set_aside",
    "unlocked_by_term",
    "unlocked_of",
    "vesting",
]
