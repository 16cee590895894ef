"""Handles: what they cost, who has them, when they are free again; also against a naive model."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.codec import UINT64_MAX
from consensus.errors import InvalidEncoding
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BEN, CLEO
from vm.modules.account import (
    HANDLES,
    ClaimHandle,
    Handle,
    ReleaseHandle,
    account_named,
    handle_of,
)
from vm.modules.account.handles import (
    HANDLE_FEE,
    HANDLE_HOLD,
    NAMED,
    SHORT_FACTOR,
    HandleClaimed,
    HandleReleased,
    Named,
    handle_fee,
)
from vm.modules.tokens import ASSETS, balance_of, mint
from vm.registry import REGISTRY

PEOPLE = [ANNA.public, BEN.public, CLEO.public]
TOKEN = 10**8
HOLD_MS = 1000 * HANDLE_HOLD.default


@pytest.fixture
def stage() -> Stage:
    """Anna and Ben can pay for handles, Cleo cannot."""
    made = Stage()
    for person in PEOPLE[:2]:
        mint(made.world.state, person, "REEL", 10_000 * TOKEN)
    return made


def burned(stage: Stage) -> int:
    row = ASSETS.get(stage.world.state, "REEL")
    return 0 if row is None else row.burned


def sound(stage: Stage) -> bool:
    return list(REGISTRY.broken_invariants(stage.world.state)) == []


@pytest.mark.parametrize(
    ("handle", "tokens"),
    [("abc", 1024), ("anna", 256), ("a-b-c", 64), ("longer7", 4), ("longer-8", 1), ("a" * 32, 1)],
)
def test_a_handle_costs_more_the_shorter_it_is(stage: Stage, handle: str, tokens: int) -> None:
    before = balance_of(stage.world.state, ANNA.public, "REEL")
    assert stage.act(ANNA.public, ClaimHandle(handle)) == "ok"
    assert before - balance_of(stage.world.state, ANNA.public, "REEL") == tokens * TOKEN
    assert burned(stage) == tokens * TOKEN
    assert stage.events == [HandleClaimed(ANNA.public, handle, tokens * TOKEN)]
    assert account_named(stage.world.state, handle) == ANNA.public
    assert handle_of(stage.world.state, ANNA.public) == handle
    assert sound(stage)


def test_a_fee_never_exceeds_what_can_exist(stage: Stage) -> None:
    HANDLE_FEE.set(stage.world.state, HANDLE_FEE.maximum)
    SHORT_FACTOR.set(stage.world.state, SHORT_FACTOR.maximum)
    assert handle_fee(stage.world.state, "abc") == UINT64_MAX
    assert stage.act(ANNA.public, ClaimHandle("abc")) == "token.insufficient-balance"
    HANDLE_FEE.set(stage.world.state, 0)
    assert stage.act(CLEO.public, ClaimHandle("abc")) == "ok"


def test_an_account_has_one_handle_and_a_handle_one_account(stage: Stage) -> None:
    assert stage.act(CLEO.public, ClaimHandle("cleo-the-poor")) == "token.insufficient-balance"
    assert stage.act(ANNA.public, ReleaseHandle()) == "account.no-handle"
    assert stage.act(ANNA.public, ClaimHandle("anna-one")) == "ok"
    assert stage.act(ANNA.public, ClaimHandle("anna-two")) == "account.has-handle"
    assert stage.act(ANNA.public, ClaimHandle("anna-one")) == "account.handle-taken"
    assert stage.act(BEN.public, ClaimHandle("anna-one")) == "account.handle-taken"


def test_a_handle_that_was_given_up_is_held_back_from_others(stage: Stage) -> None:
    stage.act(ANNA.public, ClaimHandle("the-handle"))
    assert stage.act(ANNA.public, ReleaseHandle()) == "ok"
    free_ms = stage.time_ms + HOLD_MS
    assert stage.events[-1] == HandleReleased(ANNA.public, "the-handle", free_ms)
    assert account_named(stage.world.state, "the-handle") is None
    assert handle_of(stage.world.state, ANNA.public) is None
    stage.time_ms = free_ms - 1
    assert stage.act(BEN.public, ClaimHandle("the-handle")) == "account.handle-held-back"
    stage.time_ms = free_ms
    assert stage.act(BEN.public, ClaimHandle("the-handle")) == "ok"
    assert account_named(stage.world.state, "the-handle") == BEN.public


def test_who_gave_a_handle_up_may_have_it_back_for_its_fee(stage: Stage) -> None:
    stage.act(ANNA.public, ClaimHandle("the-handle"))
    stage.act(ANNA.public, ReleaseHandle())
    assert stage.act(ANNA.public, ClaimHandle("the-handle")) == "ok"
    assert burned(stage) == 2 * TOKEN


@pytest.mark.parametrize(
    "handle",
    ["ab", "a" * 33, "Anna", "1ab", "-ab", "ab-", "a--b", "a_b", "a.b", "@anna", "änna", "anna\n"],
)
def test_what_can_be_no_handle(stage: Stage, handle: str) -> None:
    with pytest.raises(InvalidEncoding):
        ClaimHandle(handle).pack()


def test_rows_that_disagree_are_found(stage: Stage) -> None:
    stage.act(ANNA.public, ClaimHandle("the-handle"))
    HANDLES.put(stage.world.state, Handle(ANNA.public, None), "the-other")
    assert not sound(stage)
    HANDLES.delete(stage.world.state, "the-other")
    assert sound(stage)
    NAMED.put(stage.world.state, Named("the-handle"), BEN.public)
    assert not sound(stage)


NAMES = ["abc", "seven-7", "long-one", "long-two"]


class HandleMachine(RuleBasedStateMachine):
    """People claim and give up handles while time goes by."""

    @initialize()
    def begin(self) -> None:
        """All can pay for some."""
        self.stage = Stage()
        for person in PEOPLE:
            mint(self.stage.world.state, person, "REEL", 2000 * TOKEN)
        self.money = {who: balance_of(self.stage.world.state, who, "REEL") for who in PEOPLE}
        self.has: dict[bytes, str] = {}
        self.held: dict[str, tuple[bytes, int]] = {}  # by whom, until when

    @rule(who=st.sampled_from(PEOPLE), name=st.sampled_from(NAMES))
    def claim(self, who: bytes, name: str) -> None:
        """Claim a handle."""
        fee = TOKEN
        for _ in range(len(name), 8):
            fee *= 4
        keeper, until = self.held.get(name, (who, 0))
        good = (
            name not in self.has.values()
            and who not in self.has
            and (keeper == who or until <= self.stage.time_ms)
            and self.money[who] >= fee
        )
        assert (self.stage.act(who, ClaimHandle(name)) == "ok") is good
        if good:
            self.money[who] -= fee
            self.has[who] = name
            self.held.pop(name, None)

    @rule(who=st.sampled_from(PEOPLE))
    def release(self, who: bytes) -> None:
        """Give a handle up."""
        assert (self.stage.act(who, ReleaseHandle()) == "ok") is (who in self.has)
        if who in self.has:
            self.held[self.has.pop(who)] = (who, self.stage.time_ms + HOLD_MS)

    @rule(thirds=st.integers(1, 4))
    def wait(self, thirds: int) -> None:
        """Time goes by."""
        self.stage.time_ms += HOLD_MS * thirds // 3

    @invariant()
    def agrees(self) -> None:
        """Handles and balances are the model's, and the module finds nothing wrong."""
        state = self.stage.world.state
        for who in PEOPLE:
            assert balance_of(state, who, "REEL") == self.money[who]
            assert handle_of(state, who) == self.has.get(who)
        owners = {name: who for who, name in self.has.items()}
        assert {name: account_named(state, name) for name in NAMES} == {
            name: owners.get(name) for name in NAMES
        }
        assert sound(self.stage)


TestHandleMachine = HandleMachine.TestCase
TestHandleMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
