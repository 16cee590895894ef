"""Releasing: what was unbonded is held back for the chain's unbonding time, then given back."""

from consensus.kinds import AccountId, Amount
from consensus.record import Record, record
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.stake.tables import (
    DUE,
    NEXT,
    RELEASING,
    UNBONDING,
    Due,
    Next,
    Releasing,
    stake,
)
from vm.modules.tokens import credit, drain_pot, fill_pot
from vm.view import State

RELEASES_A_BLOCK = 64  # the rest is given back in the blocks that follow


@stake.event
@record("stake.released")
class Released(Record):
    """An account has an amount back that it had unbonded."""

    account: AccountId
    amount: Amount


def hold_back(context: Context, account: bytes, amount: int) -> int:
    """Keep an amount, taken elsewhere, until the unbonding time is over; when that is (ms from
    the Unix epoch)."""
    state, constants = context.state, chain_constants(context.state)
    time_ms = context.block.time_ms + 1000 * constants.unbonding_s
    row = RELEASING.get(state, account, time_ms)
    RELEASING.put(state, Releasing(amount + (row.units if row else 0)), account, time_ms)
    DUE.put(state, Due(), time_ms, account)
    fill_pot(state, UNBONDING, constants.native_asset, amount)
    earliest = NEXT.get(state)
    if earliest is None or time_ms < earliest.time_ms:
        NEXT.put(state, Next(time_ms))
    return time_ms


@stake.begin_block
def release_due(context: Context) -> None:
    """Give back what is due at this block's time, to a bounded number of accounts a block."""
    state, now_ms = context.state, context.block.time_ms
    earliest = NEXT.get(state)
    if earliest is None or earliest.time_ms > now_ms:
        return
    for (time_ms, account), _ in list(DUE.scan(state, limit=RELEASES_A_BLOCK)):
        if time_ms > now_ms:
            break
        _release(context, time_ms, account)


def release_less(state: State, account: bytes, time_ms: int, units: int) -> None:
    """Let so much less come back to an account at a time; the pot is the caller's to change."""
    row = RELEASING.get(state, account, time_ms)
    if row is None or row.units < units:
        raise RuntimeError(f"less than {units} comes back to {account.hex()} at {time_ms}")
    if row.units > units:
        RELEASING.put(state, Releasing(row.units - units), account, time_ms)
        return
    RELEASING.delete(state, account, time_ms)
    DUE.delete(state, time_ms, account)
    _note_next(state)


def _release(context: Context, time_ms: int, account: bytes) -> None:
    state, asset = context.state, chain_constants(context.state).native_asset
    row = RELEASING.get(state, account, time_ms)
    units = 0 if row is None else row.units
    release_less(state, account, time_ms, units)
    drain_pot(state, UNBONDING, asset, units)
    credit(state, account, asset, units)
    context.emit(Released(account, units))


def _note_next(state: State) -> None:
    first = next(iter(DUE.scan(state, limit=1)), None)
    if first is None:
        NEXT.delete(state)
    else:
        (time_ms, _), _ = first
        NEXT.put(state, Next(time_ms))
