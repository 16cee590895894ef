"""What the two sides of a settled session think of each other."""

from vm.modules.ratings.rating import Rate, Rated, end_invitations, invite
from vm.modules.ratings.tables import (
    INVITATIONS,
    MILLI,
    MOST_STARS,
    RATE_S,
    STANDINGS,
    Invitation,
    Standing,
    ratings,
    standing_of_account,
)

__all__ = [
    "INVITATIONS",
    "MILLI",
    "MOST_STARS",
    "RATE_S",
    "STANDINGS",
    "Invitation",
    "Rate",
    "Rated",
    "Standing",
    "end_invitations",
    "invite",
    "ratings",
    "standing_of_account",
]
