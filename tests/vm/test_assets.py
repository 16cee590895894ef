"""Assets: how they come to be, who issues, burns and pays them, and what that is refused for."""

import pytest

from consensus.codec import UINT64_MAX
from consensus.errors import ActionFailed, InvalidEncoding
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, FUNDS, World, pay
from vm.declare import Action
from vm.modules.stake import Bond
from vm.modules.tokens import (
    ASSETS,
    AssetRow,
    Burn,
    BurnPot,
    Create,
    GatewayIssue,
    Issue,
    IssueToPot,
    Pay,
    SetGateway,
    balance_of,
    pot_of,
)
from vm.modules.tokens.issuing import Created, GatewaySet, Issued
from vm.modules.tokens.paying import Paid, PotBurned
from vm.modules.tokens.transferring import Burned
from vm.registry import REGISTRY

POLICY = b"p" * 32
USDT = Create("USDT", "Tether", 6, 1_000, True, True, CLEO.public)


@pytest.fixture
def stage() -> Stage:
    made = Stage(World.begin(BARE))
    assert made.act(POLICY, USDT) == "ok"
    made.events.clear()
    return made


def row(stage: Stage, asset: str = "USDT") -> AssetRow:
    found = ASSETS.get(stage.world.state, asset)
    assert found is not None
    return found


def sound(stage: Stage) -> bool:
    broken = list(REGISTRY.broken_invariants(stage.world.state))
    assert broken == []
    return not broken


def failure(stage: Stage, sender: bytes, action: Action) -> tuple[str, str]:
    context = stage.context(sender)
    with pytest.raises(ActionFailed) as caught:
        action.apply(context)
    return caught.value.code, caught.value.field


def test_an_asset_begins_with_nothing_issued() -> None:
    stage = Stage(World.begin(BARE))
    assert stage.act(POLICY, USDT) == "ok"
    assert row(stage) == AssetRow("Tether", 6, 0, 0, 1_000, True, True, CLEO.public)
    assert stage.events == [Created("USDT", 1_000, CLEO.public)]
    assert stage.act(POLICY, USDT) == "token.asset-exists"
    assert stage.act(POLICY, Create("REEL", "Real", 2, 7, False, False, None)) == (
        "token.asset-exists"
    )


def test_a_gateway_issues_what_it_keeps_and_burns_what_it_gives_back(stage: Stage) -> None:
    assert stage.act(CLEO.public, GatewayIssue(ANNA.public, "USDT", 600, "tx 0x1")) == "ok"
    assert stage.act(ANNA.public, pay(CLEO, 500, "USDT", "to 0x2")) == "ok"
    assert stage.act(CLEO.public, Burn("USDT", 500, "tx 0x3")) == "ok"
    assert (row(stage).minted, row(stage).burned) == (600, 500)
    assert balance_of(stage.world.state, ANNA.public, "USDT") == 100
    assert stage.events[0] == Issued(ANNA.public, None, "USDT", 600, "tx 0x1")
    assert stage.events[-1] == Burned(CLEO.public, "USDT", 500, "tx 0x3")
    assert sound(stage)


def test_burning_makes_no_room_below_the_cap(stage: Stage) -> None:
    """K1."""
    for _ in range(2):
        assert stage.act(CLEO.public, GatewayIssue(CLEO.public, "USDT", 500, "")) == "ok"
        assert stage.act(CLEO.public, Burn("USDT", 500, "")) == "ok"
    assert stage.act(CLEO.public, GatewayIssue(CLEO.public, "USDT", 1, "")) == "token.above-cap"
    assert stage.act(POLICY, Issue(CLEO.public, "USDT", 1, "")) == "token.above-cap"
    assert stage.act(POLICY, IssueToPot("treasury", "USDT", 1, "")) == "token.above-cap"
    assert sound(stage)


def test_an_asset_that_is_issued_up_to_its_cap_is_fixed_for_ever(stage: Stage) -> None:
    """P1."""
    left = row(stage, "REEL").cap - 2 * FUNDS
    assert stage.act(POLICY, IssueToPot("reserve", "REEL", left, "")) == "ok"
    assert stage.act(POLICY, Issue(ANNA.public, "REEL", 1, "")) == "token.above-cap"
    assert stage.act(POLICY, SetGateway("REEL", CLEO.public)) == "ok"
    assert stage.act(CLEO.public, GatewayIssue(CLEO.public, "REEL", 1, "")) == "token.above-cap"
    assert sound(stage)


def test_only_the_gateway_of_now_issues(stage: Stage) -> None:
    issue = GatewayIssue(BEN.public, "USDT", 1, "")
    assert failure(stage, BEN.public, issue) == ("token.not-the-gateway", "asset")
    assert stage.act(POLICY, SetGateway("USDT", BEN.public)) == "ok"
    assert stage.events == [GatewaySet("USDT", BEN.public)]
    assert stage.act(CLEO.public, issue) == "token.not-the-gateway"
    assert stage.act(BEN.public, issue) == "ok"
    assert stage.act(POLICY, SetGateway("USDT", None)) == "ok"
    assert stage.act(BEN.public, issue) == "token.not-the-gateway"
    assert row(stage).minted == 1


