"""Virtual gifts from a catalogue, won in apps, and made to order (P8)."""

from vm.modules.gifts.giving import Give, HandOut, ListGift, Retire, SetApp, StockUp
from vm.modules.gifts.ordering import Decline, Deliver, OrderGift, PassOn, pay_back_late
from vm.modules.gifts.tables import (
    CATALOGUE,
    ESCROW_POT,
    MADE,
    ORDERS,
    RECEIVED,
    STOCK_POT,
    STOCKS,
    Gift,
    Made,
    Order,
    Received,
    gifts,
)

__all__ = [
    "CATALOGUE",
    "ESCROW_POT",
    "MADE",
    "ORDERS",
    "RECEIVED",
    "STOCKS",
    "STOCK_POT",
    "Decline",
    "Deliver",
    "Gift",
    "Give",
    "HandOut",
    "ListGift",
    "Made",
    "Order",
    "OrderGift",
    "PassOn",
    "Received",
    "Retire",
    "SetApp",
    "StockUp",
    "gifts",
    "pay_back_late",
]
