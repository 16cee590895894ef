"""Stipends: months are held, assessed, released, deferred and dropped, and nothing is lost (K1)."""

from dataclasses import dataclass, field

import pytest

from consensus.errors import ActionFailed
from tests.vm.days import DAY_MS
from tests.vm.stage import Stage
from tests.vm.world import BARE, World, key
from vm.declare import Action
from vm.modules.economy import turn_day
from vm.modules.gov import policy_id
from vm.modules.stipends import HELD_POT, RECIPIENTS, Assess, Claim, Enlist, Open, Remove
from vm.modules.tokens import IssueToPot, balance_of, pot_of
from vm.registry import REGISTRY

ANN, BOB, CAT, DAN = (key(f"leader {i}").public for i in range(4))
UNITS, MONTHS = 1_000, 3
ASSESSOR = policy_id("assessment")


@dataclass
class Programme:
    """A programme of three months, with enough in its pot for three recipients."""

    chain: Stage = field(default_factory=lambda: Stage(World.begin(BARE)))

    def __post_init__(self) -> None:
        assert self.decide(IssueToPot("genesis", "REEL", 3 * UNITS * MONTHS, "")) == "ok"
        assert self.decide(Open("leaders", "REEL", UNITS, MONTHS, "genesis", "quota")) == "ok"
        self.chain.step(turn_day)

    def decide(self, action: Action) -> str:
        return self.chain.act(ASSESSOR, action)

    def assess(
        self,
        month: int,
        released: tuple[bytes, ...] = (),
        deferred: tuple[bytes, ...] = (),
        dropped: tuple[bytes, ...] = (),
    ) -> str:
        return self.decide(Assess("leaders", month, released, deferred, dropped))

    def months_pass(self, months: int, days: int = 0) -> None:
        self.chain.time_ms += (30 * months + days) * DAY_MS
        self.chain.world.height += 1
        self.chain.step(turn_day)

    def pots(self) -> tuple[int, int, int]:
        """In months: what is left in the programme's pot, what is held, and what was dropped."""
        state = self.chain.world.state
        found = [pot_of(state, pot, "REEL") for pot in ("genesis", HELD_POT, "quota")]
        assert not [units for units in found if units % UNITS]
        first, held, dropped = (units // UNITS for units in found)
        return first, held, dropped

    def held_by(self, account: bytes) -> int:
        return balance_of(self.chain.world.state, account, "REEL")

    def sound(self) -> list[str]:
        return list(REGISTRY.broken_invariants(self.chain.world.state))


def enlisted(*accounts: bytes) -> Programme:
    """A programme with these recipients."""
    made = Programme()
    assert made.decide(Enlist("leaders", accounts)) == "ok"
    return made


def test_what_a_recipient_can_get_is_held_from_the_start() -> None:
    programme = enlisted(ANN, BOB)
    assert programme.pots() == (3, 6, 0)
    assert programme.decide(Enlist("leaders", (CAT, DAN))) == "token.insufficient-pot"
    assert programme.decide(Enlist("leaders", (CAT, ANN))) == "token.insufficient-pot"
    assert programme.decide(Enlist("leaders", (ANN,))) == "stipends.already-enlisted"
    assert programme.decide(Enlist("leaders", (CAT,))) == "ok"
    assert programme.pots() == (0, 9, 0)
    assert programme.sound() == []


def test_a_month_is_released_deferred_and_dropped() -> None:
    programme = enlisted(ANN, BOB, CAT)
    programme.months_pass(1)
    assert programme.assess(1, (ANN,), (BOB,), (CAT,)) == "ok"
    assert programme.pots() == (0, 8, 1)
    assert programme.chain.act(ANN, Claim("leaders")) == "ok"
    assert programme.held_by(ANN) == UNITS
    for nobody in (ANN, BOB, CAT):
        assert programme.chain.act(nobody, Claim("leaders")) == "stipends.nothing-released"
    assert programme.assess(1, (BOB,)) == "ok", "what is deferred is decided on again"
    assert programme.assess(1, (CAT,)) == "stipends.already-decided"
    assert programme.assess(1, (), (), (BOB,)) == "stipends.already-decided"
    assert programme.chain.act(BOB, Claim("leaders")) == "ok"
    assert programme.pots() == (0, 6, 1)
    assert programme.sound() == []


def test_a_month_is_decided_on_when_it_is_over_and_not_a_day_before() -> None:
    programme = enlisted(ANN)
    programme.months_pass(1, -1)
    assert programme.assess(1, (ANN,)) == "stipends.month-not-over"
    assert programme.decide(Enlist("leaders", (BOB,))) == "ok"
    programme.months_pass(0, 1)
    assert programme.assess(1, (ANN,)) == "ok"
    assert programme.assess(1, (BOB,)) == "stipends.month-not-over", "it began 29 days later"
    assert programme.assess(2, (ANN,)) == "stipends.month-not-over"
    assert programme.assess(4, (ANN,)) == "stipends.no-such-month"
    programme.months_pass(20)
    assert programme.assess(3, (BOB,)) == "ok", "late, and in any order"
    assert programme.sound() == []


def test_who_is_removed_keeps_what_was_released_and_all_else_is_dropped() -> None:
    programme = enlisted(ANN, BOB)
    programme.months_pass(1)
    assert programme.assess(1, (ANN,)) == "ok"
    assert programme.decide(Remove("leaders", (ANN,))) == "ok"
    assert programme.pots() == (3, 4, 2)
    assert programme.decide(Remove("leaders", (ANN,))) == "stipends.already-decided"
    programme.months_pass(1)
    assert programme.assess(2, (ANN,)) == "stipends.already-decided"
    assert programme.chain.act(ANN, Claim("leaders")) == "ok"
    assert programme.held_by(ANN) == UNITS
    row = RECIPIENTS.get(programme.chain.world.state, "leaders", ANN)
    assert row is not None
    assert row.months == ("released", "dropped", "dropped")
    assert programme.sound() == []


@pytest.mark.parametrize(
    ("action", "code", "path"),
    [
        (Open("leaders", "REEL", 1, 1, "a", "b"), "stipends.programme-exists", "programme"),
        (Open("other", "NONE", 1, 1, "a", "b"), "token.unknown-asset", "asset"),
        (Enlist("other", (ANN,)), "stipends.unknown-programme", "programme"),
        (Enlist("leaders", (BOB, BOB)), "stipends.already-enlisted", "accounts[1]"),
        (Enlist("leaders", (BOB, ANN)), "stipends.already-enlisted", "accounts[1]"),
        (Remove("leaders", (BOB,)), "stipends.not-enlisted", "accounts[0]"),
        (Assess("leaders", 1, (ANN, ANN), (), ()), "stipends.named-twice", "released"),
        (Assess("leaders", 1, (ANN,), (ANN,), ()), "stipends.named-twice", "deferred"),
        (Assess("leaders", 1, (ANN,), (), (ANN,)), "stipends.named-twice", "dropped"),
        (Assess("leaders", 1, (), (), (BOB,)), "stipends.not-enlisted", "dropped[0]"),
        (Claim("other"), "stipends.unknown-programme", "programme"),
        (Claim("leaders"), "stipends.not-enlisted", "programme"),
    ],
)
def test_what_is_wrong_is_refused_and_named(action: Action, code: str, path: str) -> None:
    programme = enlisted(ANN)
    with pytest.raises(ActionFailed) as error:
        action.apply(programme.chain.context(DAN))
    assert (error.value.code, error.value.field) == (code, path)
