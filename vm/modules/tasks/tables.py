"""The module `tasks`: its rows, and what must hold between them (W5)."""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Digest, Text, Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.stake import BONDS
from vm.modules.tokens import POTS, CommunityPot, PositiveAmount
from vm.table import Table
from vm.view import State, View

R = TypeVar("R", bound=Record)
T = TypeVar("T")

tasks = Module("tasks", "Grants and tasks of the community, which its committee approves.")

AIRDROPS_POT = "tasks.airdrops"
MOST_PLACES = 1_000_000
LONGEST_MS = 366 * 24 * 3_600_000
CLOSED_A_BLOCK = 16
SWEPT_A_BLOCK = 64  # rows of each that is closed in a block

DECIDE_S = tasks.parameter(
    "decide_s",
    default=30 * 86_400,
    minimum=60,
    maximum=366 * 86_400,
    unit="seconds",
    sentence="How long after a task's end its claims can be decided on; then it is closed, and "
    "removed with its claims (W5).",
)
PROPOSAL_S = tasks.parameter(
    "proposal_s",
    default=30 * 86_400,
    minimum=60,
    maximum=366 * 86_400,
    unit="seconds",
    sentence="How long a proposed form of taking part waits to be accepted; then it is removed "
    "(W5).",
)

NodeName = Annotated[str, Text(64, 1)]
Title = Annotated[str, Text(200, 1)]
Places = Annotated[int, Uint(MOST_PLACES, 1)]
PlacesLeft = Annotated[int, Uint(MOST_PLACES)]
WAITING, APPROVED, REFUSED = "waiting", "approved", "refused"
ClaimStatus = Annotated[str, Text(8, 1, f"{WAITING}|{APPROVED}|{REFUSED}")]
KeptS = Annotated[int, Uint(366 * 24 * 3600)]


@record("tasks.grants")
class Grants(Record):
    """From which pot grants and rewards are paid: units for a node that registers and, beside that,
    for one that is approved; for a holder that delegates and, beside that, if to an approved node;
    and for how many seconds a holder delegates before it gets its grant."""

    pot: CommunityPot
    node: Amount
    approved_node: Amount
    holder: Amount
    approved_holder: Amount
    kept_s: KeptS


@record("tasks.node")
class Node(Record):
    """A node that has registered who it is: its name, the content id of its description, and
    whether it is approved."""

    name: NodeName
    profile: Cid
    is_approved: bool


@record("tasks.delegation")
class Delegation(Record):
    """To which node an account has delegated for its grant without a break, and since when (ms from
    the Unix epoch); or that it has got the grant. No row once it stops before."""

    node: AccountId
    since_ms: Counter
    is_paid: bool


@record("tasks.task")
class Task(Record):
    """A form of taking part: its title and description, what it pays before steps, for how many it
    still does, until when it can be claimed, and when it is closed and removed with its claims (ms
    from the Unix epoch). One that was proposed and not yet accepted has no places and no end."""

    proposer: AccountId | None
    title: Title
    brief: Cid
    reward: Amount
    places: PlacesLeft
    until_ms: Counter
    closes_ms: Counter

    @property
    def is_accepted(self) -> bool:
        """Whether it can be claimed, or could until its end."""
        return self.until_ms > 0


@record("tasks.proposed")
class Proposed(Record):
    """Lists what an account has proposed and waits to be accepted."""


@record("tasks.closing")
class Closing(Record):
    """Lists a task by when it is closed, or when the next of its claims are removed."""


@record("tasks.claim")
class ClaimRow(Record):
    """What an account shows for a task, and what the committee has decided: it waits, or is
    approved or refused."""

    evidence: Cid
    status: ClaimStatus


@record("tasks.airdrop")
class Airdrop(Record):
    """An amount that a sponsor gives the accounts of a snapshot: the Merkle root and size of the
    list of its entries, what is left, and until when it can be taken (ms from the Unix epoch)."""

    sponsor: AccountId
    asset: Asset
    root: Digest
    size: Counter
    left: Amount
    until_ms: Counter


@record("tasks.entry")
class Entry(Record):
    """An entry of a snapshot, whose encoding is the item of the list."""

    account: AccountId
    units: PositiveAmount


@record("tasks.taken")
class Taken(Record):
    """Lists what was taken of an airdrop, by the place in the list."""


@record("tasks.due")
class Due(Record):
    """Lists an airdrop by when it is over, or when the next rows of what was taken are removed."""


@record("tasks.numbering")
class Numbering(Record):
    """The numbers of the next task and the next airdrop."""

    task: Counter
    airdrop: Counter


