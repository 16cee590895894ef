"""Locking: bonded units that have voted on a proposal stay bonded until its vote closes (P5)."""

from vm.modules.stake.tables import BONDS, LOCKS, MOST_LOCKS, Lock, Locks, stake
from vm.view import State, View

LOCKED = stake.error("locked", "What has voted on a proposal stays bonded until the vote closes.")
TOO_MANY_LOCKS = stake.error(
    "too-many-locks",
    "The account's bond has voted on so many open proposals: wait for one to close.",
)


def bonded_by(view: View, account: bytes) -> int:
    """What an account has bonded."""
    row = BONDS.get(view, account)
    return 0 if row is None else row.units


def locked_of(view: View, account: bytes, now_ms: int) -> int:
    """How much of its bond an account cannot take out now."""
    row = LOCKS.get(view, account)
    return 0 if row is None else max((each.units for each in _alive(row, now_ms)), default=0)


def lock_bond(state: State, account: bytes, units: int, until_ms: int, now_ms: int) -> None:
    """Keep so many units of an account's bond bonded until a time; raises ActionFailed if it has
    too many locks. One that a longer lock of as much covers is forgotten."""
    row = LOCKS.get(state, account)
    kept = [
        each
        for each in (() if row is None else _alive(row, now_ms))
        if each.until_ms > until_ms or each.units > units
    ]
    if any(each.until_ms >= until_ms and each.units >= units for each in kept):
        return
    if len(kept) == MOST_LOCKS:
        raise TOO_MANY_LOCKS.failed(f"{MOST_LOCKS} locks at most")
    locks = sorted([*kept, Lock(until_ms, units)], key=lambda each: each.until_ms)
    LOCKS.put(state, Locks(tuple(locks)), account)


def _alive(row: Locks, now_ms: int) -> list[Lock]:
    return [each for each in row.locks if each.until_ms > now_ms]
