"""Noting what a day's release follows from: fees paid, and what accounts take part in (P2)."""

from consensus.record import replace
from vm.context import Context
from vm.modules.personhood import is_person
from vm.modules.rebate.releasing import open_day
from vm.modules.rebate.settling import settle
from vm.modules.rebate.tables import (
    ACCRUALS,
    MOST_SUM,
    NOTHING,
    RULES,
    TODAY,
    Accrual,
    Rules,
    Sums,
)

CALL, COMMENT, RATING = "call", "comment", "rating"


def note_fee(context: Context, *, payer: bytes, provider: bytes, asset: str, fee: int) -> None:
    """Count a platform's fee for its payer and the provider who earned it. Only the fee counts, not
    what was paid: else calling oneself would pay (P2)."""
    rules = RULES.get(context.state)
    if rules is None or asset != rules.quote or not fee:
        return
    _add(context, payer, Sums(fee, 0, 0))
    _add(context, provider, Sums(0, fee, 0))


def note_activity(context: Context, account: bytes, activity: str) -> None:
    """Count that an account, if it is a person's, took part in something, for the day's release."""
    rules = RULES.get(context.state)
    if rules is None or not is_person(context.state, account):
        return
    units = _weight(rules, activity)
    row = _accrual(context, account)
    if units and row.activities < rules.weights.most_a_day:
        ACCRUALS.put(context.state, replace(row, activities=row.activities + 1), account)
        _add(context, account, Sums(0, 0, units))


def _weight(rules: Rules, activity: str) -> int:
    weights = rules.weights
    return {CALL: weights.call, COMMENT: weights.comment, RATING: weights.rating}[activity]


def _accrual(context: Context, account: bytes) -> Accrual:
    """The account's row of today, after an earlier day's is settled."""
    settle(context, account)
    row, day = ACCRUALS.get(context.state, account), open_day(context.state).day
    return row if row is not None and row.day == day else Accrual(day, NOTHING, 0)


def _add(context: Context, account: bytes, sums: Sums) -> None:
    """Count this of the account, unless the day has counted as much as it can."""
    state, row, total = context.state, _accrual(context, account), open_day(context.state)
    day = total.sums.plus(sums)
    if max(day.paid, day.earned, day.activity) > MOST_SUM:
        return
    ACCRUALS.put(state, replace(row, sums=row.sums.plus(sums)), account)
    TODAY.put(state, replace(total, sums=day))
