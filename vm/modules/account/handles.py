"""Handles: names of accounts that people can remember, paid for so that nobody hoards them.

A handle is not passed on: its account gives it up, and after a while anyone may claim it. So a
name that others trust is never sold together with that trust.
"""

from collections.abc import Iterator
from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter, Text
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.account.tables import account
from vm.modules.chain import chain_constants
from vm.modules.tokens import count_burned, debit
from vm.table import Table
from vm.view import View

LEAST_LETTERS, MOST_LETTERS = 3, 32
MOST_HOLD_S = 366 * 24 * 3600  # its end fits the integers of blocks, as that of a recovery
HANDLE_PATTERN = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
HANDLE_TEXT = Text(MOST_LETTERS, LEAST_LETTERS, HANDLE_PATTERN)
HandleName = Annotated[str, HANDLE_TEXT]

HANDLE_FEE = account.parameter(
    "handle_fee_units",
    default=100_000_000,
    minimum=0,
    maximum=10**15,
    unit="native units",
    sentence="What a long handle costs, burned.",
)
LONG_HANDLE = account.parameter(
    "long_handle_letters",
    default=8,
    minimum=LEAST_LETTERS,
    maximum=MOST_LETTERS,
    unit="letters",
    sentence="From how many letters on a handle is long.",
)
SHORT_FACTOR = account.parameter(
    "short_handle_factor",
    default=4,
    minimum=1,
    maximum=10,
    unit="times",
    sentence="How many times as much a handle costs for each letter that it lacks to be long.",
)
HANDLE_HOLD = account.parameter(
    "handle_hold_s",
    default=30 * 24 * 3600,
    minimum=0,
    maximum=MOST_HOLD_S,
    unit="seconds",
    sentence="How long a handle that was given up is held back from all but who had it.",
)


@record("account.handle")
class Handle(Record):
    """A handle's account; or the one that gave it up, with the time from which on others may
    claim it (ms from the Unix epoch)."""

    account: AccountId
    free_ms: Counter | None


@record("account.named")
class Named(Record):
    """The handle that an account has."""

    handle: HandleName


HANDLES: Table[Handle, str] = account.table(Handle, handle=HandleName)
NAMED: Table[Named, bytes] = account.table(Named, account=AccountId)

HANDLE_TAKEN = account.error("handle-taken", "Another account has this handle.")
HANDLE_HELD = account.error("handle-held-back", "The handle was given up not long ago.")
HAS_HANDLE = account.error("has-handle", "The account has a handle: it has to release it first.")
NO_HANDLE = account.error("no-handle", "The account has no handle.")


@account.event
@record("account.handle_claimed")
class HandleClaimed(Record):
    """An account has a handle, for which it burned a fee."""

    account: AccountId
    handle: HandleName
    burned: Amount


@account.event
@record("account.handle_released")
class HandleReleased(Record):
    """An account gave its handle up: others may claim it from a time on (ms from the Unix
    epoch)."""

    account: AccountId
    handle: HandleName
    free_ms: Counter


@account.action(gas=12_000)
@record("account.claim_handle")
class ClaimHandle(Action):
    """Take a handle that no account has. Its fee, the higher the shorter it is, is burned
    (T1)."""

    handle: HandleName

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        _check_free(context, self.handle)
        if NAMED.get(state, sender) is not None:
            raise HAS_HANDLE.failed()
        fee, asset = handle_fee(state, self.handle), chain_constants(state).native_asset
        debit(state, sender, asset, fee)
        count_burned(state, asset, fee)
        HANDLES.put(state, Handle(sender, None), self.handle)
        NAMED.put(state, Named(self.handle), sender)
        context.emit(HandleClaimed(sender, self.handle, fee))


@account.action(gas=6_000)
@record("account.release_handle")
class ReleaseHandle(Action):
    """Give the account's handle up. For a time only this account may claim it again."""

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        named = NAMED.get(state, sender)
        if named is None:
            raise NO_HANDLE.failed()
        free_ms = context.block.time_ms + 1000 * HANDLE_HOLD.read(state)
        NAMED.delete(state, sender)
        HANDLES.put(state, Handle(sender, free_ms), named.handle)
        context.emit(HandleReleased(sender, named.handle, free_ms))


def _check_free(context: Context, handle: str) -> None:
    held = HANDLES.get(context.state, handle)
    if held is None:
        return
    if held.free_ms is None:
        raise HANDLE_TAKEN.failed(field="handle")
    if held.account != context.sender and context.block.time_ms < held.free_ms:
        raise HANDLE_HELD.failed(field="handle")


def handle_fee(view: View, handle: str) -> int:
    """What a handle costs in the native asset's units: the base fee, times a factor for each letter
    that it lacks; never more than can exist."""
    lacking = max(0, LONG_HANDLE.read(view) - len(handle))
    times: int = SHORT_FACTOR.read(view) ** lacking
    return min(HANDLE_FEE.read(view) * times, UINT64_MAX)


def handle_of(view: View, account_id: bytes) -> str | None:
    """The handle that an account has."""
    named = NAMED.get(view, account_id)
    return None if named is None else named.handle


def account_named(view: View, handle: str) -> bytes | None:
    """The account that has a handle; raises InvalidEncoding for a text that can be none."""
    row = HANDLES.get(view, handle)
    return None if row is None or row.free_ms is not None else row.account


@account.invariant
def handles_agree(view: View) -> Iterator[str]:
    """Each handle that is not given up is its account's one, and no account has another."""
    taken = {row.account: handle for (handle,), row in HANDLES.every(view) if row.free_ms is None}
    named = {owner: row.handle for (owner,), row in NAMED.every(view)}
    if taken != named:
        yield f"{len(set(taken.items()) ^ set(named.items()))} handles are not their accounts'"
    if len(taken) != sum(row.free_ms is None for _, row in HANDLES.every(view)):
        yield "an account has several handles"
