"""The module `tasks`: its rows, and what must hold between them (W5)."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Digest, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.stake import BONDS
from vm.modules.tokens import POTS, CommunityPot, PositiveAmount
from vm.table import Table
from vm.view import View

tasks = Module("tasks", "Grants and tasks of the community, which its committee approves.")

AIRDROPS_POT = "tasks.airdrops"
MOST_PLACES = 1_000_000

NodeName = Annotated[str, Text(64, 1)]
Title = Annotated[str, Text(200, 1)]
Places = Annotated[int, Uint(MOST_PLACES, 1)]
PlacesLeft = Annotated[int, Uint(MOST_PLACES)]
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
    still does, and until when it can be claimed (ms from the Unix epoch). One that was proposed and
    not yet accepted has no places."""

    proposer: AccountId | None
    title: Title
    brief: Cid
    reward: Amount
    places: PlacesLeft
    until_ms: Counter


@record("tasks.claim")
class ClaimRow(Record):
    """What an account shows for a task, and whether the committee has decided on it."""

    evidence: Cid
    is_judged: bool


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
    """Lists an airdrop by when it is over."""


@record("tasks.numbering")
class Numbering(Record):
    """The numbers of the next task and the next airdrop."""

    task: Counter
    airdrop: Counter


GRANTS: Table[Grants] = tasks.table(Grants)
NODES: Table[Node, bytes] = tasks.table(Node, account=AccountId)
DELEGATIONS: Table[Delegation, bytes] = tasks.table(Delegation, account=AccountId)
TASKS: Table[Task, int] = tasks.table(Task, task=Counter)
CLAIMS: Table[ClaimRow, int, bytes] = tasks.table(ClaimRow, task=Counter, account=AccountId)
AIRDROPS: Table[Airdrop, int] = tasks.table(Airdrop, airdrop=Counter)
TAKEN: Table[Taken, int, int] = tasks.table(Taken, airdrop=Counter, place=Counter)
DUE: Table[Due, int, int] = tasks.table(Due, until_ms=Counter, airdrop=Counter)
NUMBERING: Table[Numbering] = tasks.table(Numbering)
AGENDA: Agenda[int] = Agenda(DUE, Due())

NO_GRANTS = tasks.error("no-grants", "Nothing is granted here yet.")
ENDS_TOO_EARLY = tasks.error("ends-too-early", "A task or an airdrop ends later than now.")
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


@tasks.invariant
def airdrops_are_kept(view: View) -> Iterator[str]:
    """The pot holds what is left of all airdrops, which are listed by their ends."""
    left: Tally[str] = Tally()
    for _, row in AIRDROPS.every(view):
        left[row.asset] += row.left
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == AIRDROPS_POT}
    if held != +left:
        yield f"the pot {AIRDROPS_POT} holds {held}, {dict(left)} is left of airdrops"
    listed = {(row.until_ms, number) for (number,), row in AIRDROPS.every(view)}
    yield from AGENDA.disagreements(view, {(at, number) for at, number in listed})


@tasks.invariant
def delegations_are_kept(view: View) -> Iterator[str]:
    """Who waits for its grant delegates to the node that it named."""
    for (account,), row in DELEGATIONS.every(view):
        if not row.is_paid and not delegates(view, account, row.node):
            yield f"{account.hex()} waits for a grant and does not delegate to {row.node.hex()}"
