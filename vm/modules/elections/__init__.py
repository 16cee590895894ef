"""Bodies that holders elect for a term."""

from vm.modules.elections.closing import DEPOSIT_PERCENT, Closed, close_due
from vm.modules.elections.standing import NOT_STANDING, Found, Stand, Withdraw
from vm.modules.elections.tables import (
    BALLOTS,
    CANDIDATES,
    DEPOSITS_POT,
    ELECTIONS,
    MOST_CANDIDATES,
    NO_ELECTION,
    Ballot,
    Candidate,
    Election,
    elections,
)
from vm.modules.elections.voting import NOT_OPEN, Vote

__all__ = [
    "BALLOTS",
    "CANDIDATES",
    "DEPOSITS_POT",
    "DEPOSIT_PERCENT",
    "ELECTIONS",
    "MOST_CANDIDATES",
    "NOT_OPEN",
    "NOT_STANDING",
    "NO_ELECTION",
    "Ballot",
    "Candidate",
    "Closed",
    "Election",
    "Found",
    "Stand",
    "Vote",
    "Withdraw",
    "close_due",
    "elections",
]
