"""Collecting: the platform's fee of a payment between users goes into the pot `revenue` (P4), and
counts as consumption (P2)."""

from consensus.codec import UINT64_MAX
from vm.context import Context
from vm.modules.economy import today
from vm.modules.rebate import note_fee
from vm.modules.revenue.tables import ACCOUNTS, DayAccount
from vm.modules.tokens import fill_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import State

REVENUE_POT = "revenue"
DAYS_KEPT = 400  # of closed accounts: a year and some
_MOST_DROPPED = 2  # for each account opened, so that old ones go faster than new ones come


def collect(
    context: Context, *, payer: bytes, provider: bytes, asset: str, gross: int, fee_ppm: int
) -> int:
    """Take the platform's fee, `fee_ppm` of `gross` rounded down, of what a payer pays a provider,
    and enter it in the day's account; returns the fee. `gross` was taken from the payer before;
    the caller gives the provider the rest. A fee of 0 is no entry."""
    fee = gross * fee_ppm // PARTS_PER_MILLION
    if fee:
        fill_pot(context.state, REVENUE_POT, asset, fee)
        _enter(context.state, asset, fee)
        note_fee(context, payer=payer, provider=provider, asset=asset, fee=fee)
    return fee


def _enter(state: State, asset: str, fee: int) -> None:
    day = today(state)
    row = ACCOUNTS.get(state, day, asset)
    if row is None:
        _drop_old(state, day)
        row = DayAccount(0, 0)
    fees = min(row.fees + fee, UINT64_MAX)
    ACCOUNTS.put(state, DayAccount(fees, row.payments + 1), day, asset)


def _drop_old(state: State, day: int) -> None:
    for key, _ in list(ACCOUNTS.scan(state, limit=_MOST_DROPPED)):
        if key[0] + DAYS_KEPT < day:
            ACCOUNTS.delete(state, *key)
