"""Advertising slots, sold by open ascending auction, with donations to others' bids (W6)."""

from vm.modules.auctions.bidding import Bid, Donate, TakeBack, needed, total_of
from vm.modules.auctions.opening import Choose, Open, close_due
from vm.modules.auctions.tables import (
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    GIVEN,
    Auction,
    Shown,
    Terms,
    auctions,
)

__all__ = [
    "AUCTIONS",
    "BIDS",
    "ESCROW_POT",
    "GIVEN",
    "Auction",
    "Bid",
    "Choose",
    "Donate",
    "Open",
    "Shown",
    "TakeBack",
    "Terms",
    "auctions",
    "close_due",
    "needed",
    "total_of",
]
