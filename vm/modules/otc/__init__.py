"""Over the counter: an asset for another at once, or for a payment outside the chain (K9)."""

from vm.modules.otc.dealing import Buy, MarkPaid, Release, Sell, Sold
from vm.modules.otc.deciding import Decide, Dispute, Rule
from vm.modules.otc.offering import MakeOffer, Offered, Take, Withdraw
from vm.modules.otc.settling import go_on
from vm.modules.otc.tables import (
    ESCROW_POT,
    LONGEST_MS,
    OFFERS,
    SALES,
    UNKNOWN_OFFER,
    UNKNOWN_SALE,
    Offer,
    Sale,
    otc,
)

__all__ = [
    "ESCROW_POT",
    "LONGEST_MS",
    "OFFERS",
    "SALES",
    "UNKNOWN_OFFER",
    "UNKNOWN_SALE",
    "Buy",
    "Decide",
    "Dispute",
    "MakeOffer",
    "MarkPaid",
    "Offer",
    "Offered",
    "Release",
    "Rule",
    "Sale",
    "Sell",
    "Sold",
    "Take",
    "Withdraw",
    "go_on",
    "otc",
]