def test_what_is_issued_to_a_pot_is_paid_and_burned_out_of_it(stage: Stage) -> None:
    assert stage.act(POLICY, IssueToPot("treasury", "USDT", 100, "start")) == "ok"
    assert stage.act(POLICY, Pay("treasury", BEN.public, "USDT", 30, "wages")) == "ok"
    assert stage.act(POLICY, BurnPot("treasury", "USDT", 70, "bye")) == "ok"
    assert stage.events == [
        Issued(None, "treasury", "USDT", 100, "start"),
        Paid("treasury", BEN.public, "USDT", 30, "wages"),
        PotBurned("treasury", "USDT", 70, "bye"),
    ]
    assert balance_of(stage.world.state, BEN.public, "USDT") == 30
    assert (row(stage).minted, row(stage).burned) == (100, 70)
    assert sound(stage)


def test_no_more_is_taken_than_there_is(stage: Stage) -> None:
    stage.act(POLICY, IssueToPot("treasury", "USDT", 100, ""))
    for action in (
        Pay("treasury", BEN.public, "USDT", 101, ""),
        BurnPot("treasury", "USDT", 101, ""),
    ):
        assert failure(stage, POLICY, action) == ("token.insufficient-pot", "amount")
    assert failure(stage, ANNA.public, Burn("USDT", 1, "")) == (
        "token.insufficient-balance",
        "amount",
    )
    assert pot_of(stage.world.state, "treasury", "USDT") == 100


@pytest.mark.parametrize(
    "action",
    [
        Issue(ANNA.public, "GOLD", 1, ""),
        IssueToPot("treasury", "GOLD", 1, ""),
        GatewayIssue(ANNA.public, "GOLD", 1, ""),
        SetGateway("GOLD", None),
        Burn("GOLD", 1, ""),
    ],
)
def test_an_asset_that_does_not_exist_is_named(stage: Stage, action: Action) -> None:
    assert failure(stage, ANNA.public, action) == ("token.unknown-asset", "asset")


@pytest.mark.parametrize("pot", ["stake.bonded", "", "Treasury", "9"])
def test_a_proposal_reaches_no_pot_that_a_module_keeps(pot: str) -> None:
    Stage(World.begin(BARE)).act(ANNA.public, Bond(5))
    for wire in (
        ["token.pay", 1, pot, ANNA.public, "REEL", 1, ""],
        ["token.issue_to_pot", 1, pot, "REEL", 1, ""],
        ["token.burn_pot", 1, pot, "REEL", 1, ""],
    ):
        with pytest.raises(InvalidEncoding) as caught:
            REGISTRY.unpack_governed(wire)  # type: ignore[arg-type]
        assert caught.value.field == "pot"


def test_what_is_not_transferable_still_pays_and_burns(stage: Stage) -> None:
    assert stage.act(POLICY, Create("POINT", "Point", 0, 10, False, False, None)) == "ok"
    assert stage.act(POLICY, Issue(ANNA.public, "POINT", 5, "")) == "ok"
    assert failure(stage, ANNA.public, pay(BEN, 1, "POINT")) == ("token.not-transferable", "asset")
    assert stage.act(ANNA.public, Burn("POINT", 2, "")) == "ok"
    assert stage.act(POLICY, IssueToPot("prizes", "POINT", 1, "")) == "ok"
    assert stage.act(POLICY, Pay("prizes", BEN.public, "POINT", 1, "")) == "ok"
    assert sound(stage)


def test_the_largest_cap_is_never_exceeded(stage: Stage) -> None:
    assert stage.act(POLICY, Create("MANY", "Many", 0, UINT64_MAX, True, True, None)) == "ok"
    assert stage.act(POLICY, Issue(ANNA.public, "MANY", UINT64_MAX, "")) == "ok"
    assert stage.act(POLICY, IssueToPot("pot", "MANY", UINT64_MAX, "")) == "token.above-cap"
    assert sound(stage)


def test_kol_pays_500_leaders_for_10_months_out_of_its_genesis_issue(stage: Stage) -> None:
    """K1: 500 x 1,000 x 10 = 5,000,000 of the cap of 21,000,000."""
    unit = 10**8
    cap = 21_000_000 * unit
    assert stage.act(POLICY, Create("KOL", "KOL", 8, cap, True, True, None)) == "ok"
    assert stage.act(POLICY, IssueToPot("leaders", "KOL", 5_000_000 * unit, "")) == "ok"
    leaders = [i.to_bytes(32, "big") for i in range(1, 501)]
    for leader in leaders:
        assert stage.act(POLICY, Pay("leaders", leader, "KOL", 10 * 1_000 * unit, "")) == "ok"
    assert pot_of(stage.world.state, "leaders", "KOL") == 0
    assert balance_of(stage.world.state, leaders[-1], "KOL") == 10_000 * unit
    assert stage.act(POLICY, BurnPot("leaders", "KOL", 1, "")) == "token.insufficient-pot"
    assert stage.act(POLICY, IssueToPot("quota", "KOL", 16_000_001 * unit, "")) == "token.above-cap"
    assert stage.act(POLICY, IssueToPot("quota", "KOL", 16_000_000 * unit, "")) == "ok"
    assert sound(stage)


def test_nobody_sends_what_is_governed() -> None:
    for name in ("create", "set_gateway", "issue", "issue_to_pot", "pay", "burn_pot"):
        assert REGISTRY.actions[f"token.{name}"].governed
    assert REGISTRY.action_gas(Burn("REEL", 1, ""), World.begin().state) == 1_000
