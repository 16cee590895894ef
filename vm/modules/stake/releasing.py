"""Releasing: what was unbonded is held back for the chain's unbonding time, then given back."""

from consensus.kinds import AccountId, Amount
from consensus.record import Record, record
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.stake.tables import (
    AGENDA,
    MOST_RELEASES,
    UNBONDING,
    UNBONDING_POT,
    Release,
    Unbonding,
    stake,
)
from vm.modules.tokens import credit, drain_pot, fill_pot
from vm.view import State, View

RELEASES_A_BLOCK = 512  # the rest is given back in the blocks that follow

TOO_MANY_RELEASES = stake.error(
    "too-many-releases", "So many amounts are coming back to the account: wait for the next."
)


@stake.event
@record("stake.released")
class Released(Record):
    """An account has an amount back that it had unbonded."""

    account: AccountId
    amount: Amount


def releases_of(view: View, account: bytes) -> tuple[Release, ...]:
    """What comes back to an account, the earliest first."""
    row = UNBONDING.get(view, account)
    return () if row is None else row.releases


def hold_back(context: Context, account: bytes, amount: int) -> int:
    """Keep an amount, taken elsewhere, until the unbonding time is over; when that is (ms from
    the Unix epoch). Raises ActionFailed if the account waits for too many."""
    state, constants = context.state, chain_constants(context.state)
    releases = releases_of(state, account)
    if len(releases) == MOST_RELEASES:
        raise TOO_MANY_RELEASES.failed(f"{MOST_RELEASES} amounts are coming back already")
    time_ms = context.block.time_ms + 1000 * constants.unbonding_s
    units = amount
    if releases and releases[-1].time_ms == time_ms:
        units += releases[-1].units
        releases = releases[:-1]
    UNBONDING.put(state, Unbonding((*releases, Release(time_ms, units))), account)
    AGENDA.add(state, time_ms, account)
    fill_pot(state, UNBONDING_POT, constants.native_asset, amount)
    return time_ms


@stake.begin_block
def release_due(context: Context) -> None:
    """Give back what is due at this block's time, a bounded number of releases a block."""
    due = AGENDA.take(context.state, context.block.time_ms, limit=RELEASES_A_BLOCK)
    for time_ms, account in due:
        _release(context, time_ms, account)


def _release(context: Context, time_ms: int, account: bytes) -> None:
    state, asset = context.state, chain_constants(context.state).native_asset
    first, *rest = releases_of(state, account)
    if first.time_ms != time_ms:
        raise RuntimeError(f"{account.hex()} is listed and gets nothing back at {time_ms}")
    put_releases(state, account, rest)
    drain_pot(state, UNBONDING_POT, asset, first.units)
    credit(state, account, asset, first.units)
    context.emit(Released(account, first.units))


def put_releases(state: State, account: bytes, releases: list[Release]) -> None:
    """Write what comes back to an account; what is due is the caller's to list."""
    if releases:
        UNBONDING.put(state, Unbonding(tuple(releases)), account)
    else:
        UNBONDING.delete(state, account)
