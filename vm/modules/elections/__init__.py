"""Bodies that holders elect for a term (P6)."""

from vm.modules.elections.founding import Found, Stand, Withdraw
from vm.modules.elections.tables import (
    BALLOTS,
    CANDIDATES,
    DEPOSITS_POT,
    ELECTIONS,
    RANKS,
    Election,
    elections,
)
from vm.modules.elections.voting import Vote, close_due

__all__ = [
    "BALLOTS",
    "CANDIDATES",
    "DEPOSITS_POT",
    "ELECTIONS",
    "RANKS",
    "Election",
    "Found",
    "Stand",
    "Vote",
    "Withdraw",
    "close_due",
    "elections",
]
