"""Check-ins: shares of each period's airdrop, exact, against a naive model; and what is refused."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.modules.checkin import (
    AIRDROP_POT,
    ENTRIES,
    LOCKED_POT,
    PAST,
    PERIODS,
    CheckIn,
    Claim,
    Past,
    SetRules,
    Settled,
    Stop,
    share_of,
)
from vm.modules.checkin.tables import PAST_KEPT
from vm.modules.tokens import IssueToPot, credit

POOL = "participation"
PEOPLE = [ANNA.public, BEN.public, CLEO.public]


def begun(ppm: int = 100_000, *, period_days: int = 2, pool: int = 1_000) -> Days:
    """A stage with a pool, on which accounts can check in."""
    stage = Days()
    assert stage.decide(IssueToPot(POOL, "REEL", pool, "")) == "ok"
    assert stage.decide(SetRules(0, period_days, ppm, POOL)) == "ok"
    return stage


def test_a_period_is_shared_by_what_was_locked_and_the_rest_of_rounding_goes_back() -> None:
    stage = begun()
    assert stage.act(ANNA.public, CheckIn(2)) == "ok"
    stage.live()
    assert stage.act(BEN.public, CheckIn(1)) == "ok"
    assert share_of(stage.world.state, ANNA.public) is None
    stage.live()
    assert (stage.pot(POOL), stage.pot(AIRDROP_POT), stage.pot(LOCKED_POT)) == (900, 100, 3)
    assert share_of(stage.world.state, ANNA.public) == 66
    assert stage.act(ANNA.public, Claim()) == "ok"
    assert stage.act(BEN.public, Claim()) == "ok"
    assert (stage.held(ANNA.public), stage.held(BEN.public)) == (FUNDS + 66, FUNDS + 33)
    assert (stage.pot(POOL), stage.pot(AIRDROP_POT), stage.pot(LOCKED_POT)) == (901, 0, 0)
    assert stage.sound()


def test_missing_a_period_costs_that_period_only() -> None:
    stage = begun(period_days=1)
    stage.act(ANNA.public, CheckIn(1))
    stage.act(BEN.public, CheckIn(1))
    stage.live()
    stage.act(ANNA.public, CheckIn(1))
    stage.live()
    stage.act(ANNA.public, CheckIn(1))
    stage.act(BEN.public, CheckIn(1))
    stage.live()
    for who in (ANNA, BEN):
        assert stage.act(who.public, Claim()) == "ok"
    # 10 % of 1000, of 900, of 810: halves of the first and the third, the whole of the second.
    assert stage.held(ANNA.public) - FUNDS == 50 + 90 + 40
    assert stage.held(BEN.public) - FUNDS == 50 + 40


def test_a_check_in_takes_what_an_earlier_one_has_earned() -> None:
    stage = begun(period_days=1)
    stage.act(ANNA.public, CheckIn(FUNDS))
    stage.live()
    assert stage.act(ANNA.public, CheckIn(FUNDS + 100)) == "ok", "all that has come back"
    assert stage.held(ANNA.public) == 0


def test_the_newest_periods_of_an_account_are_remembered() -> None:
    stage = begun(period_days=1)
    stage.act(ANNA.public, CheckIn(2))
    stage.live(2)  # that one, and one without her
    stage.act(ANNA.public, CheckIn(3))
    assert PAST.get(stage.world.state, ANNA.public) == Past((Settled(0, 2, 100),))
    for _ in range(PAST_KEPT):
        stage.live()
        assert stage.act(ANNA.public, CheckIn(1)) == "ok"
    row = PAST.get(stage.world.state, ANNA.public)
    assert row is not None
    assert [settled.period for settled in row.periods] == list(range(1, PAST_KEPT + 1))
    assert row.periods[0] == Settled(1, 3, 90)


def test_an_empty_period_leaves_the_pool_alone() -> None:
    stage = begun(period_days=1)
    stage.act(ANNA.public, CheckIn(1))
    stage.live(5)
    assert stage.pot(POOL) == 900
    assert stage.sound()


def test_it_is_off_until_the_height_and_after_a_vote_to_stop() -> None:
    stage = Days()
    assert stage.act(ANNA.public, CheckIn(1)) == "checkin.off"
    stage.decide(IssueToPot(POOL, "REEL", 1_000, ""))
    stage.decide(SetRules(3, 1, 500_000, POOL))
    assert stage.act(ANNA.public, CheckIn(1)) == "checkin.off"
    stage.live(2)
    assert stage.act(ANNA.public, CheckIn(1)) == "ok"
    assert stage.decide(Stop()) == "ok"
    assert stage.act(BEN.public, CheckIn(1)) == "checkin.off"
    assert stage.act(ANNA.public, Claim()) == "ok"
    assert stage.held(ANNA.public) == FUNDS + 500
    assert stage.sound()


def test_what_is_refused_changes_nothing() -> None:
    stage = begun()
    assert stage.act(ANNA.public, Claim()) == "checkin.nothing-locked"
    assert stage.act(ANNA.public, CheckIn(FUNDS + 1)) == "token.insufficient-balance"
    assert stage.act(ANNA.public, CheckIn(5)) == "ok"
    assert stage.act(ANNA.public, CheckIn(5)) == "checkin.checked-in"
    assert stage.act(ANNA.public, Claim()) == "checkin.not-over"
    assert (stage.held(ANNA.public), stage.pot(LOCKED_POT)) == (FUNDS - 5, 5)
    stage.live(2)
    assert stage.act(ANNA.public, Claim()) == "ok"
    assert stage.act(ANNA.public, Claim()) == "checkin.nothing-locked"


@pytest.mark.parametrize("parts", [(90,), (30, 60), (1,) * 90])
def test_many_accounts_of_one_person_get_no_more_than_one(parts: tuple[int, ...]) -> None:
    """What a sybil gains: nothing, and rounding may cost it (W4 counts by what is locked)."""
    stage = begun()
    accounts = [bytes([place]) * 32 for place in range(len(parts))]
    for account, units in zip(accounts, parts, strict=True):
        credit(stage.world.state, account, "REEL", units)
        assert stage.act(account, CheckIn(units)) == "ok"
    stage.act(BEN.public, CheckIn(7))
    stage.live(2)
    gained = sum(share_of(stage.world.state, account) or 0 for account in accounts)
    assert gained <= floor(Fraction(100 * 90, 97))


@pytest.mark.parametrize("when", [1, 2])
def test_a_check_in_in_the_last_block_counts_as_much_as_in_the_first(when: int) -> None:
    """What coming late gains: the lock is shorter, the share the same; the period's whole airdrop
    is known only at its end, so that no one joins to dilute a share that was certain."""
    stage = begun()
    stage.act(ANNA.public, CheckIn(1))
    stage.live(when - 1)
    stage.act(BEN.public, CheckIn(1))
    stage.live(3 - when)
    assert share_of(stage.world.state, BEN.public) == 50


def test_the_invariant_sees_a_pot_that_is_short() -> None:
    stage = begun()
    stage.act(ANNA.public, CheckIn(5))
    ENTRIES.delete(stage.world.state, ANNA.public)
    assert not stage.sound()


@dataclass
class Naive:
    """Periods as lists of who locked what."""

    pool: int
    ppm: int = 100_000
    days: int = 1
    open: Counter[bytes] = field(default_factory=Counter)
    over_on: int = 0
    owed: dict[bytes, tuple[int, int]] = field(default_factory=dict)  # who: locked, share
    dropped: list[list[bytes]] = field(default_factory=list)
    dust: list[int] = field(default_factory=list)

    def end(self) -> None:
        """Everybody's share at once."""
        total = sum(self.open.values())
        airdrop = floor(Fraction(self.pool * self.ppm, 10**6)) if total else 0
        self.pool -= airdrop
        shares = {who: floor(Fraction(airdrop * n, total)) for who, n in self.open.items()}
        for who, share in shares.items():
            self.owed[who] = (self.open[who], share)
        if total:
            self.dropped.append(list(self.open))
            self.dust.append(airdrop - sum(shares.values()))
        self.open, self.over_on = Counter(), 0

    def paid(self, who: bytes) -> int:
        """What an account gets; with the last of a period the dust goes back."""
        locked, share = self.owed.pop(who)
        for place, left in enumerate(self.dropped):
            if who in left:
                left.remove(who)
                if not left:
                    self.pool += self.dust.pop(place)
                    self.dropped.pop(place)
                break
        return locked + share


