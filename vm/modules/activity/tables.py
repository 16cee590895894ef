"""The module `activity`: its rows, and what must hold between them.

Sums are kept as things happen, so that the end of a day costs the same however many were active.
"""

from collections.abc import Iterator
from math import isqrt
from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Uint
from consensus.record import AtMost, Record, part, record, replace
from vm.declare import Module
from vm.modules.account import HandleName
from vm.modules.activity_kind import ActivityKind
from vm.modules.agenda import Agenda
from vm.modules.tokens import CommunityPot, PositiveAmount
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

activity = Module(
    "activity",
    "What persons do each day, the index that follows from it, and the reward pool that this sets.",
)

MEAN_DAYS = 7
MOST_WEIGHT_PPM = 10**8
MOST_A_DAY = 1_000
MOST_INDICATOR_WEIGHT = 10_000
MOST_VIEWERS = 10**9
MOST_ELASTICITY_PPM = 10 * PARTS_PER_MILLION
MOST_CREATORS = 32

if len(ActivityKind) * MOST_WEIGHT_PPM * MOST_A_DAY * PARTS_PER_MILLION >= 2**64:
    raise ValueError("what an account's day weighs must fit 64 bits, its millionths too")

KEEP_DAYS = activity.parameter(
    "keep_days",
    default=30,
    minimum=1,
    maximum=366,
    unit="days",
    sentence="For how many days with blocks what a day has earned can be claimed (T8).",
)
MOST_ONLINE_S = activity.parameter(
    "most_online_s",
    default=28_800,
    minimum=0,
    maximum=86_400,
    unit="s",
    sentence="How much of an account's time online counts in a day (T8).",
)
CREATOR_PPM = activity.parameter(
    "creator_ppm",
    default=200_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="What a video's owner gets of the proof-of-activity reward earned at it, where its "
    "space says nothing (T8).",
)
MOST_CREATOR_PPM = activity.parameter(
    "most_creator_ppm",
    default=500_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The most that a video's owner can get of the proof-of-activity reward earned at it "
    "(T8).",
)

IndicatorWeight = Annotated[int, Uint(MOST_INDICATOR_WEIGHT)]
ElasticityPpm = Annotated[int, Uint(MOST_ELASTICITY_PPM)]
SharePpm = Annotated[int, Uint(PARTS_PER_MILLION)]
EPpm = Annotated[int, Uint(len(ActivityKind) * MOST_WEIGHT_PPM * MOST_A_DAY)]


@part
class Valid(Record):
    """How activities of a kind count: what each weighs (millionths), and how many of an account
    count in a day. If one of these is 0, none does."""

    weight_ppm: Annotated[int, Uint(MOST_WEIGHT_PPM)]
    most_a_day: Annotated[int, Uint(MOST_A_DAY)]


@part
class Kinds(Record):
    """How activities of each kind count."""

    post: Valid
    play: Valid
    like: Valid
    comment: Valid
    payment: Valid
    share: Valid

    def of(self, kind: ActivityKind) -> Valid:
        """How those of one kind count."""
        found = (self.post, self.play, self.like, self.comment, self.payment, self.share)
        return found[list(ActivityKind).index(kind)]


@part
class Indicators(Record):
    """What each indicator weighs in the index: accounts that were active; how many posts, plays,
    likes and comments, and of how many accounts; plays for each account that played (thousandths),
    seconds online for each account that was; and the most viewers at one time that a room
    reported."""

    active_accounts: IndicatorWeight
    posts: IndicatorWeight
    post_accounts: IndicatorWeight
    plays: IndicatorWeight
    play_accounts: IndicatorWeight
    likes: IndicatorWeight
    like_accounts: IndicatorWeight
    comments: IndicatorWeight
    comment_accounts: IndicatorWeight
    average_plays: IndicatorWeight
    average_online_s: IndicatorWeight
    peak_viewers: IndicatorWeight


@record("activity.rules")
class Rules(Record):
    """Which pot is the incentive fund, how much of it makes a day's reward pool while activity
    stays the same, between which factors that moves with activity, what part of it is for proof of
    activity (the rest is for proof of contribution), and what counts how much."""

    fund: CommunityPot
    base_units: PositiveAmount
    lo_ppm: ElasticityPpm
    hi_ppm: ElasticityPpm
    poa_ppm: SharePpm
    kinds: Kinds
    indicators: Indicators


@part
class Counts(Record):
    """A number for each kind of activity."""

    post: Counter
    play: Counter
    like: Counter
    comment: Counter
    payment: Counter
    share: Counter

    def of(self, kind: ActivityKind) -> int:
        """That of one kind."""
        found = (self.post, self.play, self.like, self.comment, self.payment, self.share)
        return found[list(ActivityKind).index(kind)]

    def plus_one(self, kind: ActivityKind) -> "Counts":
        """One more of a kind."""
        return replace(self, **{kind.value: self.of(kind) + 1})


NO_COUNTS = Counts(0, 0, 0, 0, 0, 0)


