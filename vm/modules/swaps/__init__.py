"""Hash-time-locked transfers: both halves of a swap between two chains, or neither (K9)."""

from vm.modules.swaps.locking import Lock, Locked
from vm.modules.swaps.settling import WRONG_SECRET, Claim, Claimed, Refunded, go_on
from vm.modules.swaps.tables import (
    CLAIMED,
    HELD_POT,
    KEPT_MS,
    LONGEST_MS,
    OPEN,
    RECEIVED,
    REFUNDED,
    SWAPS,
    UNKNOWN_SWAP,
    Swap,
    swaps,
)

__all__ = [
    "CLAIMED",
    "HELD_POT",
    "KEPT_MS",
    "LONGEST_MS",
    "OPEN",
    "RECEIVED",
    "REFUNDED",
    "SWAPS",
    "UNKNOWN_SWAP",
    "WRONG_SECRET",
    "Claim",
    "Claimed",
    "Lock",
    "Locked",
    "Refunded",
    "Swap",
    "go_on",
    "swaps",
]
