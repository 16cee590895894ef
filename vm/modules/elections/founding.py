"""Founding an elected body, and standing for it."""

from dataclasses import replace

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.elections.tables import (
    AGENDA,
    CANDIDATES,
    DEPOSITS_POT,
    ELECTIONS,
    MOST_CANDIDATES,
    MOST_MEMBERS,
    RANKS,
    Candidate,
    Election,
    Rank,
    Seats,
    TermS,
    election_row,
    elections,
    rank_of,
)
from vm.modules.gov.membership import body_named, check_eligible
from vm.modules.gov.tables import MEMBERS, BodyName
from vm.modules.tokens import credit, debit, drain_pot, fill_pot
from vm.view import State

IS_ELECTED = elections.error("already-elected", "The body is elected already.")
NOT_FOR_MEMBERS = elections.error(
    "not-for-members", "Only a body of members without terms of their own is elected."
)
TOO_MANY_SEATS = elections.error("too-many-seats", "The body cannot have so many members.")
STANDS = elections.error("already-stands", "The account stands already.")
STANDS_NOT = elections.error("stands-not", "The account does not stand.")
TOO_MANY = elections.error("too-many-candidates", "No more can stand in this election.")


@elections.event
@record("elections.founded")
class Founded(Record):
    """A body is elected from now on, first at this time (ms from the Unix epoch)."""

    body: BodyName
    closes_ms: Counter


@elections.event
@record("elections.stood")
class Stood(Record):
    """An account stands for a body, or does not any more."""

    body: BodyName
    account: AccountId
    stands: bool


@elections.action(gas=6_000, governed=True)
@record("elections.found")
class Found(Action):
    """Let holders elect a body's members every `term_s` seconds, for so many seats (P6)."""

    body: BodyName
    seats: Seats
    term_s: TermS
    deposit: Amount

    @property
    def subject(self) -> str:
        return self.body

    def in_words(self) -> str:
        return f"let holders elect the {self.seats} members of {self.body} every {self.term_s} s"

    def apply(self, context: Context) -> None:
        state, body = context.state, body_named(context.state, self.body)
        if body.kind != MEMBERS or body.term_s:
            raise NOT_FOR_MEMBERS.failed(field="body")
        if self.seats > body.cap or body.cap > MOST_MEMBERS:
            raise TOO_MANY_SEATS.failed(
                f"{self.body} has {body.cap} members at most, elected bodies {MOST_MEMBERS}",
                field="seats",
            )
        if ELECTIONS.get(state, self.body) is not None:
            raise IS_ELECTED.failed(field="body")
        closes_ms = context.block.time_ms + 1000 * self.term_s
        row = Election(self.seats, self.term_s, self.deposit, 1, closes_ms, candidates=0)
        ELECTIONS.put(state, row, self.body)
        AGENDA.add(state, closes_ms, self.body)
        context.emit(Founded(self.body, closes_ms))


@elections.action(gas=6_000)
@record("elections.stand")
class Stand(Action):
    """Stand for a body with a programme, until its election closes; the deposit comes back then
    (P6)."""

    body: BodyName
    programme: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = election_row(state, self.body)
        check_eligible(context, self.body, sender)
        if CANDIDATES.get(state, self.body, sender) is not None:
            raise STANDS.failed(field="body")
        if row.candidates == MOST_CANDIDATES:
            raise TOO_MANY.failed(f"{MOST_CANDIDATES} stand already", field="body")
        native = chain_constants(state).native_asset
        debit(state, sender, native, row.deposit)
        fill_pot(state, DEPOSITS_POT, native, row.deposit)
        put_candidate(state, self.body, sender, Candidate(self.programme, row.deposit, 0))
        ELECTIONS.put(state, replace(row, candidates=row.candidates + 1), self.body)
        context.emit(Stood(self.body, sender, stands=True))


@elections.action(gas=5_000)
@record("elections.withdraw")
class Withdraw(Action):
    """Stand no more; the votes so far are lost, the deposit comes back (P6)."""

    body: BodyName

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = election_row(state, self.body)
        if CANDIDATES.get(state, self.body, sender) is None:
            raise STANDS_NOT.failed(field="body")
        remove_candidate(state, self.body, sender)
        ELECTIONS.put(state, replace(row, candidates=row.candidates - 1), self.body)
        context.emit(Stood(self.body, sender, stands=False))


def put_candidate(state: State, body: str, account: bytes, row: Candidate) -> None:
    """Write a candidate and its rank, instead of the one that there may be."""
    before = CANDIDATES.get(state, body, account)
    if before is not None:
        RANKS.delete(state, body, rank_of(before.votes), account)
    CANDIDATES.put(state, row, body, account)
    RANKS.put(state, Rank(), body, rank_of(row.votes), account)


def remove_candidate(state: State, body: str, account: bytes) -> None:
    """Take a candidate off, whose deposit comes back."""
    row = CANDIDATES.get(state, body, account)
    if row is None:
        raise RuntimeError(f"{account.hex()} does not stand for {body}")
    CANDIDATES.delete(state, body, account)
    RANKS.delete(state, body, rank_of(row.votes), account)
    native = chain_constants(state).native_asset
    drain_pot(state, DEPOSITS_POT, native, row.deposit)
    credit(state, account, native, row.deposit)
