"""What attacks on apps gain: nothing, or what is computed here."""

from consensus.record import replace
from tests.vm.consumption import TOKEN, USDT, Consumption
from tests.vm.test_apps import CHESS, DEPOSIT, SWORD, WINDOW_S, A, B, Store, charge, pay
from tests.vm.world import FUNDS
from vm.modules.apps import (
    DEPOSIT_UNITS,
    REFUND_S,
    Disable,
    Enable,
    Refund,
    SetSuspended,
    Withdraw,
    settle_due,
)
from vm.modules.economy import today
from vm.modules.revenue import REVENUE_POT
from vm.modules.tokens import Issue


def test_a_developer_who_buys_in_its_own_app_pays_the_platform_for_the_looks_of_it() -> None:
    """A standing of n units of fees costs n units; payments that are refunded add nothing to it."""
    store = Store()
    assert store.act(B, Enable("chess", 0)) == "ok"
    for _ in range(10):
        assert store.act(B, pay(1_000, None)) == "ok"
    for number in range(1, 6):
        assert store.act(B, Refund("chess", number)) == "ok"
    store.wait(WINDOW_S)
    assert (store.app.settled, store.app.fees) == (5, 5 * 200)
    assert store.held(B) == FUNDS - DEPOSIT - store.app.fees
    assert store.pot(REVENUE_POT) == store.app.fees


def test_paying_and_refunding_in_a_circle_releases_nothing() -> None:
    """Consumption is rewarded (P2) for what the platform keeps: each of these payments costs the
    two nothing, and the day releases nothing for it; what is kept is rewarded when it settles."""
    stage = Consumption()
    REFUND_S.set(stage.world.state, WINDOW_S)
    DEPOSIT_UNITS.set(stage.world.state, 0)
    priced = replace(CHESS, asset="USDT")
    assert stage.decide(Issue(A, "USDT", 10 * USDT, "")) == "ok"
    for who, action in ((B, priced), (A, Enable("chess", 0))):
        assert stage.act(who, action) == "ok"
    for number in range(1, 4):
        assert stage.act(A, pay(10 * USDT, None)) == "ok"
        assert stage.act(B, Refund("chess", number)) == "ok"
    assert stage.act(A, pay(5 * USDT, None)) == "ok"
    stage.live()
    assert (stage.held(A, "USDT"), stage.released) == (5 * USDT, 0)
    stage.time_ms += 1000 * WINDOW_S
    stage.step(settle_due)
    stage.live()
    # A fifth of 5 USDT is the platform's: 10 tokens' worth, of which half is released.
    assert stage.released == 5 * TOKEN
    assert stage.sound()


def test_names_are_squatted_only_as_long_as_each_has_its_deposit() -> None:
    store = Store()
    for place in range(5):
        assert store.act(A, replace(CHESS, app=f"name-{place}")) == "ok"
    assert store.held(A) == FUNDS - 5 * DEPOSIT
    assert store.act(A, Withdraw("name-0")) == "ok"
    assert store.act(B, replace(CHESS, app="name-0")) == "ok"


def test_no_way_of_charging_takes_more_on_a_day_than_the_limit() -> None:
    """Neither many small charges, nor disabling and enabling again, nor a second registration of
    the same name by the same developer, nor a refund between resets what was charged."""
    store = Store()
    for units in (101, 100, 49):
        assert store.act(B, charge(units, None)) == "ok"
    assert store.act(B, Refund("chess", 1)) == "ok", "which does not make room"
    assert store.act(A, Disable("chess")) == "ok"
    assert store.act(A, Enable("chess", 250)) == "ok"
    assert store.act(B, charge(1, None)) == "apps.above-limit"
    assert store.act(B, Withdraw("chess")) == "ok"
    assert store.act(B, CHESS) == "ok"
    assert store.act(A, Enable("chess", 250)) == "ok"
    assert store.act(B, charge(1, None)) == "apps.above-limit"
    assert store.held(A) == FUNDS - 149


def test_around_the_turn_of_a_day_an_app_charges_the_limit_of_both_days_and_no_more() -> None:
    store = Store()
    first = today(store.world.state)
    assert store.act(B, charge(250, None)) == "ok"
    store.live()
    assert today(store.world.state) == first + 1
    assert store.act(B, charge(250, None)) == "ok"
    assert store.act(B, charge(1, None)) == "apps.above-limit"
    assert store.held(A) == FUNDS - 2 * 250


def test_a_raised_price_is_paid_by_nobody_who_named_another_and_charged_within_the_limit() -> None:
    store = Store()
    assert store.act(B, replace(SWORD, price=251)) == "ok"
    assert store.act(A, pay()) == "apps.other-price"
    assert store.act(B, charge(251)) == "apps.above-limit"
    assert store.held(A) == FUNDS


def test_a_suspended_developer_cannot_flee_with_its_deposit_to_another_name() -> None:
    store = Store()
    assert store.decide(SetSuspended("chess", B, is_suspended=True)) == "ok"
    assert store.act(B, Withdraw("chess")) == "apps.withdrawal-suspended"
    assert store.act(B, replace(CHESS, app="chess-again")) == "ok"
    assert store.held(B) == FUNDS - 2 * DEPOSIT
