"""Voting, and what becomes of it when a term is over.

A ballot counts all that its account has bonded then, for each candidate that it names; it is final,
and the bond stays bonded until the election closes, so that no unit votes twice (P5).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from consensus.errors import ActionFailed
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.elections.founding import put_candidate, remove_candidate
from vm.modules.elections.tables import (
    AGENDA,
    BALLOTS,
    CANDIDATES,
    ELECTIONS,
    MOST_CANDIDATES,
    MOST_MEMBERS,
    MOST_SEATS,
    RANKS,
    Ballot,
    Election,
    election_row,
    elections,
    rank_of,
)
from vm.modules.gov.membership import EXPIRED, admit, body_named, check_eligible, expel, is_member
from vm.modules.gov.tables import ALTERNATES, ROLL, BodyName
from vm.modules.stake import bonded_by, lock_bond
from vm.view import View

CLOSED_A_BLOCK = 2
CHOICE_GAS = 2_000

NOTHING_BONDED = elections.error("nothing-bonded", "Votes are bonded units: bond some first.")
VOTED = elections.error("already-voted", "The account has voted in this election.")
TOO_MANY_CHOICES = elections.error("too-many-choices", "No more are named than there are seats.")
TWICE = elections.error("named-twice", "A candidate is named once.")
NO_CANDIDATE = elections.error("no-candidate", "The account does not stand for this body.")


@elections.event
@record("elections.voted")
class Voted(Record):
    """An account has voted with so many units for each whom it named."""

    body: BodyName
    account: AccountId
    units: Amount


@elections.event
@record("elections.elected")
class Elected(Record):
    """An election is closed: who has the seats now; nobody: those who had them stay."""

    body: BodyName
    term: Counter
    accounts: Annotated[tuple[AccountId, ...], AtMost(MOST_SEATS)]


@elections.action(gas=5_000, free=True)
@record("elections.vote")
class Vote(Action):
    """Vote for candidates, at most as many as there are seats, with all that the account has
    bonded, which stays bonded until the election closes (P5, P6)."""

    body: BodyName
    candidates: Annotated[tuple[AccountId, ...], AtMost(MOST_SEATS, 1)]

    def derived_gas(self, view: View) -> int:
        return CHOICE_GAS * len(self.candidates)

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, election_row(context.state, self.body)
        units = bonded_by(state, sender)
        if not units:
            raise NOTHING_BONDED.failed()
        ballot = BALLOTS.get(state, self.body, sender)
        if ballot is not None and ballot.term == row.term:
            raise VOTED.failed()
        if len(self.candidates) > row.seats:
            raise TOO_MANY_CHOICES.failed(f"{row.seats} seats", field="candidates")
        if len(set(self.candidates)) < len(self.candidates):
            raise TWICE.failed(field="candidates")
        lock_bond(state, sender, units, row.closes_ms, context.block.time_ms)
        for i, account in enumerate(self.candidates):
            candidate = CANDIDATES.get(state, self.body, account)
            if candidate is None:
                raise NO_CANDIDATE.failed(field=f"candidates[{i}]")
            voted = replace(candidate, votes=candidate.votes + units)
            put_candidate(state, self.body, account, voted)
        BALLOTS.put(state, Ballot(row.term, units), self.body, sender)
        context.emit(Voted(self.body, sender, units))


@elections.begin_block
def close_due(context: Context) -> None:
    """Close the elections whose time has come: the first by votes get the seats, ties by account,
    and the next election begins."""
    for _, body in AGENDA.take(context.state, context.block.time_ms, limit=CLOSED_A_BLOCK):
        row = election_row(context.state, body)
        kept = body_named(context.state, body)
        elected = _first(context, body, min(row.seats, kept.cap))
        if len(elected) >= max(kept.least, 1):
            _seat(context, body, elected)
        else:
            elected = []
        _begin_next(context, body, row)
        context.emit(Elected(body, row.term, tuple(elected)))


def _first(context: Context, body: str, seats: int) -> list[bytes]:
    """The first candidates that have votes and can be members now."""
    found: list[bytes] = []
    for (_, below, account), _ in RANKS.scan(context.state, body, limit=MOST_CANDIDATES):
        if below == rank_of(0) or len(found) == seats:
            break
        try:
            check_eligible(context, body, account)
        except ActionFailed:
            continue
        found.append(account)
    return found


def _seat(context: Context, body: str, elected: Sequence[bytes]) -> None:
    state = context.state
    ALTERNATES.delete(state, body)  # they were named for the term that is over
    present = [account for (_, account), _ in list(ROLL.scan(state, body, limit=MOST_MEMBERS))]
    for account in present:
        if account not in elected:
            expel(context, body, account, reason=EXPIRED, barred_s=0)
    for account in elected:
        if not is_member(state, body, account):
            admit(context, body, account)


def _begin_next(context: Context, body: str, row: Election) -> None:
    state = context.state
    for (_, _, account), _ in list(RANKS.scan(state, body, limit=MOST_CANDIDATES)):
        remove_candidate(state, body, account)
    closes_ms = context.block.time_ms + 1000 * row.term_s
    following = replace(row, term=row.term + 1, closes_ms=closes_ms, candidates=0)
    ELECTIONS.put(state, following, body)
    AGENDA.add(state, closes_ms, body)
