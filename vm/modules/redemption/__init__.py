"""What the community's token buys from its catalogue, and the vouchers for it (W2, W8)."""

from vm.modules.redemption.offering import Approve, Close, MakeOffer, Offered, Remove, SetPool
from vm.modules.redemption.redeeming import (
    TOO_DEAR,
    GiveBack,
    HandOn,
    Honour,
    Redeem,
    Redeemed,
    price_now,
)
from vm.modules.redemption.tables import (
    ESCROW_POT,
    HELD,
    ISSUED,
    OFFERS,
    POOL,
    UNKNOWN_OFFER,
    UNKNOWN_VOUCHER,
    VOUCHERS,
    Offer,
    Voucher,
    redemption,
)

__all__ = [
    "ESCROW_POT",
    "HELD",
    "ISSUED",
    "OFFERS",
    "POOL",
    "TOO_DEAR",
    "UNKNOWN_OFFER",
    "UNKNOWN_VOUCHER",
    "VOUCHERS",
    "Approve",
    "Close",
    "GiveBack",
    "HandOn",
    "Honour",
    "MakeOffer",
    "Offer",
    "Offered",
    "Redeem",
    "Redeemed",
    "Remove",
    "SetPool",
    "Voucher",
    "price_now",
    "redemption",
]
