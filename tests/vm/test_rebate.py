"""The rebate: what a day releases and to whom, exact, against a naive model; what is refused."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.consumption import NO_WEIGHTS, PRICE, RESERVE, TOKEN, USDT, WHOLE, Consumption
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.context import Context
from vm.modules.account import Attest
from vm.modules.account.attesting import let_attest
from vm.modules.pots import Destination
from vm.modules.rebate import (
    CALL,
    COMMENT,
    DAYS,
    OWED_POT,
    RATING,
    TODAY,
    Candy,
    Claim,
    SetRules,
    Weights,
    note_activity,
    owed_to,
    received_by,
)
from vm.modules.tokens import IssueToPot
from vm.modules.vesting import Phase, Plan, SetAside

PEOPLE = [ANNA.public, BEN.public, CLEO.public]


def test_a_day_releases_what_its_fees_are_worth_to_who_paid_and_who_earned() -> None:
    stage = Consumption()
    stage.pay(ANNA.public, CLEO.public, 3 * USDT)
    assert owed_to(stage.world.state, ANNA.public).units == 0, "the day is not over"
    stage.live()
    # 3 USDT are worth 30 tokens, of which half is released.
    assert stage.released == stage.pot(OWED_POT) == 15 * TOKEN
    assert owed_to(stage.world.state, ANNA.public).units == 9 * TOKEN
    assert stage.act(ANNA.public, Claim()) == "ok"
    assert stage.act(CLEO.public, Claim()) == "ok"
    assert stage.held(ANNA.public) == FUNDS + 9 * TOKEN
    assert (stage.held(CLEO.public), stage.pot(OWED_POT)) == (6 * TOKEN, 0)
    assert received_by(stage.world.state, ANNA.public) == Candy(9 * TOKEN, 0, 0)
    assert received_by(stage.world.state, CLEO.public) == Candy(0, 6 * TOKEN, 0)
    assert list(DAYS.every(stage.world.state)) == []
    assert stage.sound()


def test_who_pays_again_gets_what_an_earlier_day_owes() -> None:
    stage = Consumption()
    stage.pay(ANNA.public, CLEO.public, USDT)
    stage.live(4)
    stage.pay(ANNA.public, BEN.public, USDT)
    assert stage.held(ANNA.public) == FUNDS + 3 * TOKEN
    stage.live()
    assert stage.act(ANNA.public, Claim()) == "ok"
    assert stage.held(ANNA.public) == FUNDS + 6 * TOKEN


@pytest.mark.parametrize(("cap", "out"), [(10 * TOKEN, 10 * TOKEN), (RESERVE, 15 * TOKEN)])
def test_no_more_than_the_cap_is_released_and_all_get_the_same_part(cap: int, out: int) -> None:
    stage = Consumption()
    stage.rule(cap=cap)
    stage.pay(ANNA.public, CLEO.public, 3 * USDT)
    stage.live()
    assert stage.released == out
    assert owed_to(stage.world.state, ANNA.public).units == 9 * out // 15


def test_no_more_than_is_left_of_the_reserve_is_released() -> None:
    stage = Consumption()
    stage.pay(ANNA.public, CLEO.public, 10**6 * USDT)
    stage.live()
    stage.pay(ANNA.public, CLEO.public, USDT)
    stage.live()
    assert stage.released == RESERVE
    assert stage.sound()


def test_what_rounding_leaves_is_released_with_the_next_day() -> None:
    stage = Consumption()
    stage.rule(factor=333_333, consumer=333_333)
    stage.pay(ANNA.public, CLEO.public, 1)
    stage.pay(BEN.public, CLEO.public, 2)
    stage.live()
    first = stage.released
    for who in PEOPLE:
        assert stage.act(who, Claim()) == "ok"
    carried = stage.pot(OWED_POT)
    assert carried > 0
    stage.pay(ANNA.public, CLEO.public, 3)
    stage.live()
    assert stage.released == first + floor(Fraction(3 * TOKEN * 333_333, WHOLE * PRICE)) - carried
    assert stage.sound()


def test_without_a_price_the_day_goes_on() -> None:
    stage = Consumption()
    stage.pay(ANNA.public, CLEO.public, USDT)
    with patch("vm.modules.rebate.releasing.reference_price", return_value=None):
        stage.live()
        stage.pay(ANNA.public, CLEO.public, USDT)
    assert stage.released == 0
    assert stage.sound()
    stage.live()
    assert stage.released == 10 * TOKEN
    assert owed_to(stage.world.state, ANNA.public).units == 6 * TOKEN


def test_activities_count_for_persons_and_so_often_a_day() -> None:
    stage = Consumption()
    stage.rule(weights=Weights(50, 3, 7, 2))
    let_attest(stage.world.state, BEN.public)
    assert stage.act(BEN.public, Attest(CLEO.public, bytes(32))) == "ok"

    def take_part(context: Context) -> None:
        for activity in (CALL, RATING, COMMENT):
            note_activity(context, CLEO.public, activity)
            note_activity(context, ANNA.public, activity)

    stage.step(take_part)
    stage.live()
    assert owed_to(stage.world.state, CLEO.public).units == 57, "a call and a rating, and no more"
    assert owed_to(stage.world.state, ANNA.public).units == 0, "nobody attests her"
    stage.act(CLEO.public, Claim())
    assert received_by(stage.world.state, CLEO.public) == Candy(0, 0, 57)
    stage.step(take_part)
    stage.live()
    assert owed_to(stage.world.state, CLEO.public).units == 57


def test_a_price_near_nothing_lets_no_more_be_wanted_than_can_be_counted() -> None:
    stage = Consumption()
    stage.pay(ANNA.public, CLEO.public, 10**6 * USDT)
    with patch("vm.modules.rebate.releasing.reference_price", return_value=1):
        stage.live()
    # At that price 5 x 10^19 units are wanted; at 3, the lowest that can be counted with, a third.
    ((_, day),) = DAYS.every(stage.world.state)
    assert (day.price, day.wanted) == (3, 5 * 10**19 // 3)
    assert stage.released == RESERVE
    assert owed_to(stage.world.state, ANNA.public).units == RESERVE * 6 // 10 - 1, "rounded down"
    assert stage.sound()


def test_what_is_more_than_a_day_can_count_is_not_counted() -> None:
    stage = Consumption()
    stage.rule(weights=Weights(2**62, 2**64 - 1, 0, 10))
    let_attest(stage.world.state, BEN.public)
    assert stage.act(BEN.public, Attest(CLEO.public, bytes(32))) == "ok"

    def take_part(context: Context) -> None:
        for activity in (COMMENT, CALL, CALL):
            note_activity(context, CLEO.public, activity)

    stage.step(take_part)
    stage.live()
    ((_, day),) = DAYS.every(stage.world.state)
    assert day.wanted == 2**62
    assert owed_to(stage.world.state, CLEO.public).units == RESERVE
    assert stage.sound()


def test_nothing_is_claimed_twice_or_before_the_day_is_over() -> None:
    stage = Consumption()
    assert stage.act(ANNA.public, Claim()) == "rebate.nothing-owed"
    stage.pay(ANNA.public, CLEO.public, USDT)
    assert stage.act(ANNA.public, Claim()) == "rebate.nothing-owed"
    stage.live()
    assert stage.act(ANNA.public, Claim()) == "ok"
    assert stage.act(ANNA.public, Claim()) == "rebate.nothing-owed"


def test_rules_that_cannot_be_are_named() -> None:
    stage = Consumption()
    for action in (IssueToPot("a", "USDT", 9, ""), SetAside("coins", "a", "USDT", 9, None)):
        assert stage.decide(action) == "ok"
    plan = Plan("a", 1, (Phase(1, 9),), Destination(None, None, None))
    stage.decide(IssueToPot("a", "REEL", 9, ""))
    assert stage.decide(SetAside("planned", "a", "REEL", 9, plan)) == "ok"
    for reserve, quote, code in (
        ("none", "USDT", "rebate.no-reserve"),
        ("coins", "USDT", "rebate.other-asset"),
        ("planned", "USDT", "rebate.by-plan"),
        ("community", "NONE", "token.unknown-asset"),
    ):
        assert stage.decide(SetRules(reserve, quote, 1, 1, NO_WEIGHTS, 1)) == code


def test_the_end_of_a_day_costs_the_same_however_many_paid() -> None:
    costs = []
    for count in (1, 100):
        stage = Consumption()
        for place in range(count):
            stage.pay(bytes([place]) * 32, CLEO.public, USDT)
        with patch.object(stage.world, "keep", wraps=stage.world.keep) as keep:
            stage.live()
        costs.append([len(call.args[0]) for call in keep.call_args_list])
    assert costs[0] == costs[1]


def test_the_invariant_sees_a_day_that_is_not_kept() -> None:
    stage = Consumption()
    stage.pay(ANNA.public, CLEO.public, USDT)
    stage.live()
    DAYS.delete(stage.world.state, 0)
    assert not stage.sound()
    TODAY.delete(stage.world.state)
    assert not stage.sound()


@dataclass
class Naive:
    """Days as dictionaries of who paid and who earned."""

    rules: tuple[int, int, int] = (500_000, 600_000, RESERVE)
    paid: Counter[bytes] = field(default_factory=Counter)
    earned: Counter[bytes] = field(default_factory=Counter)
    owed: dict[bytes, tuple[int, int]] = field(default_factory=dict)  # who: day, units
    candy: dict[bytes, tuple[int, ...]] = field(default_factory=dict)  # who: as consumer, provider
    got: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    open: dict[int, tuple[set[bytes], int]] = field(default_factory=dict)
    day: int = 0
    released: int = 0
    carried: int = 0
    balances: Counter[bytes] = field(default_factory=Counter)

    def end(self) -> None:
        """Everybody's part at once."""
        factor, consumer, cap = self.rules
        k = Fraction(TOKEN * factor, WHOLE * PRICE)
        wanted = floor(sum(self.paid.values()) * k)
        if self.paid:
            out = min(wanted, cap, self.carried + RESERVE - self.released)
            fresh = max(out - self.carried, 0)
            self.released += fresh
            self.carried += fresh - out
            left = out
            for who in self.paid | self.earned:
                parts: tuple[int, ...] = (
                    floor(floor(self.paid[who] * k) * Fraction(consumer, WHOLE)),
                    floor(self.earned[who] * k * Fraction(WHOLE - consumer, WHOLE)),
                )
                if out < wanted:
                    parts = tuple(floor(Fraction(units * out, wanted)) for units in parts)
                share = sum(parts)
                self.owed[who] = (self.day, share)
                self.candy[who] = parts
                left -= share
            self.open[self.day] = (set(self.paid | self.earned), left)
        self.paid, self.earned = Counter(), Counter()
        self.day += 1

    def settle(self, who: bytes) -> bool:
        """What an account is owed."""
        if who not in self.owed:
            return False
        day, units = self.owed.pop(who)
        self.balances[who] += units
        before = self.got.get(who, (0, 0))
        self.got[who] = tuple(map(sum, zip(before, self.candy[who], strict=True)))
        waiting, dust = self.open[day]
        waiting.discard(who)
        if not waiting:
            del self.open[day]
            self.carried += dust
        return True


