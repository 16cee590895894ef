"""Recovery: by whom, when, what can be cancelled; and a thief against the owner, in every order."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.record import replace
from tests.vm.stage import Stage
from tests.vm.test_authority import TWO_OF_THREE, authority
from tests.vm.world import ANNA, BEN, CLEO
from vm.modules.account import (
    RECOVERIES,
    RECOVERING,
    Authority,
    CancelRecovery,
    FinishRecovery,
    Guard,
    GuardChange,
    Recovery,
    SetAuthority,
    SetRecovery,
    StartRecovery,
    authority_of,
    plain_authority,
)
from vm.modules.account.recovering import (
    MAX_DELAY,
    RecoveryCancelled,
    RecoverySet,
    RecoveryStarted,
)
from vm.registry import REGISTRY

OWNER, HELPER, THIEF = ANNA.public, BEN.public, CLEO.public
DAY_S = 24 * 3600
DAY_MS = 1000 * DAY_S
GUARD = Guard(HELPER, DAY_S)
STOLEN, RECOVERED = authority(1, {0: 1}), authority(1, {1: 1})


@pytest.fixture
def stage() -> Stage:
    """Ben may recover Anna's account after a day."""
    made = Stage()
    assert made.act(OWNER, SetRecovery(GUARD)) == "ok"
    return made


def row_of(stage: Stage) -> Recovery:
    row = RECOVERIES.get(stage.world.state, OWNER)
    assert row is not None
    return row


def acting(stage: Stage) -> Authority:
    return authority_of(stage.world.state, OWNER)


def test_a_lost_account_comes_back_after_the_delay(stage: Stage) -> None:
    assert stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == "ok"
    due_ms = stage.time_ms + DAY_MS
    assert stage.events[-1] == RecoveryStarted(OWNER, RECOVERED, due_ms)
    stage.time_ms = due_ms - 1
    assert stage.act(THIEF, FinishRecovery(OWNER)) == "account.recovery-not-due"
    assert acting(stage) == plain_authority(OWNER)
    stage.time_ms = due_ms
    assert stage.act(THIEF, FinishRecovery(OWNER)) == "ok"  # anyone may
    assert acting(stage) == RECOVERED
    assert stage.act(THIEF, FinishRecovery(OWNER)) == "account.no-recovery"
    assert row_of(stage) == Recovery(GUARD, None, due_ms)


def test_the_account_cancels_until_the_delay_is_over(stage: Stage) -> None:
    assert stage.act(HELPER, StartRecovery(OWNER, STOLEN)) == "ok"
    stage.time_ms += DAY_MS - 1
    assert stage.act(THIEF, CancelRecovery(OWNER)) == "account.not-recovery-account"
    assert stage.act(OWNER, CancelRecovery(OWNER)) == "ok"
    assert stage.events[-1] == RecoveryCancelled(OWNER, OWNER)
    assert stage.act(OWNER, CancelRecovery(OWNER)) == "account.no-recovery"
    assert stage.act(HELPER, StartRecovery(OWNER, STOLEN)) == "ok"
    stage.time_ms += DAY_MS
    assert stage.act(OWNER, CancelRecovery(OWNER)) == "account.recovery-due"
    assert stage.act(HELPER, CancelRecovery(OWNER)) == "account.recovery-due"


def test_the_recovery_account_may_think_again(stage: Stage) -> None:
    assert stage.act(HELPER, StartRecovery(OWNER, STOLEN)) == "ok"
    stage.time_ms += DAY_MS // 2
    assert stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == "ok"
    stage.time_ms += DAY_MS // 2
    assert stage.act(HELPER, FinishRecovery(OWNER)) == "account.recovery-not-due"
    assert stage.act(HELPER, CancelRecovery(OWNER)) == "ok"
    assert stage.events[-1] == RecoveryCancelled(OWNER, HELPER)