GRANTS: Table[Grants] = tasks.table(Grants)
NODES: Table[Node, bytes] = tasks.table(Node, account=AccountId)
DELEGATIONS: Table[Delegation, bytes] = tasks.table(Delegation, account=AccountId)
TASKS: Table[Task, int] = tasks.table(Task, task=Counter)
PROPOSED: Table[Proposed, bytes, int] = tasks.table(Proposed, account=AccountId, task=Counter)
CLOSINGS: Table[Closing, int, int] = tasks.table(Closing, closes_ms=Counter, task=Counter)
CLAIMS: Table[ClaimRow, int, bytes] = tasks.table(ClaimRow, task=Counter, account=AccountId)
AIRDROPS: Table[Airdrop, int] = tasks.table(Airdrop, airdrop=Counter)
TAKEN: Table[Taken, int, int] = tasks.table(Taken, airdrop=Counter, place=Counter)
DUE: Table[Due, int, int] = tasks.table(Due, until_ms=Counter, airdrop=Counter)
NUMBERING: Table[Numbering] = tasks.table(Numbering)
AIRDROP_AGENDA: Agenda[int] = Agenda(DUE, Due())
TASK_AGENDA: Agenda[int] = Agenda(CLOSINGS, Closing())

NO_GRANTS = tasks.error("no-grants", "Nothing is granted here yet.")
ENDS_TOO_EARLY = tasks.error("ends-too-early", "A task or an airdrop ends later than now.")
ENDS_TOO_LATE = tasks.error("ends-too-late", "A task or an airdrop ends within 366 days.")
NOT_A_PERSON = tasks.error(
    "not-a-person", "Grants are for persons: be attested, or bond the minimum."
)


def grants_row(view: View) -> Grants:
    """What is granted; raises ActionFailed if nothing is."""
    row = GRANTS.get(view)
    if row is None:
        raise NO_GRANTS.failed()
    return row


def delegates(view: View, account: bytes, node: bytes) -> bool:
    """Whether the account's bond approves the node."""
    row = BONDS.get(view, account)
    return row is not None and node in row.approved


def numbering_of(view: View) -> Numbering:
    """The numbers that come next, from 1."""
    return NUMBERING.get(view) or Numbering(1, 1)


def check_end(context: Context, until_ms: int) -> None:
    """Raise ActionFailed unless a task or an airdrop can last until this time."""
    now_ms = context.block.time_ms
    if until_ms <= now_ms:
        raise ENDS_TOO_EARLY.failed(f"now it is {now_ms} ms", field="until_ms")
    if until_ms > now_ms + LONGEST_MS:
        raise ENDS_TOO_LATE.failed(field="until_ms")


def sweep(state: State, table: Table[R, int, T], number: int) -> bool:
    """Remove a bounded number of the rows under a task or an airdrop that is over; whether none is
    left."""
    rows = [key for key, _ in table.scan(state, number, limit=SWEPT_A_BLOCK + 1)]
    for key in rows[:SWEPT_A_BLOCK]:
        table.delete(state, *key)
    return len(rows) <= SWEPT_A_BLOCK


@tasks.invariant
def airdrops_are_kept(view: View) -> Iterator[str]:
    """The pot holds what is left of all airdrops, which are listed by their ends; what was taken of
    one that is over is listed until it is removed."""
    left: Tally[str] = Tally()
    for _, row in AIRDROPS.every(view):
        left[row.asset] += row.left
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == AIRDROPS_POT}
    if held != +left:
        yield f"the pot {AIRDROPS_POT} holds {held}, {dict(left)} is left of airdrops"
    ends = {number: row.until_ms for (number,), row in AIRDROPS.every(view)}
    swept = {number for (number, _), _ in TAKEN.every(view)} - set(ends)
    yield from _disagreements(view, AIRDROP_AGENDA, DUE, ends, swept)


@tasks.invariant
def tasks_are_kept(view: View) -> Iterator[str]:
    """Tasks are listed by when they close, those that wait to be accepted by who proposed them, and
    the claims of closed ones until they are removed."""
    closing = {number: row.closes_ms for (number,), row in TASKS.every(view)}
    swept = {number for (number, _), _ in CLAIMS.every(view)} - set(closing)
    yield from _disagreements(view, TASK_AGENDA, CLOSINGS, closing, swept)
    waiting = {(row.proposer, n) for (n,), row in TASKS.every(view) if not row.is_accepted}
    listed = {key for key, _ in PROPOSED.every(view)}
    if waiting != listed:
        yield f"{len(waiting ^ listed)} proposed tasks are not listed as they must be"


def _disagreements(
    view: View,
    agenda: Agenda[int],
    table: Table[R, int, int],
    ends: Mapping[int, int],
    swept: set[int],
) -> Iterator[str]:
    """What is wrong with an agenda of these ends by number, and of numbers that are over and whose
    rows are being removed."""
    over = {(at, number) for (at, number), _ in table.every(view) if number in swept}
    if len(over) != len(swept):
        yield f"{table.name} lists {len(over)} of {len(swept)} that are over and have rows"
    yield from agenda.disagreements(view, over | {(at, number) for number, at in ends.items()})


@tasks.invariant
def delegations_are_kept(view: View) -> Iterator[str]:
    """Who waits for its grant delegates to the node that it named."""
    for (account,), row in DELEGATIONS.every(view):
        if not row.is_paid and not delegates(view, account, row.node):
            yield f"{account.hex()} waits for a grant and does not delegate to {row.node.hex()}"
