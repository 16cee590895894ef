"""Standing: a policy lets holders elect a body, and candidates come forward for its next term."""

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.elections.tables import (
    AGENDA,
    CANDIDATES,
    DEPOSITS_POT,
    ELECTIONS,
    MOST_CANDIDATES,
    Candidate,
    Election,
    Seats,
    TermS,
    election_of,
    elections,
)
from vm.modules.gov import body_named, check_eligible
from vm.modules.gov.tables import MEMBERS, BodyName
from vm.modules.tokens import credit, debit, drain_pot, fill_pot

BAD_BODY = elections.error("bad-body", "Holders cannot elect this body as it is.")
OPEN_TOO_LONG = elections.error("open-too-long", "The vote is open for longer than the term.")
VOTE_OPEN = elections.error("vote-open", "The vote is open: who stands is fixed till it closes.")
STANDS = elections.error("standing-already", "The account stands already.")
NOT_STANDING = elections.error("not-standing", "The account does not stand for this body.")
TOO_MANY = elections.error("too-many-candidates", "No more candidates can stand for this term.")


@elections.event
@record("elections.founded")
class Founded(Record):
    """Holders elect a body by these rules; those of a term that had begun hold till it ends."""

    body: BodyName
    seats: Seats
    term_s: TermS
    open_s: TermS
    deposit: Amount


@elections.event
@record("elections.stood")
class Stood(Record):
    """An account stands for a body's next term."""

    body: BodyName
    account: AccountId
    programme: Cid


@elections.event
@record("elections.withdrawn")
class Withdrawn(Record):
    """An account stands no more, and has its deposit back."""

    body: BodyName
    account: AccountId


@elections.action(gas=8_000, governed=True)
@record("elections.found")
class Found(Action):
    """Let holders elect the seats of a body of members for a term, voting in the last `open_s`
    seconds of the term before (P6). The first term begins now; of a body that is elected already
    the present term stays as it is, and seats, span and deposit are others from now on."""

    body: BodyName
    seats: Seats
    term_s: TermS
    open_s: TermS
    deposit: Amount

    @property
    def subject(self) -> str:
        return self.body

    def in_words(self) -> str:
        return (
            f"let holders elect {self.seats} seats of {self.body} for {self.term_s} s each time, "
            f"voting in the last {self.open_s} s, with a deposit of {self.deposit} units"
        )

    def apply(self, context: Context) -> None:
        state, body = context.state, body_named(context.state, self.body)
        if body.kind != MEMBERS or body.seats or body.term_s:
            raise BAD_BODY.failed(
                "a body of members without terms, none of whom holds a producer's seat, is "
                f"expected: see gov.set_body for {self.body}",
                field="body",
            )
        if not body.least <= self.seats <= body.cap:
            raise BAD_BODY.failed(f"{body.least} to {body.cap} seats are expected", field="seats")
        if self.open_s > self.term_s:
            raise OPEN_TOO_LONG.failed(f"at most {self.term_s} s", field="open_s")
        before = ELECTIONS.get(state, self.body)
        made = self._first(context.block.time_ms) if before is None else self._changed(before)
        if before is None:
            AGENDA.add(state, made.closes_ms, self.body)
        ELECTIONS.put(state, made, self.body)
        context.emit(Founded(self.body, self.seats, self.term_s, self.open_s, self.deposit))

    def _first(self, now_ms: int) -> Election:
        closes_ms = now_ms + 1000 * self.term_s
        return Election(
            seats=self.seats,
            term_s=self.term_s,
            open_s=self.open_s,
            deposit=self.deposit,
            term=1,
            opens_ms=closes_ms - 1000 * self.open_s,
            closes_ms=closes_ms,
            standing=0,
            cast=0,
        )

    def _changed(self, before: Election) -> Election:
        return replace(
            before,
            seats=self.seats,
            term_s=self.term_s,
            open_s=self.open_s,
            deposit=self.deposit,
        )


@elections.action(gas=4_000)
@record("elections.stand")
class Stand(Action):
    """Stand for a body's next term, before the vote opens, with a programme and a deposit (P6)."""

    body: BodyName
    programme: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        election = _before_the_vote(context, self.body)
        if CANDIDATES.get(state, self.body, sender) is not None:
            raise STANDS.failed(field="body")
        if election.standing == MOST_CANDIDATES:
            raise TOO_MANY.failed(f"{MOST_CANDIDATES} stand already", field="body")
        check_eligible(context, self.body, sender)
        asset = chain_constants(state).native_asset
        if election.deposit:
            debit(state, sender, asset, election.deposit)
            fill_pot(state, DEPOSITS_POT, asset, election.deposit)
        CANDIDATES.put(state, Candidate(self.programme, election.deposit, 0), self.body, sender)
        ELECTIONS.put(state, replace(election, standing=election.standing + 1), self.body)
        context.emit(Stood(self.body, sender, self.programme))


@elections.action(gas=4_000)
@record("elections.withdraw")
class Withdraw(Action):
    """Stand no more, before the vote opens; the deposit comes back (P6)."""

    body: BodyName

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        election = _before_the_vote(context, self.body)
        candidate = CANDIDATES.get(state, self.body, sender)
        if candidate is None:
            raise NOT_STANDING.failed(field="body")
        CANDIDATES.delete(state, self.body, sender)
        ELECTIONS.put(state, replace(election, standing=election.standing - 1), self.body)
        if candidate.deposit:
            asset = chain_constants(state).native_asset
            drain_pot(state, DEPOSITS_POT, asset, candidate.deposit)
            credit(state, sender, asset, candidate.deposit)
        context.emit(Withdrawn(self.body, sender))


def _before_the_vote(context: Context, body: str) -> Election:
    election = election_of(context.state, body)
    if context.block.time_ms >= election.opens_ms:
        raise VOTE_OPEN.failed(field="body")
    return election
