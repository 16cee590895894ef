"""Recovery: another account may replace an account's authority, after a delay that leaves time to
cancel (docs/decisions/recovery-by-another-account.md).

Whatever weakens the recovery waits for the delay too, and ends when a recovery starts: so whoever
has the keys of an account cannot take it away from who watches it.
"""

from collections.abc import Iterator

from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.account.rotating import check_usable, put_authority
from vm.modules.account.tables import (
    MOST_DELAY_S,
    RECOVERIES,
    RECOVERING,
    Authority,
    Guard,
    GuardChange,
    Recovering,
    Recovery,
    account,
)
from vm.view import View

MIN_DELAY = account.parameter(
    "min_recovery_delay_s",
    default=24 * 3600,
    minimum=1,
    maximum=30 * 24 * 3600,
    unit="seconds",
    sentence="The shortest delay that an account may choose for its recovery.",
)
MAX_DELAY = account.parameter(
    "max_recovery_delay_s",
    default=90 * 24 * 3600,
    minimum=30 * 24 * 3600,
    maximum=MOST_DELAY_S,
    unit="seconds",
    sentence="The longest delay that an account may choose for its recovery.",
)


OWN_GUARD = account.error("own-guard", "An account cannot recover itself: name another.")
DELAY_BOUNDS = account.error("delay-out-of-bounds", "The chain allows no such recovery delay.")
UNCHANGED = account.error("recovery-unchanged", "The account's recovery is just this already.")
RUNNING = account.error("recovery-running", "A recovery runs: cancel it first, or let it end.")
NOT_RUNNING = account.error("no-recovery", "No recovery of this account runs.")
NOT_GUARD = account.error("not-recovery-account", "Another account, or none, may recover this one.")
NOT_YET = account.error("recovery-not-due", "The recovery's delay is not over.")
TOO_LATE = account.error("recovery-due", "The recovery's delay is over: it can only be finished.")
TOO_NEW = account.error(
    "authority-too-new",
    "The account's authority was replaced less than the delay before the recovery started, or "
    "since: it cannot cancel it.",
)


@account.event
@record("account.recovery_set")
class RecoverySet(Record):
    """Another guard (null: none) holds for an account from a time on (ms from the Unix epoch)."""

    account: AccountId
    guard: Guard | None
    from_ms: Counter


@account.event
@record("account.recovery_started")
class RecoveryStarted(Record):
    """A recovery of an account has started: it can be finished from a time on (ms from the Unix
    epoch), and cancelled until then."""

    account: AccountId
    authority: Authority
    from_ms: Counter


@account.event
@record("account.recovery_cancelled")
class RecoveryCancelled(Record):
    """A recovery of an account will not take place."""

    account: AccountId
    by: AccountId


@account.action(gas=5_000)
@record("account.set_recovery")
class SetRecovery(Action):
    """Name the account that may recover this one, and the delay; null: none. The first holds at
    once; what changes or ends one that holds does so when the delay that holds is over. To name
    the one that holds withdraws a change that waits."""

    guard: Guard | None

    def apply(self, context: Context) -> None:
        state, sender, now_ms = context.state, context.sender, context.block.time_ms
        if RECOVERING.get(state, sender) is not None:
            raise RUNNING.failed()
        self._check(context)
        row = RECOVERIES.get(state, sender)
        held = None if row is None else row.guard_at(now_ms)
        waits = row is not None and row.change is not None and row.change.from_ms > now_ms
        if self.guard == held and not waits:
            raise UNCHANGED.failed()
        if row is None or held is None:
            if self.guard is None:
                raise UNCHANGED.failed()
            RECOVERIES.put(state, Recovery(self.guard, None, 0), sender)
            from_ms = now_ms
        elif self.guard == held:
            RECOVERIES.put(state, replace(row, guard=held, change=None), sender)
            from_ms = now_ms
        else:
            from_ms = now_ms + held.delay_ms
            change = GuardChange(self.guard, from_ms)
            RECOVERIES.put(state, replace(row, guard=held, change=change), sender)
        context.emit(RecoverySet(sender, self.guard, from_ms))

    def _check(self, context: Context) -> None:
        if self.guard is None:
            return
        if self.guard.recovery_account == context.sender:
            raise OWN_GUARD.failed(field="guard.recovery_account")
        least, most = MIN_DELAY.read(context.state), MAX_DELAY.read(context.state)
        if not least <= self.guard.delay_s <= most:
            raise DELAY_BOUNDS.failed(f"{least} to {most} seconds", field="guard.delay_s")