@pytest.mark.parametrize(("before_ms", "code"), [(DAY_MS - 1, "authority-too-new"), (DAY_MS, "")])
def test_keys_that_a_thief_has_just_put_in_cancel_nothing(
    stage: Stage, before_ms: int, code: str
) -> None:
    assert stage.act(OWNER, SetAuthority(STOLEN)) == "ok"
    stage.time_ms += before_ms
    assert stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == "ok"
    stage.time_ms += DAY_MS - 1
    expected = f"account.{code}" if code else "ok"
    assert stage.act(OWNER, CancelRecovery(OWNER)) == expected


def test_keys_put_in_while_a_recovery_runs_cannot_cancel_it(stage: Stage) -> None:
    assert stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == "ok"
    stage.time_ms += 1
    assert stage.act(OWNER, SetAuthority(STOLEN)) == "ok"
    assert acting(stage) == STOLEN
    assert stage.act(OWNER, CancelRecovery(OWNER)) == "account.authority-too-new"
    stage.time_ms += DAY_MS
    assert stage.act(HELPER, FinishRecovery(OWNER)) == "ok"
    assert acting(stage) == RECOVERED


@pytest.mark.parametrize("following", [Guard(THIEF, DAY_S), Guard(HELPER, 2 * DAY_S), None])
def test_another_guard_holds_when_the_delay_is_over(stage: Stage, following: Guard | None) -> None:
    assert stage.act(OWNER, SetRecovery(following)) == "ok"
    from_ms = stage.time_ms + DAY_MS
    assert stage.events[-1] == RecoverySet(OWNER, following, from_ms)
    assert row_of(stage) == Recovery(GUARD, GuardChange(following, from_ms), 0)
    assert row_of(stage).guard_at(from_ms - 1) == GUARD
    stage.time_ms = from_ms
    assert row_of(stage).guard_at(from_ms) == following
    good = following is not None and following.recovery_account == HELPER
    expected = "ok" if good else "account.not-recovery-account"
    assert stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == expected


def test_to_start_a_recovery_drops_a_change_that_waits(stage: Stage) -> None:
    assert stage.act(OWNER, SetRecovery(Guard(THIEF, DAY_S))) == "ok"
    stage.time_ms += DAY_MS - 1
    assert stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == "ok"
    assert row_of(stage).change is None
    assert stage.act(OWNER, SetRecovery(None)) == "account.recovery-running"
    assert stage.act(OWNER, CancelRecovery(OWNER)) == "ok"
    assert row_of(stage) == Recovery(GUARD, None, 0)


def test_to_name_the_guard_that_holds_withdraws_a_change(stage: Stage) -> None:
    assert stage.act(OWNER, SetRecovery(GUARD)) == "account.recovery-unchanged"
    assert stage.act(OWNER, SetRecovery(None)) == "ok"
    assert stage.act(OWNER, SetRecovery(GUARD)) == "ok"
    assert stage.events[-1] == RecoverySet(OWNER, GUARD, stage.time_ms)
    assert row_of(stage) == Recovery(GUARD, None, 0)


def test_who_is_not_guarded_names_the_first_guard_at_once() -> None:
    stage = Stage()
    assert stage.act(OWNER, SetRecovery(None)) == "account.recovery-unchanged"
    assert stage.act(OWNER, SetAuthority(STOLEN)) == "ok"
    assert stage.act(OWNER, SetRecovery(GUARD)) == "ok"
    assert stage.act(OWNER, SetRecovery(None)) == "ok"
    stage.time_ms += DAY_MS
    assert stage.act(OWNER, SetRecovery(None)) == "account.recovery-unchanged"
    assert stage.act(OWNER, SetRecovery(Guard(THIEF, DAY_S))) == "ok"
    assert stage.act(THIEF, StartRecovery(OWNER, RECOVERED)) == "ok"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SetRecovery(Guard(OWNER, DAY_S)), "own-guard"),
        (SetRecovery(Guard(HELPER, 59)), "delay-out-of-bounds"),
        (SetRecovery(Guard(HELPER, MAX_DELAY.default + 1)), "delay-out-of-bounds"),
        (StartRecovery(OWNER, RECOVERED), "not-recovery-account"),
        (StartRecovery(HELPER, RECOVERED), "not-recovery-account"),
        (CancelRecovery(OWNER), "no-recovery"),
        (FinishRecovery(OWNER), "no-recovery"),
    ],
)
def test_what_cannot_be(stage: Stage, action: SetRecovery | StartRecovery, code: str) -> None:
    assert stage.act(OWNER, action) == f"account.{code}"


