"""Releasing: what was unbonded is held back for the chain's unbonding time, then given back."""

from consensus.kinds import AccountId, Amount
from consensus.record import Record, record
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.stake.tables import (
    DUE,
    MOST_RELEASES,
    NEXT,
    UNBONDING,
    UNBONDING_POT,
    Due,
    Next,
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
    DUE.put(state, Due(), time_ms, account)
    fill_pot(state, UNBONDING_POT, constants.native_asset, amount)
    if NEXT.get(state) is None:  # no later release is ever due before this one
        NEXT.put(state, Next(time_ms))
    return time_ms


@stake.begin_block
def release_due(context: Context) -> None:
    """Give back what is due at this block's time, a bounded number of releases a block."""
    state, now_ms = context.state, context.block.time_ms
    earliest = NEXT.get(state)
    if earliest is None or earliest.time_ms > now_ms:
        return
    listed = [key for key, _ in DUE.scan(state, limit=RELEASES_A_BLOCK + 1)]
    due = [key for key in listed[:RELEASES_A_BLOCK] if key[0] <= now_ms]
    for time_ms, account in due:
        _release(context, time_ms, account)
    note_next(state, listed[len(due) :][:1])


def _release(context: Context, time_ms: int, account: bytes) -> None:
    state, asset = context.state, chain_constants(context.state).native_asset
    first, *rest = releases_of(state, account)
    if first.time_ms != time_ms:
        raise RuntimeError(f"{account.hex()} is listed and gets nothing back at {time_ms}")
    put_releases(state, account, rest)
    DUE.delete(state, time_ms, account)
    drain_pot(state, UNBONDING_POT, asset, first.units)
    credit(state, account, asset, first.units)
    context.emit(Released(account, first.units))


def put_releases(state: State, account: bytes, releases: list[Release]) -> None:
    """Write what comes back to an account; what is due is the caller's to list."""
    if releases:
        UNBONDING.put(state, Unbonding(tuple(releases)), account)
    else:
        UNBONDING.delete(state, account)


def note_next(state: State, first: list[tuple[int, bytes]]) -> None:
    """Note the time of the first that is listed, if one is."""
    if first:
        NEXT.put(state, Next(first[0][0]))
    else:
        NEXT.delete(state)
