"""The module `ratings`: its rows, and what must hold between them (P9)."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from consensus.kinds import AccountId, Counter, Uint
from consensus.record import AtMost, Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.table import KeyPart, Table
from vm.view import View

ratings = Module("ratings", "What the two sides of a settled session think of each other.")

MOST_STARS = 5
MILLI = 1_000

Stars = Annotated[int, Uint(MOST_STARS, 1)]

RATE_S = ratings.parameter(
    "rate_s",
    default=7 * 24 * 3600,
    minimum=10,
    maximum=90 * 24 * 3600,
    unit="seconds",
    sentence="How long after a session's settlement its sides may rate each other (P9).",
)


@record("ratings.invitation")
class Invitation(Record):
    """Who may be rated for a session until `due_ms` (ms from the Unix epoch), and with how many
    stars it was (P9); null: not yet."""

    rated: AccountId
    due_ms: Counter
    stars: Stars | None


@record("ratings.standing")
class Standing(Record):
    """An account's public record (P9): how many gave it one star, two, up to five, and the average
    in thousandths of a star, rounded down."""

    counts: Annotated[tuple[Counter, ...], AtMost(MOST_STARS, MOST_STARS)]
    average_milli: Counter

    def rated(self, stars: int) -> "Standing":
        """The record with one rating more."""
        return standing_of(n + (place == stars) for place, n in enumerate(self.counts, 1))


@record("ratings.due")
class Due(Record):
    """Lists the invitations in the order of the times when they end."""


INVITATIONS: Table[Invitation, bytes, int] = ratings.table(
    Invitation, rater=AccountId, session=Counter
)
STANDINGS: Table[Standing, bytes] = ratings.table(Standing, account=AccountId)
DUE: Table[Due, int, int, bytes] = ratings.table(
    Due, time_ms=Counter, session=Counter, rater=AccountId
)
AGENDA: Agenda[int, bytes] = Agenda(DUE, Due())


def standing_of(counts: Iterable[int]) -> Standing:
    """The record of these counts of one star, two, up to five."""
    given = tuple(counts)
    stars = sum(place * n for place, n in enumerate(given, 1))
    return Standing(given, MILLI * stars // max(1, sum(given)))


def standing_of_account(view: View, account: bytes) -> Standing:
    """An account's public record; that of one that was never rated has zeros."""
    return STANDINGS.get(view, account) or standing_of((0,) * MOST_STARS)


@ratings.invariant
def averages_are_of_counts(view: View) -> Iterator[str]:
    """Each average is that of its counts, and each invitation is listed under its end."""
    for (account,), row in STANDINGS.every(view):
        if row != standing_of(row.counts):
            yield f"the average of {account.hex()} is not that of its ratings"
    listed: set[tuple[KeyPart, ...]] = {
        (row.due_ms, session, rater) for (rater, session), row in INVITATIONS.every(view)
    }
    yield from AGENDA.disagreements(view, listed)
