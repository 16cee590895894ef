"""Trades over the counter: at once, or in escrow until who sold, or who decides, says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.keys import KeyPair
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.declare import Action
from vm.modules.otc import (
    ESCROW_POT,
    LONGEST_MS,
    OFFERS,
    SALES,
    Buy,
    Decide,
    Dispute,
    MakeOffer,
    MarkPaid,
    Release,
    Rule,
    Sell,
    Take,
    Withdraw,
    go_on,
)
from vm.modules.tokens import Create, Issue

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
JUDGE = key("an arbiter")
CENTS = 5_000
OFFER = MakeOffer("CENT", 300, "REEL", 200, None, HOUR_MS)
TAKE = Take(1, "CENT", 300, "REEL", 200)
SALE = Sell("CENT", 300, "EUR 3 by bank transfer", 50, JUDGE.public, None, 3_600, HOUR_MS)
BUY = Buy(1, "CENT", 300, 50)


@dataclass
class Counter(Days):
    """Anna has cents; what is due happens as in each block."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decide(Create("CENT", "Cents", 2, 10**9, True, True, None))
        self.decide(Create("POS", "Points", 2, 10**9, True, False, None))
        for asset in ("CENT", "POS"):
            self.decide(Issue(ANNA.public, asset, CENTS, ""))

    def do(self, who: KeyPair, action: Action) -> str:
        """An action, whose time counts from now."""
        if isinstance(action, MakeOffer | Sell):
            action = replace(action, until_ms=action.until_ms + self.time_ms)
        return self.act(who.public, action)

    def wait(self, ms: int) -> None:
        self.time_ms += ms
        self.step(go_on)

    def sold(self, *, paid: bool, arbiter: KeyPair | None = JUDGE) -> None:
        """Anna sells to Ben, who marks that he has paid or does not."""
        judge = None if arbiter is None else arbiter.public
        assert self.do(ANNA, replace(SALE, arbiter=judge)) == "ok"
        assert self.do(BEN, BUY) == "ok"
        if paid:
            assert self.do(BEN, MarkPaid(1, "number 7")) == "ok"

    def ends(self) -> tuple[int, int, int, int]:
        """What Anna and Ben have more or less than at first: cents, and native units."""
        assert self.pot(ESCROW_POT) == self.pot(ESCROW_POT, "CENT") == 0
        assert self.sound()
        return (
            self.held(ANNA.public, "CENT") - CENTS,
            self.held(BEN.public, "CENT"),
            self.held(ANNA.public) - FUNDS,
            self.held(BEN.public) - FUNDS,
        )


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_an_offer_is_taken_at_once_and_once(counter: Counter) -> None:
    assert counter.do(ANNA, OFFER) == "ok"
    assert counter.pot(ESCROW_POT, "CENT") == 300
    assert counter.do(CLEO, TAKE) == "token.insufficient-balance"
    assert counter.do(BEN, TAKE) == "ok"
    assert counter.ends() == (-300, 300, 200, -200)
    assert counter.do(BEN, TAKE) == "otc.unknown-offer"


def test_an_offer_comes_back_when_it_is_withdrawn_or_over(counter: Counter) -> None:
    counter.do(ANNA, OFFER)
    counter.do(ANNA, OFFER)
    assert counter.do(BEN, Withdraw(1)) == "otc.not-the-maker"
    assert counter.do(ANNA, Withdraw(1)) == "ok"
    counter.time_ms += HOUR_MS
    assert counter.do(BEN, replace(TAKE, offer=2)) == "otc.over", "before the block's step too"
    counter.step(go_on)
    assert counter.ends() == (0, 0, 0, 0)
    assert list(OFFERS.every(counter.world.state)) == []


def test_an_offer_for_one_is_for_nobody_else(counter: Counter) -> None:
    counter.do(ANNA, replace(OFFER, taker=CLEO.public))
    assert counter.do(BEN, TAKE) == "otc.not-for-you"