class CheckInMachine(RuleBasedStateMachine):
    """The chain and the model agree after each step."""

    @initialize(pool=st.integers(0, 10_000), period_days=st.integers(1, 3))
    def begin(self, pool: int, period_days: int) -> None:
        """A pool."""
        self.period_days = period_days
        self.stage = begun(period_days=period_days, pool=pool + 1)
        self.model = Naive(pool + 1)
        self.balances = {who: self.stage.held(who) for who in PEOPLE}

    @rule(who=st.sampled_from(PEOPLE), units=st.integers(1, 50))
    def check_in(self, who: bytes, units: int) -> None:
        """Lock, after what is owed has come back."""
        model, due = self.model, sum(self.model.owed.get(who, (0, 0)))
        good = who not in model.open and self.balances[who] + due >= units
        assert (self.stage.act(who, CheckIn(units)) == "ok") is good
        if good:
            self.balances[who] += model.paid(who) if due else 0
            self.balances[who] -= units
            model.open[who] = units
            model.over_on = model.over_on or model.days - 1 + self.period_days

    @rule(who=st.sampled_from(PEOPLE))
    def claim(self, who: bytes) -> None:
        """Take back."""
        good = who in self.model.owed
        assert (self.stage.act(who, Claim()) == "ok") is good
        if good:
            self.balances[who] += self.model.paid(who)

    @rule(ppm=st.sampled_from([1, 333_333, 10**6]))
    def rule_anew(self, ppm: int) -> None:
        """Another share of the pool from the next end on."""
        self.model.ppm = ppm
        assert self.stage.decide(SetRules(0, self.period_days, ppm, POOL)) == "ok"

    @rule()
    def day(self) -> None:
        """A day begins."""
        self.stage.live()
        self.model.days += 1
        if self.model.over_on and self.model.days > self.model.over_on:
            self.model.end()

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        stage, model = self.stage, self.model
        assert {who: stage.held(who) for who in PEOPLE} == self.balances
        assert stage.pot(POOL) == model.pool
        locked = sum(model.open.values()) + sum(units for units, _ in model.owed.values())
        assert stage.pot(LOCKED_POT) == locked
        assert len(list(PERIODS.every(stage.world.state))) == len(model.dropped)
        assert stage.sound()


TestCheckInMachine = CheckInMachine.TestCase
TestCheckInMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_the_end_of_a_period_costs_the_same_however_many_took_part() -> None:
    costs = []
    for count in (1, 100):
        stage = begun(period_days=1)
        for place in range(count):
            account = bytes([place]) * 32
            credit(stage.world.state, account, "REEL", 5)
            assert stage.act(account, CheckIn(5)) == "ok"
        with patch.object(stage.world, "keep", wraps=stage.world.keep) as keep:
            stage.live()
        costs.append([len(call.args[0]) for call in keep.call_args_list])
    assert costs[0] == costs[1]
