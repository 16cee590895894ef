"""Sharing: what a day that is over has earned (T8).

For a team: if the sum V of all roots isqrt(e x 10^12) reaches V*, each of the N who were active
gets floor(pool / N), else nobody anything. In proportion: each gets floor(pool x root / V). What
is not shared stays in the pool for the next day.
"""

from consensus.codec import UINT64_MAX
from consensus.kinds import Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.modules.activity import DAYS as ACTIVITY_DAYS
from vm.modules.activity import POA_POOL_POT, Totals, closed_now
from vm.modules.chain import chain_constants
from vm.modules.economy import begins_day, days_with_blocks
from vm.modules.poa.tables import DAYS, IS_TEAM, OWED_POT, TARGET, TARGET_EACH, Day, poa
from vm.modules.tokens import drain_pot, fill_pot, pot_of
from vm.view import View

LAPSED_A_DAY = 2  # more than one day is shared in a day, so that none is left over


@poa.event
@record("poa.shared")
class Shared(Record):
    """A day's reward is shared by all who were active: so many units, of what was in the pool. None
    are if a team has missed its target, or if nobody was active."""

    day: Counter
    active_accounts: Counter
    roots: Amount
    target: Amount
    units: Amount
    pool: Amount


@poa.event
@record("poa.lapsed")
class Lapsed(Record):
    """What nobody has claimed of a day in time is in the pool again."""

    day: Counter
    units: Amount


@poa.begin_block
def share_day(context: Context) -> None:
    """Share what the day earned that was closed in this block, and take back what has lapsed."""
    if not begins_day(context):
        return
    _take_back(context)
    closed = closed_now(context)
    row = None if closed is None else ACTIVITY_DAYS.get(context.state, closed)
    if closed is None or row is None or row.outcome is None:
        return
    state, native = context.state, chain_constants(context.state).native_asset
    pool = pot_of(state, POA_POOL_POT, native)
    units, shares = shared_of(state, row.totals, pool)
    if units:
        drain_pot(state, POA_POOL_POT, native, units)
        fill_pot(state, OWED_POT, native, units)
        is_team = bool(IS_TEAM.read(state))
        DAYS.put(state, Day(units, is_team, shares, units, row.outcome.lapses_on), closed)
    totals = row.totals
    found = (totals.active_accounts, totals.roots, target_of(state, totals))
    context.emit(Shared(closed, *found, units, pool))


def target_of(view: View, totals: Totals) -> int:
    """V*, which the sum of roots of a day must reach (millionths); 0 where it need not."""
    if not IS_TEAM.read(view):
        return 0
    return min(TARGET.read(view) + TARGET_EACH.read(view) * totals.active_accounts, UINT64_MAX)


def shared_of(view: View, totals: Totals, pool: int) -> tuple[int, int]:
    """How many units of a pool are shared for a day of these totals, in how many shares."""
    if not totals.active_accounts or totals.roots < target_of(view, totals):
        return 0, 0
    if not IS_TEAM.read(view):
        return pool, totals.roots
    each = pool // totals.active_accounts
    return each * totals.active_accounts, totals.active_accounts


def _take_back(context: Context) -> None:
    state, now = context.state, days_with_blocks(context.state)
    native = chain_constants(state).native_asset
    for (day,), row in list(DAYS.scan(state, limit=LAPSED_A_DAY)):
        if row.lapses_on <= now:
            drain_pot(state, OWED_POT, native, row.owed)
            fill_pot(state, POA_POOL_POT, native, row.owed)
            DAYS.delete(state, day)
            context.emit(Lapsed(day, row.owed))
