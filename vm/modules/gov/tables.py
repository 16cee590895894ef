"""The module `gov`: bodies, policies and proposals, and their rows."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Text, Uint
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part, record
from consensus.transaction import TaggedWire
from vm.declare import Module
from vm.modules.chain import MAX_UNBONDING_S
from vm.table import Table

gov = Module("gov", "Bodies that decide, the policies they decide by, and proposals.")

MAX_MEMBERS = 512
MAX_ALTERNATES = 16
MAX_STAGES = 4
MAX_SCOPES = 64
MAX_PROPOSED = 8
MAX_LIMIT = 10_000
MAX_SPAN_S = MAX_UNBONDING_S  # so that the end of a span that begins in any slot can be written

HOLDERS, SEATED, MEMBERS = "holders", "producers", "members"

BodyName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]*")]
PolicyName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]*")]
Scope = Annotated[str, Text(128, 3, r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*(:[A-Za-z0-9_.-]+)?")]
Percent = Annotated[int, Uint(100)]
Span = Annotated[int, Uint(MAX_SPAN_S)]
Title = Annotated[str, Text(100, 1, r"[^\n\t]+")]
Words = Annotated[str, Text(4_000)]


@record("gov.body")
class Body(Record):
    """Who decides together. `kind` holders: accounts, by the tokens that they have bonded;
    producers: those that hold a seat, one vote each; members: those admitted, one vote each.

    Of members: at most `cap`, never fewer than `least` by absence or dismissal; admitted from
    among the members of `drawn_from`, if that is named; for `term_s` seconds (0: for good). Who
    misses `misses` counted votes in a row (0: nobody) is out, and barred for `barred_s`; a vote
    counts if it was open for `window_s` or more, and once in such a time. Where `whole_window` is
    true, none is over before, unless all have voted (K7). Where `seats` is true, its members may
    stand for election as producers (`producer.by_appointment`: and nobody else).

    At most `alternates` wait to take the place of members who leave (0: nobody does), from among
    the members of `alternates_from`, if that is named. Where there can be some, a place that was
    left is theirs: nobody else is admitted to it (K5, K8).
    """

    kind: Annotated[str, Text(16, 1, f"{HOLDERS}|{SEATED}|{MEMBERS}")]
    cap: Annotated[int, Uint(MAX_MEMBERS)]
    least: Annotated[int, Uint(MAX_MEMBERS)]
    drawn_from: BodyName | None
    term_s: Span
    misses: Annotated[int, Uint(100)]
    window_s: Span
    barred_s: Span
    seats: bool
    whole_window: bool
    alternates: Annotated[int, Uint(MAX_ALTERNATES)]
    alternates_from: BodyName | None


@record("gov.census")
class Census(Record):
    """How many members a body has, when (ms from the Unix epoch) a vote was last counted in which
    they could be missing, and how many places wait for alternates."""

    size: Counter
    counted_ms: Counter
    vacant: Counter


@record("gov.member")
class Member(Record):
    """A member of a body: the height at which it was admitted, the end of its term (ms from the
    Unix epoch; 0: none), and how many counted votes it has missed in a row."""

    height: Counter
    until_ms: Counter
    missed: Counter


@record("gov.barred")
class Barred(Record):
    """Until when (ms from the Unix epoch) an account cannot be a member of a body again."""

    until_ms: Counter


@record("gov.alternates")
class Alternates(Record):
    """Who fills a body's vacancies, the next first."""

    accounts: Annotated[tuple[AccountId, ...], AtMost(MAX_ALTERNATES, 1)]


@part
class Stage(Record):
    """A vote of one body, open for `open_s` seconds. It passes with `percent` of yes: of the whole
    body as it was when the stage opened, or, where `of_votes` is true, of the votes for yes and no;
    and never without a single yes. It fails with less than `quorum` percent of the body voting, and
    is vetoed by `veto` percent of the body voting no (0: there is no veto)."""

    body: BodyName
    percent: Annotated[int, Uint(100, 1)]
    of_votes: bool
    quorum: Percent
    veto: Percent
    open_s: Annotated[int, Uint(MAX_SPAN_S, 1)]


