"""The module `fund`: its rows (K9)."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.tokens import Memo, PositiveAmount
from vm.table import Table
from vm.view import State, View

fund = Module("fund", "Funds whose members invest by vote and share what comes back.")

HELD_POT = "fund.held"
MOST_OPEN = 16
LONGEST_S = 31 * 24 * 3_600
LONGEST_MS = 1000 * LONGEST_S
KEPT_MS = LONGEST_MS  # how long a proposal that is over can still be looked at

FOUNDING_UNITS = fund.parameter(
    "founding_units",
    default=100_000_000,
    minimum=0,
    maximum=10**18,
    unit="native units",
    sentence="What founding a fund takes into deposit until the fund is wound up (K9).",
)
SHORTEST_S = fund.parameter(
    "shortest_s",
    default=86_400,
    minimum=1,
    maximum=LONGEST_S,
    unit="seconds",
    sentence="The shortest time that a new fund's votes may be open, and the shortest in which its "
    "members may leave before what passed is paid (K9).",
)

FundName = Annotated[str, Text(64, 1, r"[^\n\t]+")]
Percent = Annotated[int, Uint(100)]
Span = Annotated[int, Uint(LONGEST_S, 1)]
YES, NO = "yes", "no"
Choice = Annotated[str, Text(3, 2, f"{YES}|{NO}")]
VOTING = "voting"
PASSED = "passed"  # and is paid when its grace is over
PAID = "paid"
REJECTED = "rejected"  # by its vote, or because those who had voted for it left
FAILED = "failed"  # the fund had less than was to be paid
Status = Annotated[str, Text(8, 1, f"{VOTING}|{PASSED}|{PAID}|{REJECTED}|{FAILED}")]


@part
class Terms(Record):
    """What members agree to, for good: the asset; the least of a contribution, which is possible
    until a time (ms from the Unix epoch); the deposit for a proposal, in the same asset; how many
    percent of all shares must vote; how long a vote is open, and how long members may then leave
    before what passed is paid."""

    asset: Asset
    least_units: PositiveAmount
    until_ms: Counter
    deposit_units: Amount
    quorum: Percent
    vote_s: Span
    grace_s: Span


@record("fund.numbering")
class Numbering(Record):
    """The number of the next fund."""

    fund: Counter


@record("fund.fund")
class Fund(Record):
    """A fund: its founder, and what founding has taken into deposit; how many members have how many
    shares; what is `liquid`: there to invest. `returned` is what has come back for the shares there
    are, of which so much is `claimed`. So many proposals were made, and the `open` ones are neither
    rejected nor paid. It is wound up when no shares are left."""

    name: FundName
    founder: AccountId
    founding_units: Amount
    terms: Terms
    members: Counter
    shares: PositiveAmount
    liquid: Amount
    returned: Amount
    claimed: Amount
    proposals: Counter
    open: Annotated[tuple[Counter, ...], AtMost(MOST_OPEN)]

    def part_of(self, units: int, shares: int) -> int:
        """The part of so many units that these shares have, rounded down."""
        return units * shares // self.shares


@part
class Ballot(Record):
    """How a member has voted on a proposal, with all its shares."""

    proposal: Counter
    choice: Choice


@record("fund.member")
class Member(Record):
    """A member's shares, what it has claimed of what came back for them, and its votes on proposals
    that are open, and on some that were."""

    shares: PositiveAmount
    claimed: Amount
    ballots: Annotated[tuple[Ballot, ...], AtMost(MOST_OPEN)]


@record("fund.joined")
class Joined(Record):
    """Lists the funds of an account."""


@record("fund.proposal")
class Proposal(Record):
    """To pay an account so many units, for what the memo says. There were so many `shares` when it
    was made: it is paid in the proportion in which there still are. `yes` and `no` are shares, the
    first without those of members who left. At `due_ms` (ms from the Unix epoch) its vote is over,
    or its grace, or it is removed. `paid_units` is what was paid in the end."""

    proposer: AccountId
    to: AccountId
    units: PositiveAmount
    memo: Memo
    shares: PositiveAmount
    yes: Amount
    no: Amount
    status: Status
    due_ms: Counter
    paid_units: Amount


@record("fund.due")
class Due(Record):
    """Lists a proposal by when something becomes of it."""


NUMBERING: Table[Numbering] = fund.table(Numbering)
FUNDS: Table[Fund, int] = fund.table(Fund, fund=Counter)
MEMBERS: Table[Member, int, bytes] = fund.table(Member, fund=Counter, account=AccountId)
JOINED: Table[Joined, bytes, int] = fund.table(Joined, account=AccountId, fund=Counter)
PROPOSALS: Table[Proposal, int, int] = fund.table(Proposal, fund=Counter, proposal=Counter)
DUE: Table[Due, int, int, int] = fund.table(Due, due_ms=Counter, fund=Counter, proposal=Counter)
AGENDA: Agenda[int, int] = Agenda(DUE, Due())

UNKNOWN_FUND = fund.error("unknown-fund", "There is no such fund, or it is wound up.")
UNKNOWN_PROPOSAL = fund.error("unknown-proposal", "The fund has no such proposal.")
NOT_A_MEMBER = fund.error("not-a-member", "The account has no shares of the fund.")
GATHERING = fund.error("gathering", "The fund still takes contributions.")


def fund_row(view: View, number: int) -> Fund:
    """The fund; raises ActionFailed (`fund`) if there is none."""
    row = FUNDS.get(view, number)
    if row is None:
        raise UNKNOWN_FUND.failed(f"there is no fund {number}, or it is wound up", field="fund")
    return row


def gathered_row(view: View, number: int, now_ms: int) -> Fund:
    """The fund; raises ActionFailed (`fund`) if there is none, or it takes contributions still."""
    row = fund_row(view, number)
    if now_ms < row.terms.until_ms:
        raise GATHERING.failed(f"it does until {row.terms.until_ms} ms", field="fund")
    return row


def member_row(view: View, number: int, account: bytes) -> Member:
    """A fund's member; raises ActionFailed (`fund`) if the account is none."""
    row = MEMBERS.get(view, number, account)
    if row is None:
        raise NOT_A_MEMBER.failed(field="fund")
    return row


def proposal_row(view: View, number: int, proposal: int) -> Proposal:
    """A fund's proposal; raises ActionFailed (`proposal`) if there is none."""
    row = PROPOSALS.get(view, number, proposal)
    if row is None:
        raise UNKNOWN_PROPOSAL.failed(f"fund {number} has no proposal {proposal}", field="proposal")
    return row


def put_proposal(state: State, number: int, proposal: int, row: Proposal) -> None:
    """Write a proposal that is not on the agenda, and list it."""
    PROPOSALS.put(state, row, number, proposal)
    AGENDA.add(state, row.due_ms, number, proposal)