def test_nobody_is_locked_out_by_an_authority_that_none_can_meet(stage: Stage) -> None:
    unmet = replace(TWO_OF_THREE, threshold=9)
    assert stage.act(HELPER, StartRecovery(OWNER, unmet)) == "account.authority-unusable"


def test_recoveries_without_a_guard_are_found(stage: Stage) -> None:
    stage.act(HELPER, StartRecovery(OWNER, RECOVERED))
    for broken in (Recovery(Guard(OWNER, 1), None, 0), Recovery(GUARD, GuardChange(None, 1), 0)):
        RECOVERIES.put(stage.world.state, broken, OWNER)
        assert list(REGISTRY.broken_invariants(stage.world.state))
    RECOVERIES.delete(stage.world.state, OWNER)
    assert list(REGISTRY.broken_invariants(stage.world.state))


@dataclass
class Model:
    """What an account's recovery is, told naively by times since the beginning."""

    acts: Authority
    guard: Guard | None = None
    waiting: tuple[Guard | None, int] | None = None
    running: tuple[Authority, int, int] | None = None  # authority, started, due
    replaced: int | None = None

    def pass_to(self, now: int) -> None:
        """Time goes by: a change that waited comes into force."""
        if self.waiting is not None and self.waiting[1] <= now:
            self.guard, self.waiting = self.waiting[0], None


GUARDS = [None, *(Guard(who, days * DAY_S) for who in (HELPER, THIEF) for days in (1, 2))]
AUTHORITIES = [STOLEN, RECOVERED, TWO_OF_THREE]


class RecoveryMachine(RuleBasedStateMachine):
    """A thief and the owner both have the account's keys; the owner has the recovery account."""

    @initialize()
    def begin(self) -> None:
        """The account is guarded by its owner's other account."""
        self.stage = Stage()
        self.model = Model(plain_authority(OWNER))
        self.attended = self.stage.time_ms  # when the owner last looked after the account
        self.is_cut_off = False
        self.name(GUARD)

    @rule(guard=st.sampled_from(GUARDS))
    def name(self, guard: Guard | None) -> None:
        """Who has the account's keys names a guard."""
        model, now = self.model, self.stage.time_ms
        good = model.running is None and not (guard == model.guard and model.waiting is None)
        assert (self.stage.act(OWNER, SetRecovery(guard)) == "ok") is good
        if not good:
            return
        if model.guard is None:
            model.guard, model.replaced = guard, None
        elif guard == model.guard:
            model.waiting = None
        else:
            model.waiting = (guard, now + model.guard.delay_ms)

    @rule(made=st.sampled_from(AUTHORITIES))
    def rotate(self, made: Authority) -> None:
        """Who has the account's keys replaces them."""
        assert self.stage.act(OWNER, SetAuthority(made)) == "ok"
        self.model.acts = made
        self.model.replaced = self.stage.time_ms

    @rule(who=st.sampled_from((OWNER, HELPER, THIEF)), made=st.sampled_from(AUTHORITIES))
    def start(self, who: bytes, made: Authority) -> None:
        """Somebody starts a recovery."""
        model, now = self.model, self.stage.time_ms
        good = model.guard is not None and model.guard.recovery_account == who
        assert (self.stage.act(who, StartRecovery(OWNER, made)) == "ok") is good
        if good and model.guard is not None:
            model.running = (made, now, now + model.guard.delay_ms)
            model.waiting = None

    @rule(who=st.sampled_from((OWNER, HELPER, THIEF)))
    def cancel(self, who: bytes) -> None:
        """Somebody cancels a recovery."""
        model, now = self.model, self.stage.time_ms
        good = False
        if model.running is not None and model.guard is not None:
            _, started, due = model.running
            stood = model.replaced is None or started - model.replaced >= model.guard.delay_ms
            may = stood if who == OWNER else who == model.guard.recovery_account
            good = may and now < due
        assert (self.stage.act(who, CancelRecovery(OWNER)) == "ok") is good
        if good:
            model.running = None

    @rule(who=st.sampled_from((OWNER, HELPER, THIEF)))
    def finish(self, who: bytes) -> None:
        """Somebody finishes a recovery."""
        model, now = self.model, self.stage.time_ms
        good = model.running is not None and model.running[2] <= now
        assert (self.stage.act(who, FinishRecovery(OWNER)) == "ok") is good
        if good and model.running is not None:
            model.acts, model.replaced, model.running = model.running[0], now, None

    @rule(quarters=st.integers(1, 5))
    def wait(self, quarters: int) -> None:
        """Time goes by."""
        self.stage.time_ms += DAY_MS * quarters // 4
        self.model.pass_to(self.stage.time_ms)

    @invariant()
    def agrees(self) -> None:
        """The state is the model's, and the module finds nothing wrong."""
        stage, model = self.stage, self.model
        assert acting(stage) == model.acts
        row = row_of(stage)
        assert row.guard_at(stage.time_ms) == model.guard
        running = RECOVERING.get(stage.world.state, OWNER)
        assert (running is None) is (model.running is None)
        if running is not None and model.running is not None:
            assert (running.authority, running.from_ms) == (model.running[0], model.running[2])
        assert list(REGISTRY.broken_invariants(stage.world.state)) == []


