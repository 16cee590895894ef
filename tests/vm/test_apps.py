"""Apps: registered, enabled, paid in, charged within limits, refunded; and what is refused."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import RAW, cid_of
from consensus.record import replace
from tests.vm.days import DAY_MS, Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.declare import Action
from vm.modules.apps import (
    APPS,
    BOUGHT,
    CHARGED,
    DEPOSIT_POT,
    DEPOSIT_UNITS,
    ENABLINGS,
    FEES_POT,
    ITEMS,
    MOST_ITEMS,
    OFFICIAL_FEE_PPM,
    PAID,
    PAYMENTS,
    REFUND_S,
    SETTLED_A_BLOCK,
    App,
    Bought,
    Charge,
    Disable,
    Enable,
    Enabling,
    Item,
    Pay,
    Payment,
    Refund,
    Register,
    RemoveItem,
    SetItem,
    SetOfficial,
    SetSuspended,
    Update,
    Withdraw,
    settle_due,
)
from vm.modules.revenue import ACCOUNTS, REVENUE_POT, Income
from vm.modules.tokens import Create, Transfer

A, B, C = ANNA.public, BEN.public, CLEO.public
PAGE, NEXT_PAGE = cid_of(RAW, b"page"), cid_of(RAW, b"next page")
DEPOSIT, WINDOW_S = 1_000, 600
CHESS = Register("chess", "game", "Chess", PAGE, "REEL", takes_any_amount=True)
SWORD = SetItem("chess", "sword", "A sword", 101)


@dataclass
class Store(Days):
    """Ben offers chess, in which a sword costs 101 units, of which the platform gets a fifth,
    rounded down; Anna has it enabled, and lets it charge 250 units a day."""

    def __post_init__(self) -> None:
        super().__post_init__()
        DEPOSIT_UNITS.set(self.world.state, DEPOSIT)
        REFUND_S.set(self.world.state, WINDOW_S)
        for who, action in ((B, CHESS), (B, SWORD), (A, Enable("chess", 250))):
            assert self.act(who, action) == "ok"

    def wait(self, seconds: int) -> None:
        """Time goes by, in the same day."""
        self.time_ms += 1000 * seconds
        self.step(settle_due)

    @property
    def app(self) -> App:
        """Chess."""
        row = APPS.get(self.world.state, "chess")
        assert row is not None
        return row

    def bought(self, who: bytes = A) -> Bought | None:
        """How many swords somebody has."""
        return BOUGHT.get(self.world.state, who, "chess", "sword")


def pay(units: int = 101, item: str | None = "sword", memo: str = "") -> Pay:
    return Pay("chess", item, units, memo)


def charge(units: int = 101, item: str | None = "sword", payer: bytes = A) -> Charge:
    return Charge("chess", payer, item, units, "")


def test_an_app_is_registered_for_a_deposit_that_comes_back_when_it_is_withdrawn() -> None:
    store = Store()
    assert (store.held(B), store.pot(DEPOSIT_POT)) == (FUNDS - DEPOSIT, DEPOSIT)
    registered = App(
        1, B, "game", "Chess", PAGE, 1, "REEL", True, DEPOSIT, False, False, 1, 1, 0, 0
    )
    assert store.app == registered
    assert store.act(B, Update("chess", "Chess 2", NEXT_PAGE, takes_any_amount=False)) == "ok"
    updated = replace(
        registered, title="Chess 2", manifest=NEXT_PAGE, versions=2, takes_any_amount=False
    )
    assert store.app == updated
    DEPOSIT_UNITS.set(store.world.state, 7)
    assert store.act(B, Withdraw("chess")) == "ok"
    assert (store.held(B), store.pot(DEPOSIT_POT)) == (FUNDS, 0)
    assert list(ITEMS.every(store.world.state)) == []
    assert store.act(A, pay()) == "apps.unknown-app"
    assert store.sound()


def test_a_payment_says_what_was_bought_and_pays_the_developer_at_once() -> None:
    store = Store()
    assert store.act(A, pay(memo="order 7")) == "ok"
    assert (store.held(A), store.held(B)) == (FUNDS - 101, FUNDS - DEPOSIT + 81)
    assert (store.pot(FEES_POT), store.pot(REVENUE_POT)) == (20, 0)
    now_ms = store.time_ms
    rows = [(key, row) for key, row in PAYMENTS.every(store.world.state)]
    sold = Payment(
        1, A, B, "sword", "REEL", 101, 20, False, "order 7", now_ms, now_ms + 1000 * WINDOW_S
    )
    assert rows == [(("chess", 1), sold)]
    assert store.bought() == Bought(1, 1)
    assert store.act(A, pay(7, None)) == "ok"
    assert store.bought() == Bought(1, 1)
    assert store.sound()


def test_what_is_refunded_in_time_comes_back_whole_and_counts_nowhere() -> None:
    store = Store()
    store.act(A, pay())
    store.act(A, pay())
    assert store.act(B, Refund("chess", 1)) == "ok"
    assert (store.held(A), store.held(B)) == (FUNDS - 101, FUNDS - DEPOSIT + 81)
    assert store.bought() == Bought(1, 1)
    assert store.act(B, Refund("chess", 1)) == "apps.unknown-payment"
    assert store.act(B, Refund("chess", 2)) == "ok"
    assert (store.held(A), store.held(B)) == (FUNDS, FUNDS - DEPOSIT)
    assert (store.bought(), store.pot(FEES_POT)) == (None, 0)
    store.wait(WINDOW_S)
    assert (store.app.settled, store.app.fees, store.pot(REVENUE_POT)) == (0, 0, 0)
    assert store.sound()


def test_what_is_not_refunded_in_time_is_the_platforms_income_and_counts_for_the_app() -> None:
    store = Store()
    store.act(A, pay())
    store.time_ms += 1000 * WINDOW_S - 1
    store.step(settle_due)
    assert (store.pot(FEES_POT), store.app.settled) == (20, 0)
    store.time_ms += 1
    assert store.act(B, Refund("chess", 1)) == "apps.too-late", "also before the block's step"
    store.step(settle_due)
    assert (store.pot(FEES_POT), store.pot(REVENUE_POT)) == (0, 20)
    ((_, account),) = ACCOUNTS.every(store.world.state)
    assert account.income == (Income("apps", 20, 1),)
    assert (store.app.settled, store.app.fees) == (1, 20)
    assert store.bought() == Bought(1, 1), "what was bought stays bought"
    assert list(PAYMENTS.every(store.world.state)) == []
    assert list(PAID.every(store.world.state)) == []
    assert store.act(B, Refund("chess", 1)) == "apps.unknown-payment"
    assert store.sound()


def test_many_payments_are_settled_in_batches() -> None:
    store = Store()
    for _ in range(SETTLED_A_BLOCK + 1):
        assert store.act(A, pay(5, None)) == "ok"
    store.wait(WINDOW_S)
    assert (store.app.settled, store.pot(FEES_POT)) == (SETTLED_A_BLOCK, 1)
    store.wait(0)
    assert (store.app.settled, store.pot(FEES_POT)) == (SETTLED_A_BLOCK + 1, 0)


def test_an_app_charges_within_the_limit_of_a_day() -> None:
    store = Store()
    assert [store.act(B, charge()) for _ in range(3)] == ["ok", "ok", "apps.above-limit"]
    assert store.act(B, charge(48, None)) == "ok"
    assert store.act(B, charge(1, None)) == "apps.above-limit"
    assert store.held(A) == FUNDS - 250
    assert store.act(A, pay()) == "ok", "what the user pays is beside the limit"
    store.live()
    assert store.act(B, charge()) == "ok"
    assert [key for key, _ in CHARGED.every(store.world.state)] == [(1, A, "chess")]
    first, *_ = (row for _, row in PAYMENTS.every(store.world.state))
    assert first.is_charge
    assert store.sound()


def test_a_limit_of_nothing_lets_the_app_charge_nothing() -> None:
    store = Store()
    assert store.act(A, Enable("chess", 0)) == "ok"
    assert store.app.enabled == 1
    assert store.act(B, charge(1, None)) == "apps.above-limit"
    assert store.act(A, pay()) == "ok"


def test_who_disables_an_app_is_charged_no_more_and_pays_no_more() -> None:
    store = Store()
    assert store.act(A, Disable("chess")) == "ok"
    assert store.app.enabled == 0
    assert store.act(B, charge()) == "apps.not-enabled"
    assert store.act(A, pay()) == "apps.not-enabled"
    assert store.act(A, Disable("chess")) == "apps.not-enabled"
    assert store.sound()


def test_an_official_app_stands_in_the_registry_with_a_split_of_its_own() -> None:
    store = Store()
    OFFICIAL_FEE_PPM.set(store.world.state, 1_000_000)
    assert store.decide(SetOfficial("chess", B, is_official=True)) == "ok"
    before = store.held(B)
    assert store.act(A, pay()) == "ok"
    assert (store.held(B), store.pot(FEES_POT)) == (before, 101)
    assert store.decide(SetOfficial("chess", B, is_official=False)) == "ok"
    assert store.act(A, pay()) == "ok"
    assert store.held(B) == before + 81


def test_a_suspended_app_is_neither_enabled_nor_paid_nor_withdrawn_but_refunds() -> None:
    store = Store()
    store.act(A, pay())
    assert store.decide(SetSuspended("chess", B, is_suspended=True)) == "ok"
    for who, action in ((A, pay()), (B, charge()), (C, Enable("chess", 1))):
        assert store.act(who, action) == "apps.suspended"
    assert store.act(B, Withdraw("chess")) == "apps.withdrawal-suspended"
    assert store.act(B, Refund("chess", 1)) == "ok"
    assert store.act(B, Update("chess", "Mended", NEXT_PAGE, takes_any_amount=True)) == "ok"
    assert store.decide(SetSuspended("chess", B, is_suspended=False)) == "ok"
    assert store.act(A, pay()) == "ok"
    assert store.act(B, Withdraw("chess")) == "ok"


def test_payments_in_a_withdrawn_app_are_refunded_or_settled_all_the_same() -> None:
    store = Store()
    store.act(A, pay())
    store.act(A, pay(7, None))
    assert store.act(B, Withdraw("chess")) == "ok"
    assert store.act(B, Refund("chess", 1)) == "ok"
    assert store.act(C, CHESS) == "apps.deposit-missing"
    assert store.act(A, CHESS) == "ok"
    store.wait(WINDOW_S)
    assert (store.app.developer, store.app.settled, store.pot(REVENUE_POT)) == (A, 0, 1)
    assert store.sound()


def test_another_app_of_a_name_that_was_withdrawn_takes_over_no_user_and_no_purchase() -> None:
    store = Store()
    store.act(A, pay())
    store.act(B, Withdraw("chess"))
    assert store.act(A, CHESS) == "ok"
    assert store.act(A, replace(SWORD, price=5)) == "ok"
    assert ENABLINGS.get(store.world.state, A, "chess") == Enabling(1, 250)
    assert store.app.enabled == 0
    assert store.act(A, charge()) == "apps.not-enabled"
    assert store.act(A, pay(5)) == "apps.not-enabled"
    assert store.act(A, Enable("chess", 0)) == "ok"
    assert store.act(A, pay(5)) == "ok"
    assert store.bought() == Bought(2, 1)
    assert store.act(B, Refund("chess", 1)) == "ok", "a payment to the first app"
    assert store.bought() == Bought(2, 1)
    assert store.sound()


def test_who_had_a_withdrawn_app_enabled_can_disable_it() -> None:
    store = Store()
    store.act(B, Withdraw("chess"))
    assert store.act(A, Disable("chess")) == "ok"
    assert list(ENABLINGS.every(store.world.state)) == []


def test_an_app_has_so_many_items_at_most_and_changes_their_prices() -> None:
    store = Store()
    for place in range(MOST_ITEMS - 1):
        assert store.act(B, SetItem("chess", f"item-{place}", "An item", 1)) == "ok"
    assert store.act(B, SetItem("chess", "more", "One more", 1)) == "apps.too-many-items"
    assert store.act(B, replace(SWORD, price=9)) == "ok"
    assert ITEMS.get(store.world.state, "chess", "sword") == Item("A sword", 9)
    assert store.act(A, pay()) == "apps.other-price"
    assert store.act(B, RemoveItem("chess", "item-1")) == "ok"
    assert store.act(B, SetItem("chess", "more", "One more", 1)) == "ok"
    assert store.sound()
    assert store.act(B, Withdraw("chess")) == "ok"
    assert list(ITEMS.every(store.world.state)) == []


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (A, CHESS, "apps.name-taken"),
        (A, replace(CHESS, app="other", asset="NONE"), "token.unknown-asset"),
        (A, replace(CHESS, app="other", asset="STUCK"), "token.not-transferable"),
        (C, replace(CHESS, app="other"), "apps.deposit-missing"),
        (A, Update("chess", "x", PAGE, takes_any_amount=True), "apps.not-the-developer"),
        (A, Update("go-game", "x", PAGE, takes_any_amount=True), "apps.unknown-app"),
        (A, Withdraw("chess"), "apps.not-the-developer"),
        (A, SWORD, "apps.not-the-developer"),
        (A, RemoveItem("chess", "sword"), "apps.not-the-developer"),
        (B, RemoveItem("chess", "shield"), "apps.unknown-item"),
        (A, Enable("go-game", 1), "apps.unknown-app"),
        (B, Disable("chess"), "apps.not-enabled"),
        (B, pay(), "apps.not-enabled"),
        (A, pay(item="shield"), "apps.unknown-item"),
        (A, pay(100), "apps.other-price"),
        (A, pay(FUNDS + 1, None), "token.insufficient-balance"),
        (A, charge(), "apps.not-the-developer"),
        (B, charge(payer=C), "apps.not-enabled"),
        (B, charge(100), "apps.other-price"),
        (B, charge(item="shield"), "apps.unknown-item"),
        (B, charge(251, None), "apps.above-limit"),
        (A, Refund("chess", 1), "apps.not-the-developer"),
        (B, Refund("chess", 2), "apps.unknown-payment"),
        (B, Refund("go-game", 1), "apps.unknown-payment"),
    ],
)
def test_what_is_refused_changes_nothing(who: bytes, action: Action, code: str) -> None:
    store = Store()
    stuck = Create("STUCK", "Stuck", 0, 1, False, False, None)
    assert store.decide(stuck) == "ok"
    assert store.act(A, pay(7, None)) == "ok"
    before = dict(store.world.state.writes())
    assert store.act(who, action) == code
    assert dict(store.world.state.writes()) == before


def test_an_app_that_takes_no_free_amounts_is_paid_for_its_items_alone() -> None:
    store = Store()
    store.act(B, Update("chess", "Chess", PAGE, takes_any_amount=False))
    assert store.act(A, pay(7, None)) == "apps.items-only"
    assert store.act(B, charge(7, None)) == "apps.items-only"
    assert store.act(A, pay()) == "ok"


def test_who_cannot_pay_is_not_charged_and_who_has_spent_it_cannot_refund() -> None:
    store = Store()
    assert store.act(C, Enable("chess", 1_000)) == "ok"
    assert store.act(B, charge(payer=C)) == "token.insufficient-balance"
    store.act(A, pay(100, None))
    assert store.act(B, Transfer(A, "REEL", store.held(B), "")) == "ok"
    assert store.act(B, Refund("chess", 1)) == "token.insufficient-balance"
    assert store.act(A, Transfer(B, "REEL", 80, "")) == "ok"
    assert store.act(B, Refund("chess", 1)) == "ok"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SetOfficial("chess", A, is_official=True), "apps.not-the-developer"),
        (SetOfficial("go-game", B, is_official=True), "apps.unknown-app"),
        (SetOfficial("chess", B, is_official=False), "apps.already-official"),
        (SetSuspended("chess", A, is_suspended=True), "apps.not-the-developer"),
        (SetSuspended("go-game", B, is_suspended=True), "apps.unknown-app"),
        (SetSuspended("chess", B, is_suspended=False), "apps.already-suspended"),
    ],
)
def test_what_cannot_be_decided_is_named(action: Action, code: str) -> None:
    assert Store().decide(action) == code


@pytest.mark.parametrize(
    "harm",
    [
        lambda state: ENABLINGS.delete(state, A, "chess"),
        lambda state: ITEMS.delete(state, "chess", "sword"),
        lambda state: PAID.delete(state, A, 1, "chess"),
        lambda state: APPS.delete(state, "chess"),
        lambda state: PAYMENTS.delete(state, "chess", 1),
    ],
)
def test_the_invariants_see_what_is_amiss(harm: object) -> None:
    store = Store()
    store.act(A, pay())
    assert store.sound()
    assert callable(harm)
    harm(store.world.state)
    assert not store.sound()


class StoreMachine(RuleBasedStateMachine):
    """Nothing is lost among deposits, payments, charges and refunds."""

    @initialize()
    def begin(self) -> None:
        """What people have."""
        self.store = Store()
        self.balances = Counter({who: self.store.held(who) for who in (A, B, C)})
        self.limits = {A: 250}
        self.charged: Counter[tuple[int, bytes]] = Counter()
        self.payments: dict[int, tuple[bytes, int, int]] = {}
        self.made, self.day, self.settled, self.fees = 0, 0, 0, 0
        self.day_over_ms = self.store.time_ms + DAY_MS

    def paid(self, who: bytes, units: int) -> None:
        """Four fifths for Ben at once, the rest held."""
        fee = units // 5
        self.made += 1
        self.balances[who] -= units
        self.balances[B] += units - fee
        self.payments[self.made] = (who, units, self.store.time_ms + 1000 * WINDOW_S)

    @rule(who=st.sampled_from([A, B, C]), limit=st.sampled_from([0, 101, 300]))
    def enable(self, who: bytes, limit: int) -> None:
        """Enable, or change the limit."""
        assert self.store.act(who, Enable("chess", limit)) == "ok"
        self.limits[who] = limit

    @rule(who=st.sampled_from([A, B, C]))
    def disable(self, who: bytes) -> None:
        """Disable."""
        assert (self.store.act(who, Disable("chess")) == "ok") is (who in self.limits)
        self.limits.pop(who, None)

    @rule(who=st.sampled_from([A, B, C]), units=st.integers(1, 300))
    def pay(self, who: bytes, units: int) -> None:
        """Pay any amount."""
        good = who in self.limits and self.balances[who] >= units
        assert (self.store.act(who, pay(units, None)) == "ok") is good
        if good:
            self.paid(who, units)

    @rule(who=st.sampled_from([A, B, C]), units=st.sampled_from([1, 101, 150]))
    def charge(self, who: bytes, units: int) -> None:
        """Ben charges."""
        today = self.charged[self.day, who] + units
        good = today <= self.limits.get(who, -1) and self.balances[who] >= units
        assert (self.store.act(B, charge(units, None, who)) == "ok") is good
        if good:
            self.charged[self.day, who] = today
            self.paid(who, units)

    @rule(number=st.integers(1, 6))
    def refund(self, number: int) -> None:
        """Ben refunds."""
        payer, units, _ = self.payments.get(number, (A, 0, 0))
        good = number in self.payments and self.balances[B] >= units - units // 5
        assert (self.store.act(B, Refund("chess", number)) == "ok") is good
        if good:
            self.balances[B] -= units - units // 5
            self.balances[payer] += units
            del self.payments[number]

    @rule(days=st.sampled_from([1, 5, 11]))
    def wait(self, days: int) -> None:
        """Days go by; what is due is settled."""
        for _ in range(days):
            self.store.live()
        self.day += days
        self.store.step(settle_due)
        for number, (_, units, until_ms) in list(self.payments.items()):
            if until_ms <= self.store.time_ms:
                self.settled += 1
                self.fees += units // 5
                del self.payments[number]

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        store = self.store
        assert {who: store.held(who) for who in (A, B, C)} == dict(self.balances)
        assert store.pot(FEES_POT) == sum(units // 5 for _, units, _ in self.payments.values())
        assert store.pot(REVENUE_POT) == self.fees
        app = store.app
        assert (app.enabled, app.settled, app.fees) == (len(self.limits), self.settled, self.fees)
        assert store.sound()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
