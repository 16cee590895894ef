"""Advertising slots, sold by open ascending auction, with donations to others' bids (W6)."""

from vm.modules.auctions.bidding import TOO_LOW, Bid, Donate, Raised, TakeBack, needed, total_of
from vm.modules.auctions.closing import close_due
from vm.modules.auctions.opening import Choose, Open
from vm.modules.auctions.tables import (
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    GIVEN,
    MOST_AHEAD,
    PLACE_TEXT,
    SLOTS,
    UNKNOWN_AUCTION,
    Auction,
    BidRow,
    Given,
    Shown,
    Slot,
    Terms,
    auction_row,
    auctions,
    slots_after,
)

__all__ = [
    "AUCTIONS",
    "BIDS",
    "ESCROW_POT",
    "GIVEN",
    "MOST_AHEAD",
    "PLACE_TEXT",
    "SLOTS",
    "TOO_LOW",
    "UNKNOWN_AUCTION",
    "Auction",
    "Bid",
    "BidRow",
    "Choose",
    "Donate",
    "Given",
    "Open",
    "Raised",
    "Shown",
    "Slot",
    "TakeBack",
    "Terms",
    "auction_row",
    "auctions",
    "close_due",
    "needed",
    "slots_after",
    "total_of",
]
