"""What the two sides of a settled session think of each other."""

from vm.modules.ratings.rating import Rate, Rated, end_invitations, invite
from vm.modules.ratings.tables import INVITATIONS, RATE_S, STANDINGS, Standing, ratings

__all__ = [
    "INVITATIONS",
    "RATE_S",
    "STANDINGS",
    "Rate",
    "Rated",
    "Standing",
    "end_invitations",
    "invite",
    "ratings",
]
