"""The platform's fees: rounded down, in the pot, and in the account of their day alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, GENESIS_TIME_MS, World
from vm.context import Context
from vm.declare import BlockStep
from vm.modules.dividends import Open
from vm.modules.economy import turn_day
from vm.modules.pots import Destination, SetSplit, Share
from vm.modules.rebate import collect
from vm.modules.revenue import ACCOUNTS, DAYS_KEPT, REVENUE_POT, DayAccount, Income, take_in
from vm.modules.tokens import fill_pot, pot_of
from vm.registry import REGISTRY

DAY_MS = 60_000  # of devnet


@pytest.fixture
def stage() -> Stage:
    return Stage(World.begin(BARE))


def pay(
    stage: Stage,
    gross: int,
    fee_ppm: int,
    *,
    day: int = 0,
    asset: str = "REEL",
    source: str = "gifts",
    end: Sequence[BlockStep] = (),
) -> int:
    """The fee taken in a block of this day, which ends so."""
    fees: list[int] = []

    def take(context: Context) -> None:
        fees.append(
            collect(
                context,
                source=source,
                payer=ANNA.public,
                provider=BEN.public,
                asset=asset,
                gross=gross,
                fee_ppm=fee_ppm,
            )
        )

    time_ms = GENESIS_TIME_MS + day * DAY_MS + 1_000
    stage.step(turn_day, take, *end, block=replace(stage.block, time_ms=time_ms))
    return fees[0]


def came(fees: int, payments: int) -> DayAccount:
    """The account of a day on which gifts alone have brought something, which stays in the pot."""
    return DayAccount((Income("gifts", fees, payments),), 0, 0)


def accounts(stage: Stage) -> dict[tuple[int, str], DayAccount]:
    return dict(ACCOUNTS.every(stage.world.state))


def test_a_fee_is_rounded_down_into_the_pot_and_the_days_account(stage: Stage) -> None:
    assert pay(stage, 199, 100_000) == 19
    assert pay(stage, 10, 1_000_000) == 10
    assert pot_of(stage.world.state, REVENUE_POT, "REEL") == 29
    assert accounts(stage) == {(0, "REEL"): came(29, 2)}


def test_an_account_counts_no_further_than_it_can(stage: Stage) -> None:
    """The same units can be paid, shared out and paid again on a day."""
    pay(stage, 10, 1_000_000)
    ACCOUNTS.put(stage.world.state, came(2**64 - 3, 1), 0, "REEL")
    assert pay(stage, 10, 1_000_000) == 10
    assert accounts(stage) == {(0, "REEL"): came(2**64 - 1, 2)}


def test_a_fee_of_nothing_is_no_entry(stage: Stage) -> None:
    assert pay(stage, 9, 100_000) == 0
    assert pay(stage, 9, 0) == 0
    assert accounts(stage) == {}


def test_each_asset_and_each_day_has_its_own_account_and_a_closed_one_stays(stage: Stage) -> None:
    pay(stage, 5, 1_000_000)
    pay(stage, 6, 1_000_000, asset="USDT")
    pay(stage, 7, 1_000_000, day=1)
    assert accounts(stage) == {
        (0, "REEL"): came(5, 1),
        (0, "USDT"): came(6, 1),
        (1, "REEL"): came(7, 1),
    }


def test_accounts_are_kept_for_so_many_days_and_no_longer(stage: Stage) -> None:
    for day in (0, 1, DAYS_KEPT):
        pay(stage, 5, 1_000_000, day=day)
    assert [day for day, _ in accounts(stage)] == [0, 1, DAYS_KEPT]
    pay(stage, 5, 1_000_000, day=DAYS_KEPT + 1)
    assert [day for day, _ in accounts(stage)] == [1, DAYS_KEPT, DAYS_KEPT + 1]
    pay(stage, 5, 1_000_000, day=3 * DAYS_KEPT)
    pay(stage, 5, 1_000_000, day=3 * DAYS_KEPT + 1)
    assert [day for day, _ in accounts(stage)] == [3 * DAYS_KEPT, 3 * DAYS_KEPT + 1]


def test_a_days_account_says_whence_each_fee_came(stage: Stage) -> None:
    pay(stage, 5, 1_000_000, source="sessions")
    pay(stage, 6, 1_000_000)
    take_in(stage.world.state, source="market", asset="REEL", fee=8)
    take_in(stage.world.state, source="market", asset="REEL", fee=0)
    pay(stage, 7, 1_000_000, source="sessions")
    (account,) = accounts(stage).values()
    assert account.income == (
        Income("gifts", 6, 1),
        Income("market", 8, 1),
        Income("sessions", 12, 2),
    )
    assert account.fees == pot_of(stage.world.state, REVENUE_POT, "REEL") == 26


def test_a_days_account_says_what_became_of_the_fees(stage: Stage) -> None:
    split = SetSplit(
        REVENUE_POT,
        (
            Share(700_000, Destination(None, None, "REEL")),
            Share(200_000, Destination(None, None, None)),
        ),
        Destination("operations", None, None),
    )
    assert stage.act(bytes(32), Open("REEL", "REEL")) == "ok"
    assert stage.act(bytes(32), split) == "ok"
    for day in (0, 1):
        for fee in (99, 1):
            pay(stage, fee, 1_000_000, day=day, end=REGISTRY.end_steps)
    assert pot_of(stage.world.state, "operations", "REEL") == 2 * 10, "20 are burned"
    assert accounts(stage) == {
        (day, "REEL"): DayAccount((Income("gifts", 100, 2),), 70, 30) for day in (0, 1)
    }


def test_other_pots_are_no_revenue(stage: Stage) -> None:
    split = SetSplit("till", (), Destination("operations", None, None))
    assert stage.act(bytes(32), split) == "ok"

    def fill(context: Context) -> None:
        fill_pot(context.state, "till", "REEL", 5)

    stage.step(fill, *REGISTRY.end_steps)
    assert pot_of(stage.world.state, "operations", "REEL") == 5
    assert accounts(stage) == {}
