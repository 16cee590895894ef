"""The module `elections`: its rows, and what must hold between them."""

from collections import Counter as Count
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter, Uint
from consensus.record import AtMost, Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.chain import chain_constants
from vm.modules.gov.tables import MAX_SPAN_S, BodyName
from vm.modules.tokens import PositiveAmount, pot_of
from vm.table import Table
from vm.view import View

elections = Module("elections", "Bodies that holders elect for a term.")

MOST_SEATS = 30
MOST_CANDIDATES = 64  # of a body at one time: all are looked at in the block that ends the term
DEPOSITS_POT = "elections.deposits"

Seats = Annotated[int, Uint(MOST_SEATS, 1)]
TermS = Annotated[int, Uint(MAX_SPAN_S, 1)]


@record("elections.election")
class Election(Record):
    """A body whose seats holders elect for `term_s` seconds, voting in the last `open_s` of them;
    who stands pays `deposit` native units. The present term's number, when its vote opens and
    closes (ms from the Unix epoch), how many stand, and the units of stake that have voted."""

    seats: Seats
    term_s: TermS
    open_s: TermS
    deposit: Amount
    term: Counter
    opens_ms: Counter
    closes_ms: Counter
    standing: Annotated[int, Uint(MOST_CANDIDATES)]
    cast: Amount


@record("elections.candidate")
class Candidate(Record):
    """Who stands for a body's next term: its programme, its deposit, and the units of stake that
    have voted for it."""

    programme: Cid
    deposit: Amount
    votes: Amount


@record("elections.ballot")
class Ballot(Record):
    """How an account voted last in the elections of a body: in which term, with what weight, and
    for whom."""

    term: Counter
    weight: PositiveAmount
    candidates: Annotated[tuple[AccountId, ...], AtMost(MOST_SEATS, 1)]


@record("elections.due")
class Due(Record):
    """Lists the bodies in the order in which their terms end."""


ELECTIONS: Table[Election, str] = elections.table(Election, body=BodyName)
CANDIDATES: Table[Candidate, str, bytes] = elections.table(
    Candidate, body=BodyName, account=AccountId
)
BALLOTS: Table[Ballot, str, bytes] = elections.table(Ballot, body=BodyName, account=AccountId)
DUE: Table[Due, int, str] = elections.table(Due, time_ms=Counter, body=BodyName)
AGENDA: Agenda[str] = Agenda(DUE, Due())

NO_ELECTION = elections.error("no-election", "Holders do not elect this body.")


def election_of(view: View, body: str) -> Election:
    """A body's election; raises ActionFailed (`body`) if holders do not elect it."""
    row = ELECTIONS.get(view, body)
    if row is None:
        raise NO_ELECTION.failed(f"holders do not elect {body}", field="body")
    return row


@elections.invariant
def votes_are_counted(view: View) -> Iterator[str]:
    """Candidates have the votes of the ballots of the term, and are counted; terms are listed."""
    found = {body: row for (body,), row in ELECTIONS.every(view)}
    votes: Count[tuple[str, bytes]] = Count()
    cast: Count[str] = Count()
    for (body, _), ballot in BALLOTS.every(view):
        if body in found and ballot.term == found[body].term:
            cast[body] += ballot.weight
            votes.update({(body, account): ballot.weight for account in ballot.candidates})
    standing: Count[str] = Count()
    for (body, account), candidate in CANDIDATES.every(view):
        standing[body] += 1
        if votes.pop((body, account), 0) != candidate.votes:
            yield f"{account.hex()}, standing for {body}, has not {candidate.votes} votes"
    if votes:
        yield f"there are votes for {len(votes)} who do not stand"
    for body, row in found.items():
        if (row.standing, row.cast) != (standing.pop(body, 0), cast[body]):
            yield f"the election of {body} counts {row.standing} candidates and {row.cast} votes"
    if standing:
        yield f"there are candidates of {sorted(standing)}, which holders do not elect"
    yield from AGENDA.disagreements(view, {(row.closes_ms, body) for body, row in found.items()})


@elections.invariant
def deposits_are_held(view: View) -> Iterator[str]:
    """The pot holds the deposits of all candidates."""
    wanted = sum(row.deposit for _, row in CANDIDATES.every(view))
    native = chain_constants(view).native_asset
    if pot_of(view, DEPOSITS_POT, native) != wanted:
        yield f"the candidates' deposits are {wanted}, the pot says otherwise"
