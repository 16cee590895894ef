"""Calls between two accounts, matched, paid in advance, metered by signed tickets."""

from vm.modules.sessions.matching import match, match_seed
from vm.modules.sessions.opening import Accept, Ask, Decline, Open, draw_anew, draw_requests
from vm.modules.sessions.profiles import SetAsset, SetProfile, Withdraw
from vm.modules.sessions.settling import Settle, Settled, close_due
from vm.modules.sessions.tables import (
    ESCROW_POT,
    PROFILES,
    REQUESTS,
    SESSIONS,
    Profile,
    Request,
    Session,
    Ticket,
    Wish,
    sessions,
)

__all__ = [
    "ESCROW_POT",
    "PROFILES",
    "REQUESTS",
    "SESSIONS",
    "Accept",
    "Ask",
    "Decline",
    "Open",
    "Profile",
    "Request",
    "Session",
    "SetAsset",
    "SetProfile",
    "Settle",
    "Settled",
    "Ticket",
    "Wish",
    "Withdraw",
    "close_due",
    "draw_anew",
    "draw_requests",
    "match",
    "match_seed",
    "sessions",
]
