"""Redemptions: what is paid is held, returns to the pool or to the holder, and to nobody else."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.declare import Action
from vm.modules.redemption import (
    ESCROW_POT,
    HELD,
    OFFERS,
    VOUCHERS,
    Approve,
    Close,
    GiveBack,
    HandOn,
    Honour,
    MakeOffer,
    Redeem,
    Remove,
    SetPool,
    price_now,
)
from vm.modules.steps import SetSchedule

POOL = "participation"
TICKET = MakeOffer("A ticket", 100, 2, 3_600)
PEOPLE = [ANNA.public, BEN.public, CLEO.public]


@pytest.fixture
def stage() -> Days:
    """Ben gives two tickets for 100 units each."""
    made = Days()
    assert made.decide(SetPool(POOL)) == "ok"
    assert made.act(BEN.public, TICKET) == "ok"
    assert made.decide(Approve(1)) == "ok"
    return made


def test_a_voucher_is_bought_handed_on_and_honoured(stage: Days) -> None:
    assert stage.act(ANNA.public, Redeem(1, 100)) == "ok"
    assert (stage.held(ANNA.public), stage.pot(ESCROW_POT), stage.pot(POOL)) == (
        FUNDS - 100,
        100,
        0,
    )
    assert stage.act(ANNA.public, HandOn(1, CLEO.public)) == "ok"
    assert [key for key, _ in HELD.every(stage.world.state)] == [(CLEO.public, 1)]
    assert stage.act(BEN.public, Honour(1)) == "ok"
    assert (stage.pot(ESCROW_POT), stage.pot(POOL), stage.held(BEN.public)) == (0, 100, FUNDS)
    offer = OFFERS.get(stage.world.state, 1)
    assert offer is not None
    assert (offer.stock, offer.honoured, offer.lapsed) == (1, 1, 0)
    assert stage.sound()


def test_who_holds_a_voucher_that_lapsed_gets_back_what_was_paid(stage: Days) -> None:
    stage.act(ANNA.public, Redeem(1, 100))
    stage.act(ANNA.public, HandOn(1, CLEO.public))
    assert stage.act(ANNA.public, GiveBack(1)) == "redemption.too-early"
    stage.time_ms += 3_600_000
    assert stage.act(BEN.public, Honour(1)) == "redemption.too-late"
    assert stage.act(ANNA.public, GiveBack(1)) == "ok", "anybody may"
    assert (stage.held(CLEO.public), stage.held(ANNA.public)) == (100, FUNDS - 100)
    offer = OFFERS.get(stage.world.state, 1)
    assert offer is not None
    assert (offer.honoured, offer.lapsed) == (0, 1)


def test_prices_go_with_the_steps_and_the_buyer_names_the_most(stage: Days) -> None:
    stage.decide(SetSchedule((1,), 2, 2))
    assert price_now(stage.world.state, 1) == 100
    stage.live()
    assert price_now(stage.world.state, 1) == 200
    assert stage.act(ANNA.public, Redeem(1, 199)) == "redemption.too-dear"
    assert stage.act(ANNA.public, Redeem(1, 200)) == "ok"
    assert stage.pot(ESCROW_POT) == 200


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (ANNA, Redeem(9, 100), "redemption.unknown-offer"),
        (ANNA, Redeem(1, 99), "redemption.too-dear"),
        (CLEO, Redeem(1, 100), "token.insufficient-balance"),
        (ANNA, HandOn(9, BEN.public), "redemption.unknown-voucher"),
        (BEN, HandOn(1, BEN.public), "redemption.not-the-holder"),
        (ANNA, Honour(1), "redemption.not-the-provider"),
        (BEN, Honour(9), "redemption.unknown-voucher"),
        (ANNA, GiveBack(1), "redemption.too-early"),
        (ANNA, GiveBack(9), "redemption.unknown-voucher"),
        (ANNA, Close(1), "redemption.not-the-provider"),
        (BEN, Close(9), "redemption.unknown-offer"),
    ],
)
def test_what_is_refused_changes_nothing(
    stage: Days, who: object, action: Action, code: str
) -> None:
    assert stage.act(ANNA.public, Redeem(1, 100)) == "ok"
    before = dict(stage.world.state.writes())
    assert stage.act(who.public, action) == code  # type: ignore[attr-defined]
    assert dict(stage.world.state.writes()) == before


def test_an_offer_is_open_only_between_its_approval_and_its_end(stage: Days) -> None:
    assert stage.act(BEN.public, TICKET) == "ok"
    assert stage.act(ANNA.public, Redeem(2, 100)) == "redemption.not-open"
    assert stage.decide(Approve(1)) == "redemption.not-proposed"
    assert stage.decide(Approve(9)) == "redemption.unknown-offer"
    assert stage.decide(Remove(2)) == "ok"
    assert stage.decide(Approve(2)) == "redemption.not-proposed"
    stage.act(ANNA.public, Redeem(1, 100))
    assert stage.act(BEN.public, Close(1)) == "ok"
    assert stage.act(BEN.public, Close(1)) == "redemption.closed"
    assert stage.act(ANNA.public, Redeem(1, 100)) == "redemption.not-open"
    assert stage.act(BEN.public, Honour(1)) == "ok", "what was sold stays good"
    assert stage.act(BEN.public, Honour(1)) == "redemption.unknown-voucher", "not twice"


def test_the_last_piece_is_sold_once(stage: Days) -> None:
    assert [stage.act(ANNA.public, Redeem(1, 100)) for _ in range(3)] == [
        "ok",
        "ok",
        "redemption.sold-out",
    ]


def test_without_a_pool_nothing_is_redeemed() -> None:
    stage = Days()
    stage.act(BEN.public, TICKET)
    stage.decide(Approve(1))
    assert stage.act(ANNA.public, Redeem(1, 100)) == "redemption.no-pool"


def test_the_invariants_see_what_is_not_paid_for_or_listed(stage: Days) -> None:
    stage.act(ANNA.public, Redeem(1, 100))
    VOUCHERS.delete(stage.world.state, 1)
    assert not stage.sound()


@dataclass
class Naive:
    """Vouchers as a dictionary: offer, holder, paid, until."""

    balances: Counter[bytes] = field(default_factory=Counter)
    pool: int = 0
    stock: dict[int, int] = field(default_factory=dict)
    vouchers: dict[int, tuple[int, bytes, int, int]] = field(default_factory=dict)
    sold: int = 0


class RedemptionMachine(RuleBasedStateMachine):
    """The chain and the model agree after each step."""

    @initialize()
    def begin(self) -> None:
        """A pool."""
        self.stage, self.model = Days(), Naive()
        self.stage.decide(SetPool(POOL))
        self.model.balances.update({who: self.stage.held(who) for who in PEOPLE})

    @rule(price=st.integers(1, 9), stock=st.integers(0, 3))
    def offer(self, price: int, stock: int) -> None:
        """Ben offers, and all is let in."""
        number = len(self.model.stock) + 1
        self.stage.act(BEN.public, MakeOffer("x", price, stock, 60))
        assert self.stage.decide(Approve(number)) == "ok"
        self.model.stock[number] = stock

    @rule(who=st.sampled_from(PEOPLE), offer=st.integers(1, 4))
    def redeem(self, who: bytes, offer: int) -> None:
        """Buy, if there is something."""
        model, row = self.model, OFFERS.get(self.stage.world.state, offer)
        good = row is not None and model.stock[offer] > 0 and model.balances[who] >= row.price
        assert (self.stage.act(who, Redeem(offer, 100)) == "ok") is good
        if good and row is not None:
            model.stock[offer] -= 1
            model.balances[who] -= row.price
            model.sold += 1
            until = self.stage.time_ms + 60_000
            model.vouchers[model.sold] = (offer, who, row.price, until)

    @rule(who=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE), number=st.integers(1, 6))
    def hand_on(self, who: bytes, to: bytes, number: int) -> None:
        """Give a voucher away."""
        held = self.model.vouchers.get(number)
        good = held is not None and held[1] == who
        assert (self.stage.act(who, HandOn(number, to)) == "ok") is good
        if good and held is not None:
            self.model.vouchers[number] = (held[0], to, *held[2:])

    @rule(who=st.sampled_from(PEOPLE), number=st.integers(1, 6), honours=st.booleans())
    def settle(self, who: bytes, number: int, honours: bool) -> None:
        """Honour, or give back."""
        held = self.model.vouchers.get(number)
        in_time = held is not None and self.stage.time_ms < held[3]
        good = in_time and who == BEN.public if honours else held is not None and not in_time
        action = Honour(number) if honours else GiveBack(number)
        assert (self.stage.act(who, action) == "ok") is good
        if good and held is not None:
            del self.model.vouchers[number]
            if honours:
                self.model.pool += held[2]
            else:
                self.model.balances[held[1]] += held[2]

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.stage.time_ms += 1000 * seconds

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        stage, model = self.stage, self.model
        assert {who: stage.held(who) for who in PEOPLE} == dict(model.balances)
        assert stage.pot(POOL) == model.pool
        assert stage.pot(ESCROW_POT) == sum(paid for _, _, paid, _ in model.vouchers.values())
        assert stage.sound()


TestRedemptionMachine = RedemptionMachine.TestCase
TestRedemptionMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
