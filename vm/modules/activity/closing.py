"""Closing: a day's index sets the reward pool, and what nobody has claimed in time goes (T8).

The pool is floor(base x elasticity), and no more than the fund holds: elasticity is the day's index
over the mean of the days before it (seven at most, those with blocks), between lo and hi, and 1
while that mean is 0.
"""

from collections.abc import Sequence

from consensus.kinds import Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.activity.tables import (
    ACCOUNTS,
    AGENDA,
    CURRENT,
    DAYS,
    KEEP_DAYS,
    MEAN_DAYS,
    NO_TOTALS,
    RULES,
    Current,
    Day,
    ElasticityPpm,
    Indicators,
    Kinds,
    Outcome,
    Rules,
    SharePpm,
    Totals,
    activity,
)
from vm.modules.chain import chain_constants
from vm.modules.economy import begins_day, days_with_blocks, today
from vm.modules.poc import POOL_POT as POC_POOL_POT
from vm.modules.tokens import CommunityPot, PositiveAmount, drain_pot, fill_pot, pot_of
from vm.parameter import PARTS_PER_MILLION
from vm.view import State, View

POA_POOL_POT = "poa.pool"
SWEPT_A_BLOCK = 64  # accounts' rows; the rest goes in the blocks that follow
AT_ONCE = 0  # a time for the agenda, so that a day that is on it already is not on it twice
LAPSED_A_DAY = 2  # more than one day is closed in a day, so that none is left over

LO_ABOVE_HI = activity.error("lo-above-hi", "The least elasticity is above the greatest.")


@activity.event
@record("activity.rules_set")
class RulesSet(Record):
    """The reward pool follows from activity by these rules from now on."""

    rules: Rules


@activity.event
@record("activity.day_closed")
class DayClosed(Record):
    """A day is over: how active it was, and the reward pool that it made."""

    day: Counter
    active_accounts: Counter
    index: Amount
    pool: Amount
    for_poa: Amount


@activity.action(gas=5_000, governed=True)
@record("activity.set_rules")
class SetRules(Action):
    """Make a reward pool of the incentive fund each day, as large as the day was active, for proof
    of activity and of contribution (T8). The day that is not over goes by these rules, too, but
    what was done weighs what it did."""

    fund: CommunityPot
    base_units: PositiveAmount
    lo_ppm: ElasticityPpm
    hi_ppm: ElasticityPpm
    poa_ppm: SharePpm
    kinds: Kinds
    indicators: Indicators

    @property
    def subject(self) -> str:
        return self.fund

    def in_words(self) -> str:
        return (
            f"make a reward pool of {self.base_units} units of the pot {self.fund} each day, times "
            f"{self.lo_ppm} to {self.hi_ppm} ppm as the day was active, {self.poa_ppm} ppm of it "
            "for proof of activity"
        )

    def apply(self, context: Context) -> None:
        state = context.state
        if self.lo_ppm > self.hi_ppm:
            raise LO_ABOVE_HI.failed(field="lo_ppm")
        rules = Rules(
            self.fund,
            self.base_units,
            self.lo_ppm,
            self.hi_ppm,
            self.poa_ppm,
            self.kinds,
            self.indicators,
        )
        RULES.put(state, rules)
        if CURRENT.get(state) is None:
            _open(state, Current(today(state), context.block.height, None, ()))
        context.emit(RulesSet(rules))


@activity.begin_block
def go_on(context: Context) -> None:
    """Close the day that is over, in the first block of the next one; and in each block remove some
    rows of days of which nothing can be claimed any more."""
    if begins_day(context):
        _close_day(context)
        _list_lapsed(context)
    state = context.state
    for _, day in AGENDA.take(state, context.block.time_ms, limit=1):
        rows = [key for key, _ in ACCOUNTS.scan(state, day, limit=SWEPT_A_BLOCK)]
        for key in rows:
            ACCOUNTS.delete(state, *key)
        if len(rows) < SWEPT_A_BLOCK:
            DAYS.delete(state, day)
        else:
            AGENDA.add(state, AT_ONCE, day)