@part
class Totals(Record):
    """What counted of all on a day: how many accounts were active, how often each kind was done and
    by how many accounts; how many were online and for how long together; the most viewers at one
    time; and the sum of all roots (`root_of`)."""

    active_accounts: Counter
    counts: Counts
    accounts: Counts
    online_accounts: Counter
    online_s: Counter
    peak_viewers: Counter
    roots: Amount


NO_TOTALS = Totals(0, NO_COUNTS, NO_COUNTS, 0, 0, 0, 0)


@part
class Outcome(Record):
    """What a day that is over came to: its index; the reward pool, of which so much was for proof
    of activity; and how many days there have been with blocks when nothing of it can be claimed
    any more."""

    index: Amount
    pool: Amount
    for_poa: Amount
    lapses_on: Counter


@record("activity.day")
class Day(Record):
    """A day's totals, and what it came to; null: it is not over."""

    totals: Totals
    outcome: Outcome | None


@record("activity.current")
class Current(Record):
    """The day that is being counted, the height of the block that began to, the day that this
    closed (null: none), and the indexes of the newest days that are over, the newest last."""

    day: Counter
    height: Counter
    closed: Counter | None
    indexes: Annotated[tuple[Amount, ...], AtMost(MEAN_DAYS)]


@part
class Due(Record):
    """What is due to a creator of an account's reward: the sum of the weights of what was done at
    its videos (millionths) times its part (millionths)."""

    creator: AccountId
    parts: Amount


@record("activity.account")
class Done(Record):
    """What counted of an account on a day: how often it did each kind, how long it was online, what
    that weighs (e, in millionths), and what is due to creators of what it earns."""

    counts: Counts
    online_s: Counter
    e_ppm: EPpm
    dues: Annotated[tuple[Due, ...], AtMost(MOST_CREATORS)]


NOTHING_DONE = Done(NO_COUNTS, 0, 0, ())


@record("activity.division")
class Division(Record):
    """What the owner of a space gets of the proof-of-activity reward earned at videos in it."""

    creator_ppm: SharePpm


@record("activity.sweep")
class Sweep(Record):
    """Lists a day of which nothing can be claimed any more: its rows go, some in each block."""


RULES: Table[Rules] = activity.table(Rules)
CURRENT: Table[Current] = activity.table(Current)
DAYS: Table[Day, int] = activity.table(Day, day=Counter)
ACCOUNTS: Table[Done, int, bytes] = activity.table(Done, day=Counter, account=AccountId)
DIVISIONS: Table[Division, str] = activity.table(Division, space=HandleName)
SWEEPS: Table[Sweep, int, int] = activity.table(Sweep, time_ms=Counter, day=Counter)
AGENDA: Agenda[int] = Agenda(SWEEPS, Sweep())


def root_of(e_ppm: int) -> int:
    """isqrt(e x 10^12) for an e in millionths: its square root in millionths, rounded down (T8)."""
    return isqrt(e_ppm * PARTS_PER_MILLION)


def totals_of(view: View, day: int) -> Totals:
    """What has counted on a day."""
    row = DAYS.get(view, day)
    return NO_TOTALS if row is None else row.totals


@activity.invariant
def totals_agree(view: View) -> Iterator[str]:
    """The totals of the day that is being counted are those of its accounts, and no row is of a day
    that is not known."""
    current = CURRENT.get(view)
    days = {day for (day,), _ in DAYS.every(view)}
    for (day, account), done in ACCOUNTS.every(view):
        if day not in days:
            yield f"{account.hex()} has done something on the day {day}, which is gone"
        if sum(due.parts for due in done.dues) > done.e_ppm * PARTS_PER_MILLION:
            yield f"{account.hex()} owes more than it earns on the day {day}"
    if current is None:
        return
    rows = [done for _, done in ACCOUNTS.every(view, current.day)]
    totals = totals_of(view, current.day)
    found = (
        sum(done.e_ppm > 0 for done in rows),
        sum(root_of(done.e_ppm) for done in rows),
        sum(done.online_s for done in rows),
        {kind: sum(done.counts.of(kind) for done in rows) for kind in ActivityKind},
        {kind: sum(done.counts.of(kind) > 0 for done in rows) for kind in ActivityKind},
    )
    told = (
        totals.active_accounts,
        totals.roots,
        totals.online_s,
        {kind: totals.counts.of(kind) for kind in ActivityKind},
        {kind: totals.accounts.of(kind) for kind in ActivityKind},
    )
    if found != told:
        yield f"accounts have {found} on the day {current.day}, its totals say {told}"


@activity.invariant
def sweeps_are_of_days(view: View) -> Iterator[str]:
    """The list is as it must be, and each day on it is over."""
    listed = {key for key, _ in SWEEPS.every(view)}
    yield from AGENDA.disagreements(view, {(time_ms, day) for time_ms, day in listed})
    for _, day in listed:
        row = DAYS.get(view, day)
        if row is None or row.outcome is None:
            yield f"the day {day} is listed to be swept, and not over"
