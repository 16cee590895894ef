"""What a node answers about activity and the rewards for it."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.activity import Day, Done, Rules, Totals
from vm.modules.poa import Day as SharedDay
from vm.modules.poc import Creator, Walk
from vm.modules.poc import Rules as PairingRules
from vm.modules.poc.tables import Coefficient


@part
class ActivityAnswer(Record):
    """By which rules activity counts, what has counted of the day that is not over, its index and
    the mean of the days before (rounded down; null: there was none), and the reward pool that it
    would make if it ended now. Of proof of activity what its pool holds, whether a team shares it,
    and the target that the sum of roots must reach then."""

    rules: Rules
    day: Counter
    totals: Totals
    index: Amount
    mean: Amount | None
    pool: Amount
    poa_pool: Amount
    is_team: bool
    target: Amount
    at: Place


@part
class ActivityDay(Record):
    """A day: what counted, what it came to if it is over, and what is shared of it by proof of
    activity (null: nothing, or no more)."""

    day: Counter
    row: Day
    shared: SharedDay | None


@part
class ActivityDaysAnswer(Record):
    """Days in order, as far as they are kept."""

    items: Annotated[tuple[ActivityDay, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class AccountDay(Record):
    """What an account did on a day, whether that is over, and what it can claim of it; and what its
    creators get then."""

    day: Counter
    done: Done
    is_over: bool
    units: Amount
    to_creators: Amount


@part
class AccountActivityAnswer(Record):
    """Whether an account counts as a person, the days of which it has claimed nothing, and what it
    has done and got as a creator (null: nothing)."""

    account: AccountId
    is_person: bool
    days: Annotated[tuple[AccountDay, ...], AtMost(MAX_PAGE)]
    creator: Creator | None
    at: Place


@part
class PairingAnswer(Record):
    """By which rules creators are paired, the day for which contributions count, how far the pairs
    of the day before are drawn (null: they all are), and what the pool holds."""

    rules: PairingRules
    day: Counter
    walk: Walk | None
    pool: Amount
    at: Place


@part
class StandingItem(Record):
    """A creator by rank, its coefficient and level, and its contribution of the day so far."""

    creator: AccountId
    day: Counter
    coefficient: Coefficient
    level: Counter
    contribution: Counter


@part
class StandingsAnswer(Record):
    """Creators by rank, those of a day whose pairs are not drawn yet first."""

    items: Annotated[tuple[StandingItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