class RebateMachine(RuleBasedStateMachine):
    """The chain and the model agree after each step."""

    @initialize()
    def begin(self) -> None:
        """Rules as they are."""
        self.stage, self.model = Consumption(), Naive()
        self.model.balances.update({who: self.stage.held(who) for who in PEOPLE})

    @rule(payer=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE), fee=st.integers(1, 10**9))
    def pay(self, payer: bytes, to: bytes, fee: int) -> None:
        """A fee is paid, and earned."""
        self.stage.pay(payer, to, fee)
        self.model.settle(payer)
        self.model.settle(to)
        self.model.paid[payer] += fee
        self.model.earned[to] += fee

    @rule(who=st.sampled_from(PEOPLE))
    def claim(self, who: bytes) -> None:
        """Take what is owed."""
        assert (self.stage.act(who, Claim()) == "ok") is self.model.settle(who)

    @rule(
        factor=st.integers(1, WHOLE - 1),
        consumer=st.integers(0, WHOLE),
        cap=st.sampled_from([1, 7_777, 10**9, RESERVE]),
    )
    def rule_anew(self, factor: int, consumer: int, cap: int) -> None:
        """Other rules from this day on."""
        self.stage.rule(factor=factor, consumer=consumer, cap=cap)
        self.model.rules = (factor, consumer, cap)

    @rule()
    def day(self) -> None:
        """A day is over."""
        self.stage.live()
        self.model.end()

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        stage, model = self.stage, self.model
        assert {who: stage.held(who) for who in PEOPLE} == dict(model.balances)
        for who in PEOPLE:
            assert owed_to(stage.world.state, who).units == model.owed.get(who, (0, 0))[1]
            got = received_by(stage.world.state, who)
            assert (got.consumer, got.provider) == model.got.get(who, (0, 0))
        assert stage.released == model.released
        assert stage.sound()


TestRebateMachine = RebateMachine.TestCase
TestRebateMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