@record("gov.policy")
class Policy(Record):
    """What proposals under it may do, and who must agree: the `stages` one after the other.
    `scopes` are types of governed actions, or `type:subject`; `proposers` the body whose members
    may propose (null: anybody), each for a `deposit` in native units. `revision` counts changes."""

    stages: Annotated[tuple[Stage, ...], AtMost(MAX_STAGES, 1)]
    scopes: Annotated[tuple[Scope, ...], AtMost(MAX_SCOPES)]
    proposers: BodyName | None
    deposit: Amount
    revision: Counter


@record("gov.limit")
class Limit(Record):
    """At most `most` actions are carried out under a policy in each span of `span_s` seconds,
    counted from the beginning of the chain; `used` were in the span number `span`."""

    most: Annotated[int, Uint(MAX_LIMIT, 1)]
    span_s: Annotated[int, Uint(MAX_SPAN_S, 1)]
    span: Counter
    used: Counter


OPEN = "open"
PASSED = "passed"  # and its actions are carried out
REJECTED = "rejected"
VETOED = "vetoed"
WITHDRAWN = "withdrawn"
FAILED = "failed"  # it passed, and an action failed: nothing is changed
VOID = "void"  # the policy or a body has changed since
Status = Annotated[str, Text(16, 1, "[a-z]+")]


@record("gov.proposal")
class Proposal(Record):
    """Governed actions that are carried out, all or none, in the block in which the last stage of
    the policy passes. `stage` is the one it is in or ended in; `code` the error that made it fail,
    or empty."""

    policy: PolicyName
    revision: Counter
    proposer: AccountId
    title: Title
    text: Words
    actions: Annotated[tuple[TaggedWire, ...], AtMost(MAX_PROPOSED, 1)]
    deposit: Amount
    height: Counter
    stage: Counter
    status: Status
    code: Annotated[str, Text(96)]


@record("gov.tally")
class Tally(Record):
    """A stage of a proposal: the height and time at which it opened, when it closes (ms from the
    Unix epoch), the size of its body at the opening, those who held the seats then (of producers),
    and the votes so far: members, or units of stake of holders."""

    height: Counter
    opened_ms: Counter
    closes_ms: Counter
    size: Amount
    seated: Annotated[tuple[AccountId, ...], AtMost(MAX_PRODUCERS)]
    yes: Amount
    no: Amount
    abstain: Amount

    @property
    def cast(self) -> int:
        """All votes so far."""
        return self.yes + self.no + self.abstain


YES, NO, ABSTAIN = "yes", "no", "abstain"
Choice = Annotated[str, Text(8, 1, f"{YES}|{NO}|{ABSTAIN}")]


@record("gov.ballot")
class Ballot(Record):
    """How an account voted in a stage, with what weight, and in which block."""

    choice: Choice
    weight: Amount
    height: Counter


@record("gov.counter")
class ProposalCounter(Record):
    """The number of the next proposal."""

    following: Counter


@record("gov.due")
class Due(Record):
    """Lists the open stages in the order of their closing."""


@record("gov.term")
class Term(Record):
    """Lists the members with a term in the order of its end."""


BODIES: Table[Body, str] = gov.table(Body, body=BodyName)
CENSUSES: Table[Census, str] = gov.table(Census, body=BodyName)
ROLL: Table[Member, str, bytes] = gov.table(Member, body=BodyName, account=AccountId)
BARRED: Table[Barred, str, bytes] = gov.table(Barred, body=BodyName, account=AccountId)
ALTERNATES: Table[Alternates, str] = gov.table(Alternates, body=BodyName)
POLICIES: Table[Policy, str] = gov.table(Policy, policy=PolicyName)
LIMITS: Table[Limit, str] = gov.table(Limit, policy=PolicyName)
PROPOSALS: Table[Proposal, int] = gov.table(Proposal, proposal=Counter)
TALLIES: Table[Tally, int, int] = gov.table(Tally, proposal=Counter, stage=Counter)
BALLOTS: Table[Ballot, int, int, bytes] = gov.table(
    Ballot, proposal=Counter, stage=Counter, account=AccountId
)
COUNTER: Table[ProposalCounter] = gov.table(ProposalCounter)
DUE: Table[Due, int, int] = gov.table(Due, time_ms=Counter, proposal=Counter)
TERMS: Table[Term, int, str, bytes] = gov.table(
    Term, time_ms=Counter, body=BodyName, account=AccountId
)
