"""P1: 10,000,000,000 PALT for ever: 51 % the community's reserve, 49 % pre-issued; no more ever."""

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.days import Days
from vm.modules.tokens import ASSETS, Create, Issue, IssueToPot
from vm.modules.vesting import GRANTS, RESERVES

DISABLED = Disabled("vm.modules.tokens.issuing.count_minted", lambda *arguments: None)

TOKEN = 10**8
SUPPLY = 10_000_000_000 * TOKEN


def test_the_preset_mints_all_at_once_in_the_published_shares() -> None:
    state = Rehearsal.of(load_preset("palchain")).state
    row = ASSETS.get(state, "PALT")
    assert row is not None
    assert row.minted == row.cap == SUPPLY
    reserve = RESERVES.get(state, "community")
    assert reserve is not None
    granted = sum(grant.units for _, grant in GRANTS.every(state))
    assert (reserve.units * 100, granted * 100) == (51 * SUPPLY, 49 * SUPPLY)


def test_nothing_mints_above_the_cap() -> None:
    stage = Days()
    assert stage.decide(Create("PALT", "PalChain Token", 8, SUPPLY, True, True, None)) == "ok"
    assert stage.decide(IssueToPot("reserve", "PALT", SUPPLY, "")) == "ok"
    for action in (IssueToPot("reserve", "PALT", 1, ""), Issue(bytes(32), "PALT", 1, "")):
        assert stage.decide(action) == "token.above-cap"