@account.action(gas=10_000)
@record("account.start_recovery")
class StartRecovery(Action):
    """As an account's recovery account, start to give it this authority. A change of its guard
    that waits is dropped; a recovery that runs begins anew with this authority."""

    account: AccountId
    authority: Authority

    def apply(self, context: Context) -> None:
        row, guard = _guarded_by_sender(context, self.account)
        check_usable(self.authority)
        from_ms = context.block.time_ms + guard.delay_ms
        RECOVERIES.put(context.state, replace(row, guard=guard, change=None), self.account)
        RECOVERING.put(context.state, Recovering(self.authority, from_ms), self.account)
        context.emit(RecoveryStarted(self.account, self.authority, from_ms))


@account.action(gas=5_000)
@record("account.cancel_recovery")
class CancelRecovery(Action):
    """End a recovery that runs, before its delay is over: as the account itself, if its authority
    had stood for as long as the delay when the recovery started; or as its recovery account."""

    account: AccountId

    def apply(self, context: Context) -> None:
        state, running = context.state, _running(context, self.account)
        if context.sender == self.account:
            row = RECOVERIES.get(state, self.account)
            if row is None:
                raise RuntimeError(f"{self.account.hex()} is recovered and has no guard")
            started_ms = running.from_ms - row.guard.delay_ms
            if row.authority_ms and row.authority_ms + row.guard.delay_ms > started_ms:
                raise TOO_NEW.failed()
        else:
            _guarded_by_sender(context, self.account)
        if context.block.time_ms >= running.from_ms:
            raise TOO_LATE.failed()
        RECOVERING.delete(state, self.account)
        context.emit(RecoveryCancelled(self.account, context.sender))


@account.action(gas=12_000)
@record("account.finish_recovery")
class FinishRecovery(Action):
    """Give an account the authority of a recovery whose delay is over; anyone may."""

    account: AccountId

    def apply(self, context: Context) -> None:
        running = _running(context, self.account)
        if context.block.time_ms < running.from_ms:
            raise NOT_YET.failed()
        RECOVERING.delete(context.state, self.account)
        put_authority(context, self.account, running.authority)


def _running(context: Context, account_id: bytes) -> Recovering:
    running = RECOVERING.get(context.state, account_id)
    if running is None:
        raise NOT_RUNNING.failed(field="account")
    return running


def _guarded_by_sender(context: Context, account_id: bytes) -> tuple[Recovery, Guard]:
    """The recovery of an account that the sender may recover now; raises ActionFailed."""
    row = RECOVERIES.get(context.state, account_id)
    guard = None if row is None else row.guard_at(context.block.time_ms)
    if row is None or guard is None or guard.recovery_account != context.sender:
        raise NOT_GUARD.failed(field="account")
    return row, guard


@account.invariant
def recoveries_are_guarded(view: View) -> Iterator[str]:
    """Who is recovered has a guard that holds, and nobody guards itself."""
    for (account_id,), row in RECOVERIES.every(view):
        guards = [row.guard, row.change.guard if row.change else None]
        if any(guard and guard.recovery_account == account_id for guard in guards):
            yield f"{account_id.hex()} guards itself"
    for (account_id,), _ in RECOVERING.every(view):
        found = RECOVERIES.get(view, account_id)
        if found is None or found.change is not None:
            yield f"{account_id.hex()} is recovered without a guard that stays"
