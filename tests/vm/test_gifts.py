"""Gifts: bought, won, and made to order; who is paid what, and what is refused."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import RAW, cid_of
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, commit_to, publish
from vm.declare import Action
from vm.modules.apps import DEPOSIT_UNITS, Register, SetSuspended
from vm.modules.gifts import (
    ESCROW_POT,
    GIVINGS,
    GIVINGS_KEPT,
    MADE,
    ORDERS,
    RECEIVED,
    STOCK_POT,
    STOCKS,
    Decline,
    Deliver,
    Give,
    Giving,
    HandOut,
    ListGift,
    OrderGift,
    PassOn,
    Received,
    Retire,
    StockUp,
    pay_back_late,
)
from vm.modules.revenue import REVENUE_POT
from vm.modules.tokens import Create, Issue

A, B, C = ANNA.public, BEN.public, CLEO.public
FILM = cid_of(RAW, b"animation")
ROSE = ListGift("rose", "REEL", 101, FILM)
CHESS = Register("chess", "game", "Chess", FILM, "REEL", takes_any_amount=False)


@dataclass
class Shop(Days):
    """A rose costs 101 units, of which the platform gets a fifth, rounded down; Ben has an app, for
    no deposit."""

    def __post_init__(self) -> None:
        super().__post_init__()
        DEPOSIT_UNITS.set(self.world.state, 0)
        assert self.decide(ROSE) == "ok"
        assert self.act(B, CHESS) == "ok"

    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.time_ms += 1000 * seconds
        self.step(pay_back_late)


def test_who_is_given_a_gift_gets_its_price_but_for_the_fee() -> None:
    shop = Shop()
    assert shop.act(A, Give("rose", C, None, None)) == "ok"
    assert (shop.held(A), shop.held(C), shop.pot(REVENUE_POT)) == (FUNDS - 101, 81, 20)
    assert shop.act(A, Give("rose", C, None, None)) == "ok"
    assert RECEIVED.get(shop.world.state, C, "rose") == Received(2, 202)
    assert shop.sound()


def test_who_gave_what_to_whom_is_kept_of_the_newest() -> None:
    shop = Shop()
    shop.act(B, StockUp("chess", "rose", 1))
    shop.time_ms += 5_000
    assert shop.act(A, Give("rose", C, None, None)) == "ok"
    assert shop.act(B, HandOut("chess", "rose", A)) == "ok"
    assert [row for _, row in GIVINGS.every(shop.world.state)] == [
        Giving(1, shop.time_ms, "rose", A, C, None, None, "REEL", 101, 81),
        Giving(2, shop.time_ms, "rose", B, A, None, "chess", "REEL", 101, 81),
    ]
    for _ in range(GIVINGS_KEPT):
        assert shop.act(A, Give("rose", C, None, None)) == "ok"
    kept = sorted(row.number for _, row in GIVINGS.every(shop.world.state))
    assert kept == list(range(3, GIVINGS_KEPT + 3))
    assert shop.sound()
    GIVINGS.delete(shop.world.state, 7)
    assert not shop.sound()


def test_a_gift_may_be_for_a_video_of_who_gets_it_and_for_no_other() -> None:
    shop, video = Shop(), publish()
    commit_to(shop.world.state, video, by=ANNA)
    assert shop.act(A, Give("rose", A, video.cid, None)) == "gifts.not-theirs", "not published yet"
    assert shop.act(A, video) == "ok"
    assert shop.act(B, Give("rose", C, video.cid, None)) == "gifts.not-theirs"
    assert (shop.held(B), shop.held(C)) == (FUNDS, 0)
    assert shop.act(B, Give("rose", A, video.cid, None)) == "ok"
    assert (shop.held(B), shop.held(A)) == (FUNDS - 101, FUNDS + 81)


def test_gifts_can_be_given_on_when_more_was_paid_for_them_than_can_be_counted() -> None:
    """What was paid in all is more than there ever was of an asset, as units come back."""
    shop, most = Shop(), 2**63
    for action in (
        Create("BIG", "Big", 18, 2**64 - 1, True, True, None),
        Issue(A, "BIG", 2**64 - 1, ""),
        ListGift("moon", "BIG", most, FILM),
    ):
        assert shop.decide(action) == "ok"
    for count, units in enumerate((most, 2**64 - 1, 2**64 - 1), 1):
        assert shop.act(A, Give("moon", A, None, None)) == "ok"
        assert RECEIVED.get(shop.world.state, A, "moon") == Received(count, units)


def test_an_app_hands_out_what_it_has_paid_for_also_when_the_gift_is_retired() -> None:
    shop = Shop()
    assert shop.act(B, StockUp("chess", "rose", 2)) == "ok"
    assert (shop.held(B), shop.pot(STOCK_POT)) == (FUNDS - 202, 202)
    assert shop.decide(Retire("rose")) == "ok"
    assert shop.act(B, StockUp("chess", "rose", 1)) == "gifts.retired"
    assert [shop.act(B, HandOut("chess", "rose", C)) for _ in range(3)] == [
        "ok",
        "ok",
        "gifts.no-stock",
    ]
    assert (shop.held(C), shop.pot(STOCK_POT), shop.pot(REVENUE_POT)) == (162, 0, 40)
    assert list(STOCKS.every(shop.world.state)) == []
    assert shop.sound()


def test_a_suspended_app_hands_out_nothing() -> None:
    shop = Shop()
    assert shop.act(B, StockUp("chess", "rose", 1)) == "ok"
    assert shop.decide(SetSuspended("chess", B, is_suspended=True)) == "ok"
    assert shop.act(B, StockUp("chess", "rose", 1)) == "apps.suspended"
    assert shop.act(B, HandOut("chess", "rose", C)) == "apps.suspended"
    assert shop.sound()


def test_a_gift_is_made_to_order_and_passed_on() -> None:
    shop = Shop()
    assert shop.act(A, OrderGift(C, "REEL", 50, FILM, 60)) == "ok"
    assert (shop.held(A), shop.pot(ESCROW_POT)) == (FUNDS - 50, 50)
    assert shop.act(C, Deliver(1, FILM)) == "ok"
    assert (shop.held(C), shop.pot(REVENUE_POT), shop.pot(ESCROW_POT)) == (40, 10, 0)
    assert shop.act(B, PassOn(1, B)) == "gifts.not-the-owner"
    assert shop.act(A, PassOn(1, B)) == "ok"
    made = MADE.get(shop.world.state, 1)
    assert made is not None
    assert (made.owner, made.maker) == (B, C)
    assert shop.act(C, Deliver(1, FILM)) == "gifts.unknown-order"
    assert shop.sound()


@pytest.mark.parametrize("declined", [True, False])
def test_what_is_declined_or_late_is_paid_back(*, declined: bool) -> None:
    shop = Shop()
    shop.act(A, OrderGift(C, "REEL", 50, FILM, 60))
    if declined:
        assert shop.act(C, Decline(1)) == "ok"
    else:
        shop.wait(60)
    assert (shop.held(A), shop.pot(ESCROW_POT)) == (FUNDS, 0)
    assert shop.act(C, Deliver(1, FILM)) == "gifts.unknown-order"
    assert list(ORDERS.every(shop.world.state)) == []
    assert shop.sound()


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (A, Give("tulip", C, None, None), "gifts.unknown-gift"),
        (C, Give("rose", A, None, None), "token.insufficient-balance"),
        (A, StockUp("chess", "rose", 1), "apps.not-the-developer"),
        (B, StockUp("go-game", "rose", 1), "apps.unknown-app"),
        (B, StockUp("chess", "tulip", 1), "gifts.unknown-gift"),
        (A, HandOut("chess", "rose", C), "apps.not-the-developer"),
        (B, HandOut("go-game", "rose", C), "apps.unknown-app"),
        (B, HandOut("chess", "rose", C), "gifts.no-stock"),
        (B, HandOut("chess", "tulip", C), "gifts.unknown-gift"),
        (A, OrderGift(A, "REEL", 5, FILM, 60), "gifts.own-order"),
        (A, OrderGift(B, "NONE", 5, FILM, 60), "token.unknown-asset"),
        (C, OrderGift(B, "REEL", 5, FILM, 60), "token.insufficient-balance"),
        (A, Deliver(1, FILM), "gifts.not-the-maker"),
        (A, Decline(1), "gifts.not-the-maker"),
        (B, Decline(9), "gifts.unknown-order"),
        (A, PassOn(1, B), "gifts.unknown-made"),
    ],
)
def test_what_is_refused_changes_nothing(who: bytes, action: Action, code: str) -> None:
    shop = Shop()
    if code != "token.insufficient-balance":
        assert shop.act(A, OrderGift(B, "REEL", 5, FILM, 60)) == "ok"
    before = dict(shop.world.state.writes())
    assert shop.act(who, action) == code
    assert dict(shop.world.state.writes()) == before


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (ROSE, "gifts.gift-exists"),
        (ListGift("tulip", "NONE", 1, FILM), "token.unknown-asset"),
        (Retire("tulip"), "gifts.unknown-gift"),
    ],
)
def test_what_cannot_be_decided_is_named(action: Action, code: str) -> None:
    assert Shop().decide(action) == code


def test_a_retired_gift_is_not_given_nor_listed_again_at_another_price() -> None:
    shop = Shop()
    shop.decide(Retire("rose"))
    assert shop.act(A, Give("rose", C, None, None)) == "gifts.retired"
    assert shop.decide(Retire("rose")) == "gifts.retired"
    assert shop.decide(ROSE) == "gifts.gift-exists"


def test_gifting_oneself_costs_the_fee() -> None:
    """What it gains: a count, for the platform's fee; nothing that was not paid for."""
    shop = Shop()
    assert shop.act(A, Give("rose", A, None, None)) == "ok"
    assert shop.held(A) == FUNDS - 20