def index_of(indicators: Indicators, totals: Totals) -> int:
    """The index of a day's totals: what each indicator is, times its weight (T8). Averages are
    rounded down; that of plays is in thousandths."""
    counts, accounts = totals.counts, totals.accounts
    return (
        indicators.active_accounts * totals.active_accounts
        + indicators.posts * counts.post
        + indicators.post_accounts * accounts.post
        + indicators.plays * counts.play
        + indicators.play_accounts * accounts.play
        + indicators.likes * counts.like
        + indicators.like_accounts * accounts.like
        + indicators.comments * counts.comment
        + indicators.comment_accounts * accounts.comment
        + indicators.average_plays * (1000 * counts.play // max(accounts.play, 1))
        + indicators.average_online_s * (totals.online_s // max(totals.online_accounts, 1))
        + indicators.peak_viewers * totals.peak_viewers
    )


def pool_of(rules: Rules, index: int, before: Sequence[int]) -> int:
    """floor(base x elasticity) for a day's index, after days of these indexes (T8)."""
    mean_sum, days = sum(before), len(before)
    if not mean_sum:
        return rules.base_units
    over = index * days * PARTS_PER_MILLION  # compared with mean_sum x ppm: nothing is rounded
    if over <= rules.lo_ppm * mean_sum:
        return rules.base_units * rules.lo_ppm // PARTS_PER_MILLION
    if over >= rules.hi_ppm * mean_sum:
        return rules.base_units * rules.hi_ppm // PARTS_PER_MILLION
    return rules.base_units * index * days // mean_sum


def payable_of(view: View, rules: Rules, index: int, before: Sequence[int]) -> int:
    """The pool that a day of this index makes: what the fund holds at most."""
    held = pot_of(view, rules.fund, chain_constants(view).native_asset)
    return min(pool_of(rules, index, before), held)


def closed_now(context: Context) -> int | None:
    """The day that was closed in this block; None: none was."""
    current = CURRENT.get(context.state)
    if current is None or current.height != context.block.height or not begins_day(context):
        return None
    return current.closed


def _close_day(context: Context) -> None:
    state, rules, current = context.state, RULES.get(context.state), CURRENT.get(context.state)
    if rules is None or current is None or current.day >= today(state):
        return
    row = DAYS.get(state, current.day)
    totals = NO_TOTALS if row is None else row.totals
    index = index_of(rules.indicators, totals)
    pool = payable_of(state, rules, index, current.indexes)
    for_poa = pool * rules.poa_ppm // PARTS_PER_MILLION
    native = chain_constants(state).native_asset
    drain_pot(state, rules.fund, native, pool)
    fill_pot(state, POA_POOL_POT, native, for_poa)
    fill_pot(state, POC_POOL_POT, native, pool - for_poa)
    lapses_on = days_with_blocks(state) + KEEP_DAYS.read(state)
    DAYS.put(state, Day(totals, Outcome(index, pool, for_poa, lapses_on)), current.day)
    indexes = (*current.indexes, index)[-MEAN_DAYS:]
    _open(state, Current(today(state), context.block.height, current.day, indexes))
    context.emit(DayClosed(current.day, totals.active_accounts, index, pool, for_poa))


def _open(state: State, current: Current) -> None:
    CURRENT.put(state, current)
    DAYS.put(state, Day(NO_TOTALS, None), current.day)


def _list_lapsed(context: Context) -> None:
    """List the days of which nothing can be claimed any more; the oldest are looked at."""
    state, now = context.state, days_with_blocks(context.state)
    for (day,), row in list(DAYS.scan(state, limit=LAPSED_A_DAY)):
        if row.outcome is not None and row.outcome.lapses_on <= now:
            AGENDA.add(state, AT_ONCE, day)