def test_a_sale_that_is_paid_is_released(counter: Counter) -> None:
    counter.sold(paid=True)
    assert (counter.pot(ESCROW_POT, "CENT"), counter.pot(ESCROW_POT)) == (300, 100)
    assert counter.do(BEN, Release(1)) == "otc.not-the-seller"
    assert counter.do(ANNA, Release(1)) == "ok"
    assert counter.ends() == (-300, 300, 0, 0)


def test_a_sale_nobody_buys_comes_back(counter: Counter) -> None:
    counter.do(ANNA, SALE)
    counter.do(ANNA, SALE)
    assert counter.do(ANNA, Release(1)) == "ok", "it is taken back"
    counter.time_ms += HOUR_MS
    assert counter.do(BEN, replace(BUY, sale=2)) == "otc.over"
    counter.step(go_on)
    assert counter.ends() == (0, 0, 0, 0)


def test_who_buys_and_does_not_pay_loses_the_bond(counter: Counter) -> None:
    """What holding a sale up gains: minus the bond, which the seller has for its wait."""
    counter.sold(paid=False)
    counter.time_ms += HOUR_MS
    assert counter.do(BEN, MarkPaid(1, "")) == "otc.over"
    counter.step(go_on)
    assert counter.ends() == (0, 0, 50, -50)


@pytest.mark.parametrize(
    ("has_paid", "ends"), [(True, (-300, 300, -50, 50)), (False, (0, 0, 50, -50))]
)
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("arbiter", [JUDGE, None])
def test_who_is_wrong_in_a_dispute_loses_the_bond(
    counter: Counter,
    has_paid: bool,
    ends: tuple[int, ...],
    asked: bool,
    arbiter: KeyPair | None,
) -> None:
    """What not to release what was paid gains, and what to mark what was not: minus the bond."""
    counter.sold(paid=True, arbiter=arbiter)
    decision: Action = Rule(1, has_paid) if arbiter is None else Decide(1, has_paid)
    decider = b"p" * 32 if arbiter is None else arbiter.public
    assert counter.act(decider, decision) == "otc.not-disputed"
    if asked:
        assert counter.do(BEN, Dispute(1)) == "ok"
    else:
        counter.wait(DAY_MS)
    assert counter.do(CLEO, Decide(1, has_paid)) == "otc.not-the-arbiter"
    assert counter.act(decider, decision) == "ok"
    assert counter.ends() == ends


def test_a_policy_does_not_rule_where_an_arbiter_is_named(counter: Counter) -> None:
    counter.sold(paid=True)
    counter.do(ANNA, Dispute(1))
    assert counter.decide(Rule(1, has_paid=True)) == "otc.not-the-arbiter"


