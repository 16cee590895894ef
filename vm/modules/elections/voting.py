"""Voting: who has bonded something votes once for as many candidates as there are seats."""

from typing import Annotated

from consensus.address import format_address
from consensus.kinds import AccountId, Amount
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.elections.standing import NOT_STANDING
from vm.modules.elections.tables import (
    BALLOTS,
    CANDIDATES,
    ELECTIONS,
    MOST_SEATS,
    Ballot,
    election_of,
    elections,
)
from vm.modules.gov.tables import BodyName
from vm.modules.stake import bonded_by, lock_bond

NOT_OPEN = elections.error("not-open", "The vote is not open.")
NO_VOTE = elections.error("no-vote", "Holders vote by what they have bonded: bond something first.")
VOTED = elections.error("voted-already", "The account has voted in this term: a vote is final.")
TOO_MANY = elections.error("too-many-choices", "More candidates than there are seats.")
TWICE = elections.error("chosen-twice", "A candidate is named once at most.")

Choices = Annotated[tuple[AccountId, ...], AtMost(MOST_SEATS, 1)]


@elections.event
@record("elections.voted")
class Voted(Record):
    """An account has voted for these candidates, for each with this weight."""

    body: BodyName
    account: AccountId
    candidates: Choices
    weight: Amount


@elections.action(gas=4_000 + 400 * MOST_SEATS, free=True)
@record("elections.vote")
class Vote(Action):
    """Vote for candidates, each with all that the account has bonded; a vote is final. So much
    stays bonded until the vote closes (P5, P6)."""

    body: BodyName
    candidates: Choices

    def apply(self, context: Context) -> None:
        state, sender, now_ms = context.state, context.sender, context.block.time_ms
        election = election_of(state, self.body)
        if not election.opens_ms <= now_ms < election.closes_ms:
            raise NOT_OPEN.failed(
                f"it is open from {election.opens_ms} to {election.closes_ms} ms", field="body"
            )
        ballot = BALLOTS.get(state, self.body, sender)
        if ballot is not None and ballot.term == election.term:
            raise VOTED.failed(field="body")
        weight = bonded_by(state, sender)
        if not weight:
            raise NO_VOTE.failed()
        if len(self.candidates) > election.seats:
            raise TOO_MANY.failed(f"at most {election.seats}", field="candidates")
        if len(set(self.candidates)) < len(self.candidates):
            raise TWICE.failed(field="candidates")
        self._count(context, weight)
        lock_bond(state, sender, weight, election.closes_ms, now_ms)
        BALLOTS.put(state, Ballot(election.term, weight, self.candidates), self.body, sender)
        ELECTIONS.put(state, replace(election, cast=election.cast + weight), self.body)
        context.emit(Voted(self.body, sender, self.candidates, weight))

    def _count(self, context: Context, weight: int) -> None:
        for i, account in enumerate(self.candidates):
            candidate = CANDIDATES.get(context.state, self.body, account)
            if candidate is None:
                raise NOT_STANDING.failed(
                    f"{format_address(account)} does not stand for {self.body}",
                    field=f"candidates[{i}]",
                )
            counted = replace(candidate, votes=candidate.votes + weight)
            CANDIDATES.put(context.state, counted, self.body, account)
