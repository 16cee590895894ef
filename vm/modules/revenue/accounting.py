"""Accounting: fees go into the pot `revenue`, and the day's account says whence they came and what
became of them (P4)."""

from consensus.codec import UINT64_MAX
from consensus.record import replace
from vm.modules.economy import today
from vm.modules.revenue.tables import (
    ACCOUNTS,
    DAYS_KEPT,
    NO_ACCOUNT,
    REVENUE_POT,
    DayAccount,
    Income,
)
from vm.modules.tokens import fill_pot
from vm.view import State

_MOST_DROPPED = 2  # for each account opened, so that old ones go faster than new ones come


def take_in(state: State, *, source: str, asset: str, fee: int) -> None:
    """Put a fee, taken from its payer before, into the pot, and enter it in the day's account under
    the module that took it. A fee of 0 is no entry."""
    if not fee:
        return
    fill_pot(state, REVENUE_POT, asset, fee)
    account = _account(state, asset)
    income = {item.source: item for item in account.income}
    before = income.get(source, Income(source, 0, 0))
    income[source] = Income(source, _counted(before.fees + fee), before.payments + 1)
    ordered = tuple(income[name] for name in sorted(income))
    _put(state, asset, replace(account, income=ordered))


def note_passed_on(state: State, asset: str, *, to_holders: int, to_operations: int) -> None:
    """Enter what the pot has passed on in the day's account."""
    row = _account(state, asset)
    passed = (row.to_holders + to_holders, row.to_operations + to_operations)
    _put(state, asset, DayAccount(row.income, *map(_counted, passed)))


def _counted(units: int) -> int:
    """An account never stops a chain, whatever goes round in a day."""
    return min(units, UINT64_MAX)


def _account(state: State, asset: str) -> DayAccount:
    """Today's account, opened if it is not."""
    day = today(state)
    row = ACCOUNTS.get(state, day, asset)
    if row is None:
        _drop_old(state, day)
        return NO_ACCOUNT
    return row


def _put(state: State, asset: str, row: DayAccount) -> None:
    ACCOUNTS.put(state, row, today(state), asset)


def _drop_old(state: State, day: int) -> None:
    for key, _ in list(ACCOUNTS.scan(state, limit=_MOST_DROPPED)):
        if key[0] + DAYS_KEPT < day:
            ACCOUNTS.delete(state, *key)