def test_the_invariant_sees_what_is_not_paid_for() -> None:
    shop = Shop()
    shop.act(B, StockUp("chess", "rose", 1))
    STOCKS.delete(shop.world.state, B, "rose")
    assert not shop.sound()


class GiftMachine(RuleBasedStateMachine):
    """Nothing is lost among gifts, stock and orders."""

    @initialize()
    def begin(self) -> None:
        """What people have."""
        self.shop = Shop()
        self.balances = Counter({who: self.shop.held(who) for who in (A, B, C)})
        self.stock, self.fees, self.sent = 0, 0, 0
        self.orders: dict[int, tuple[bytes, bytes, int, int]] = {}

    def paid(self, to: bytes, price: int) -> None:
        """Four fifths for the receiver, the rest for the platform."""
        fee = price // 5
        self.balances[to] += price - fee
        self.fees += fee

    @rule(who=st.sampled_from([A, B, C]), to=st.sampled_from([A, B, C]))
    def give(self, who: bytes, to: bytes) -> None:
        """Give a rose."""
        good = self.balances[who] >= 101
        assert (self.shop.act(who, Give("rose", to, None, None)) == "ok") is good
        if good:
            self.balances[who] -= 101
            self.paid(to, 101)

    @rule(pieces=st.integers(1, 3))
    def stock_up(self, pieces: int) -> None:
        """The app buys."""
        good = self.balances[B] >= 101 * pieces
        assert (self.shop.act(B, StockUp("chess", "rose", pieces)) == "ok") is good
        if good:
            self.balances[B] -= 101 * pieces
            self.stock += pieces

    @rule(to=st.sampled_from([A, B, C]))
    def win(self, to: bytes) -> None:
        """The app hands out."""
        good = self.stock > 0
        assert (self.shop.act(B, HandOut("chess", "rose", to)) == "ok") is good
        if good:
            self.stock -= 1
            self.paid(to, 101)

    @rule(who=st.sampled_from([A, B]), maker=st.sampled_from([A, B, C]), price=st.integers(1, 99))
    def order(self, who: bytes, maker: bytes, price: int) -> None:
        """Ask for one to be made."""
        good = who != maker and self.balances[who] >= price
        assert (self.shop.act(who, OrderGift(maker, "REEL", price, FILM, 60)) == "ok") is good
        if good:
            self.sent += 1
            self.balances[who] -= price
            self.orders[self.sent] = (who, maker, price, self.shop.time_ms + 60_000)

    @rule(who=st.sampled_from([A, B, C]), number=st.integers(1, 4), delivers=st.booleans())
    def end(self, who: bytes, number: int, delivers: bool) -> None:
        """Deliver or decline."""
        found = self.orders.get(number)
        good = found is not None and found[1] == who
        action = Deliver(number, FILM) if delivers else Decline(number)
        assert (self.shop.act(who, action) == "ok") is good
        if good and found is not None:
            del self.orders[number]
            if delivers:
                self.paid(who, found[2])
            else:
                self.balances[found[0]] += found[2]

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def wait(self, seconds: int) -> None:
        """Late ones are paid back."""
        self.shop.wait(seconds)
        for number, (orderer, _, price, until) in list(self.orders.items()):
            if until <= self.shop.time_ms:
                self.balances[orderer] += price
                del self.orders[number]

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        shop = self.shop
        assert {who: shop.held(who) for who in (A, B, C)} == dict(self.balances)
        assert shop.pot(STOCK_POT) == 101 * self.stock
        assert shop.pot(ESCROW_POT) == sum(price for _, _, price, _ in self.orders.values())
        assert shop.pot(REVENUE_POT) == self.fees
        assert shop.sound()


TestGiftMachine = GiftMachine.TestCase
TestGiftMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
