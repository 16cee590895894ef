"""Red packets: an amount shared by those who come first, in equal or in random shares (K9)."""

from vm.modules.packets.claiming import BAD_SIGNATURE, NOT_OPEN, Claim, end_packets
from vm.modules.packets.dividing import divide_packets, random_shares
from vm.modules.packets.making import Made, Make
from vm.modules.packets.tables import (
    CLAIMS,
    EQUAL,
    HELD_POT,
    KEPT_MS,
    LONGEST_MS,
    MOST_PARTS,
    OPEN,
    PACKETS,
    RANDOM,
    UNKNOWN_PACKET,
    ClaimRow,
    Invitation,
    Packet,
    packets,
)

__all__ = [
    "BAD_SIGNATURE",
    "CLAIMS",
    "EQUAL",
    "HELD_POT",
    "KEPT_MS",
    "LONGEST_MS",
    "MOST_PARTS",
    "NOT_OPEN",
    "OPEN",
    "PACKETS",
    "RANDOM",
    "UNKNOWN_PACKET",
    "Claim",
    "ClaimRow",
    "Invitation",
    "Made",
    "Make",
    "Packet",
    "divide_packets",
    "end_packets",
    "packets",
    "random_shares",
]
