"""Rating: once for each side of a settled session, in a time (P9)."""

from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.ratings.tables import (
    AGENDA,
    INVITATIONS,
    MOST_STARS,
    RATE_S,
    STANDINGS,
    Invitation,
    Stars,
    ratings,
    standing_of_account,
)
from vm.modules.rebate import RATING, note_activity

DUE_A_BLOCK = 256  # the rest ends in the blocks that follow

NOT_INVITED = ratings.error(
    "not-invited", "Only the two sides of a settled session, if it was long enough, rate it."
)
ALREADY_RATED = ratings.error("already-rated", "The account has rated this session already.")
TOO_LATE = ratings.error("too-late", "The time for rating this session is over.")


@ratings.event
@record("ratings.rated")
class Rated(Record):
    """One side of a session has rated the other."""

    session: Counter
    rater: AccountId
    rated: AccountId
    stars: Stars


@ratings.action(gas=4_000)
@record("ratings.rate")
class Rate(Action):
    """Rate the other side of a settled session, once, with one to five stars (P9)."""

    session: Counter
    stars: Stars

    def apply(self, context: Context) -> None:
        state, rater = context.state, context.sender
        row = INVITATIONS.get(state, rater, self.session)
        if row is None:
            raise NOT_INVITED.failed(field="session")
        if row.stars is not None:
            raise ALREADY_RATED.failed(f"with {row.stars} of {MOST_STARS}", field="session")
        if row.due_ms <= context.block.time_ms:
            raise TOO_LATE.failed(field="session")
        INVITATIONS.put(state, replace(row, stars=self.stars), rater, self.session)
        before = standing_of_account(state, row.rated)
        STANDINGS.put(state, before.rated(self.stars), row.rated)
        note_activity(context, rater, RATING)
        context.emit(Rated(self.session, rater, row.rated, self.stars))


def invite(context: Context, session: int, one: bytes, other: bytes) -> None:
    """Let the two sides of a session, settled in this block, rate each other."""
    state, due_ms = context.state, context.block.time_ms + 1000 * RATE_S.read(context.state)
    for rater, rated in ((one, other), (other, one)):
        INVITATIONS.put(state, Invitation(rated, due_ms, None), rater, session)
        AGENDA.add(state, due_ms, session, rater)


@ratings.begin_block
def end_invitations(context: Context) -> None:
    """Forget the invitations whose time is over, a bounded number a block."""
    due = AGENDA.take(context.state, context.block.time_ms, limit=DUE_A_BLOCK)
    for _, session, rater in due:
        INVITATIONS.delete(context.state, rater, session)
