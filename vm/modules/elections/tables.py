"""The module `elections`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.chain import chain_constants
from vm.modules.gov.tables import BodyName
from vm.modules.tokens import pot_of
from vm.table import Table
from vm.view import View

elections = Module("elections", "Bodies that holders elect for a term.")

DEPOSITS_POT = "elections.deposits"
MOST_SEATS = 21
MOST_MEMBERS = 64  # of a body that is elected
MOST_CANDIDATES = 64

Seats = Annotated[int, Uint(MOST_SEATS, 1)]
TermS = Annotated[int, Uint(5 * 366 * 24 * 3600, 60)]


@record("elections.election")
class Election(Record):
    """How a body is elected: for how many seats, every how many seconds, and for what deposit one
    stands; the number of the election that is open, when it closes (ms from the Unix epoch), and
    how many stand."""

    seats: Seats
    term_s: TermS
    deposit: Amount
    term: Counter
    closes_ms: Counter
    candidates: Counter


@record("elections.candidate")
class Candidate(Record):
    """Who stands, with the content id of a programme and the deposit; and the votes so far, in
    bonded units."""

    programme: Cid
    deposit: Amount
    votes: Amount


@record("elections.rank")
class Rank(Record):
    """Lists the candidates, those with more votes first, then by account."""


@record("elections.ballot")
class Ballot(Record):
    """In which election of a body an account has voted last, and with how many units."""

    term: Counter
    units: Amount


@record("elections.due")
class Due(Record):
    """Lists a body by when its election closes."""


ELECTIONS: Table[Election, str] = elections.table(Election, body=BodyName)
CANDIDATES: Table[Candidate, str, bytes] = elections.table(
    Candidate, body=BodyName, account=AccountId
)
RANKS: Table[Rank, str, int, bytes] = elections.table(
    Rank, body=BodyName, below=Annotated[int, Uint(UINT64_MAX)], account=AccountId
)
BALLOTS: Table[Ballot, str, bytes] = elections.table(Ballot, body=BodyName, account=AccountId)
DUE: Table[Due, int, str] = elections.table(Due, closes_ms=Counter, body=BodyName)
AGENDA: Agenda[str] = Agenda(DUE, Due())

NO_ELECTION = elections.error("no-election", "The body is not elected.")


def election_row(view: View, body: str) -> Election:
    """The body's election; raises ActionFailed (`body`) if it is not elected."""
    row = ELECTIONS.get(view, body)
    if row is None:
        raise NO_ELECTION.failed(f"{body} is not elected", field="body")
    return row


def rank_of(votes: int) -> int:
    """The key part by which more votes come first."""
    return UINT64_MAX - votes


@elections.invariant
def candidates_are_ranked_and_counted(view: View) -> Iterator[str]:
    """Each candidate has one rank, by its votes; the pot holds the deposits."""
    rows = dict(CANDIDATES.every(view))
    ranks = {(body, rank_of(row.votes), account) for (body, account), row in rows.items()}
    if ranks != {key for key, _ in RANKS.every(view)}:
        yield "the ranking is not that of the candidates' votes"
    counts = Tally(body for body, _ in rows)
    for (body,), row in ELECTIONS.every(view):
        if counts[body] != row.candidates:
            yield f"{counts[body]} stand for {body}, {row.candidates} are counted"
    held = pot_of(view, DEPOSITS_POT, chain_constants(view).native_asset)
    if held != sum(row.deposit for row in rows.values()):
        yield f"the pot {DEPOSITS_POT} does not hold the deposits"
    listed = {(row.closes_ms, body) for (body,), row in ELECTIONS.every(view)}
    yield from AGENDA.disagreements(view, {(at, body) for at, body in listed})
