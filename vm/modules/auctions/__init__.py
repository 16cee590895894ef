"""Advertising slots, sold by open ascending auction, with donations to others' bids (W6)."""

from vm.modules.auctions.bidding import Bid, Donate, TakeBack, needed, total_of
from vm.modules.auctions.closing import close_due
from vm.modules.auctions.opening import Choose, Open
from vm.modules.auctions.tables import (
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    GIVEN,
    MOST_AHEAD,
    SLOTS,
    Auction,
    BidRow,
    Given,
    Shown,
    Slot,
    Terms,
    auctions,
    slots_after,
)

__all__ = [
    "AUCTIONS",
    "BIDS",
    "ESCROW_POT",
    "GIVEN",
    "MOST_AHEAD",
    "SLOTS",
    "Auction",
    "Bid",
    "BidRow",
    "Choose",
    "Donate",
    "Given",
    "Open",
    "Shown",
    "Slot",
    "TakeBack",
    "Terms",
    "auctions",
    "close_due",
    "needed",
    "slots_after",
    "total_of",
]