class SiegeMachine(RuleBasedStateMachine):
    """A thief got the account's keys and may do whatever they allow, in any order; the owner looks
    once in each delay, and starts a recovery if none runs. Then the recovery account stays, and
    once the thief has locked the owner out by keys of its own, the account comes back."""

    @initialize()
    def begin(self) -> None:
        """The account is guarded by its owner's other account."""
        self.stage = Stage()
        assert self.stage.act(OWNER, SetRecovery(GUARD)) == "ok"
        self.stage.time_ms += DAY_MS
        self.locked_out_ms: int | None = None

    def thief_acts(self, action: SetRecovery | SetAuthority | CancelRecovery) -> str:
        """With the account's keys, unless the owner has it back."""
        return "no key" if self.is_back else self.stage.act(OWNER, action)

    @property
    def is_back(self) -> bool:
        """Whether the thief's keys are worth nothing."""
        return acting(self.stage) == RECOVERED

    @rule(guard=st.sampled_from(GUARDS))
    def thief_names_a_guard(self, guard: Guard | None) -> None:
        """The thief tries to get rid of the recovery account."""
        self.thief_acts(SetRecovery(guard))

    @rule()
    def thief_locks_the_owner_out(self) -> None:
        """The thief puts in keys of its own."""
        if self.thief_acts(SetAuthority(STOLEN)) == "ok" and self.locked_out_ms is None:
            self.locked_out_ms = self.stage.time_ms

    @rule()
    def thief_cancels(self) -> None:
        """The thief cancels, if it can."""
        self.thief_acts(CancelRecovery(OWNER))

    @rule(tries=st.lists(st.sampled_from(("guard", "cancel")), max_size=3))
    def the_owner_looks_in_time(self, tries: list[str]) -> None:
        """Less than a delay goes by; the thief comes first, whatever it tries; then the owner."""
        self.stage.time_ms += DAY_MS - 1
        for each in tries:
            self.thief_acts(SetRecovery(None) if each == "guard" else CancelRecovery(OWNER))
        if self.is_back:
            return
        self.stage.act(HELPER, FinishRecovery(OWNER))
        if RECOVERING.get(self.stage.world.state, OWNER) is None and not self.is_back:
            assert self.stage.act(HELPER, StartRecovery(OWNER, RECOVERED)) == "ok"

    @invariant()
    def the_owner_is_not_cut_off(self) -> None:
        """The recovery account is the owner's; three looks after a lock-out the account is back."""
        assert self.is_back or row_of(self.stage).guard_at(self.stage.time_ms) == GUARD
        if self.locked_out_ms is not None and self.stage.time_ms >= self.locked_out_ms + 4 * DAY_MS:
            assert self.is_back


TestRecoveryMachine = RecoveryMachine.TestCase
TestRecoveryMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSiegeMachine = SiegeMachine.TestCase
TestSiegeMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