def test_what_nobody_decides_goes_back_with_both_bonds(counter: Counter) -> None:
    counter.sold(paid=True)
    counter.do(ANNA, Dispute(1))
    counter.time_ms += 7 * DAY_MS
    assert counter.do(JUDGE, Decide(1, has_paid=True)) == "otc.over"
    counter.step(go_on)
    assert counter.ends() == (0, 0, 0, 0)
    assert list(SALES.every(counter.world.state)) == []


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (ANNA, replace(OFFER, asset="NONE"), "token.unknown-asset"),
        (ANNA, replace(OFFER, asset="POS"), "token.not-tradable"),
        (ANNA, replace(OFFER, price_asset="POS"), "token.not-tradable"),
        (ANNA, replace(OFFER, price_asset="CENT"), "otc.same-asset"),
        (ANNA, replace(OFFER, units=CENTS + 1), "token.insufficient-balance"),
        (ANNA, replace(OFFER, until_ms=0), "otc.ends-too-early"),
        (ANNA, replace(OFFER, until_ms=LONGEST_MS + 1), "otc.ends-too-late"),
        (BEN, replace(TAKE, offer=9), "otc.unknown-offer"),
        (BEN, replace(TAKE, price_units=199), "otc.other-terms"),
        (BEN, replace(TAKE, units=301), "otc.other-terms"),
        (ANNA, Withdraw(9), "otc.unknown-offer"),
        (ANNA, replace(SALE, asset="POS"), "token.not-tradable"),
        (ANNA, replace(SALE, units=CENTS + 1), "token.insufficient-balance"),
        (ANNA, replace(SALE, bond_units=FUNDS + 1), "token.insufficient-balance"),
        (ANNA, replace(SALE, arbiter=ANNA.public), "otc.is-party"),
        (ANNA, replace(SALE, buyer=ANNA.public), "otc.is-party"),
        (ANNA, replace(SALE, buyer=JUDGE.public), "otc.is-party"),
        (ANNA, replace(SALE, until_ms=LONGEST_MS + 1), "otc.ends-too-late"),
        (ANNA, BUY, "otc.is-party"),
        (JUDGE, BUY, "otc.is-party"),
        (CLEO, BUY, "token.insufficient-balance"),
        (BEN, replace(BUY, sale=9), "otc.unknown-sale"),
        (BEN, replace(BUY, bond_units=49), "otc.other-terms"),
        (BEN, replace(BUY, sale=2), "otc.not-for-you"),
        (BEN, replace(BUY, sale=3), "otc.not-open"),
        (BEN, MarkPaid(1, ""), "otc.not-bought"),
        (CLEO, MarkPaid(3, ""), "otc.not-the-buyer"),
        (BEN, Dispute(3), "otc.not-paid"),
        (CLEO, Dispute(3), "otc.not-a-party"),
        (JUDGE, Decide(3, True), "otc.not-disputed"),
    ],
)
def test_what_cannot_be_is_named_and_changes_nothing(
    counter: Counter, who: KeyPair, action: Action, code: str
) -> None:
    counter.do(ANNA, OFFER)
    counter.do(ANNA, SALE)
    counter.do(ANNA, replace(SALE, buyer=CLEO.public))
    counter.do(ANNA, SALE)
    assert counter.do(BEN, replace(BUY, sale=3)) == "ok"
    before = dict(counter.world.state.writes())
    assert counter.do(who, action) == code
    assert dict(counter.world.state.writes()) == before


STEPS: Sequence[tuple[KeyPair, Action]] = (
    (ANNA, SALE),
    (BEN, BUY),
    (BEN, MarkPaid(1, "")),
    (ANNA, Release(1)),
    (BEN, Dispute(1)),
    (JUDGE, Decide(1, has_paid=True)),
    (JUDGE, Decide(1, has_paid=False)),
    (ANNA, OFFER),
    (BEN, TAKE),
    (ANNA, Withdraw(1)),
)


@given(st.lists(st.integers(0, len(STEPS)), max_size=30))
def test_whatever_happens_nothing_is_made_or_lost(turns: Sequence[int]) -> None:
    counter = Counter()
    for turn in turns:
        if turn < len(STEPS):
            counter.do(*STEPS[turn])
        else:
            counter.wait(HOUR_MS)
        assert counter.sound()
    for _ in range(3):
        counter.wait(8 * DAY_MS)
    cents = [counter.held(who.public, "CENT") for who in (ANNA, BEN)]
    units = [counter.held(who.public) for who in (ANNA, BEN)]
    assert (sum(cents), sum(units)) == (CENTS, 2 * FUNDS)
    assert counter.pot(ESCROW_POT) == counter.pot(ESCROW_POT, "CENT") == 0


def test_the_invariants_see_what_is_not_kept(counter: Counter) -> None:
    counter.sold(paid=True)
    row = SALES.get(counter.world.state, 1)
    assert row is not None
    for wrong in (replace(row, units=299), replace(row, due_ms=row.due_ms + 1)):
        SALES.put(counter.world.state, wrong, 1)
        assert not counter.sound()
    SALES.put(counter.world.state, replace(row, buyer=None), 1)
    assert not counter.sound()
