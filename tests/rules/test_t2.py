"""T2: 1,250,000,000 WET: sale 50 %, foundation 30 %, incentives 10 %, team 5 %, community 5 %."""

from fractions import Fraction

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.days import Days
from vm.modules.tokens import ASSETS, BALANCES, Create, IssueToPot, pot_of
from vm.modules.vesting import GRANTS

DISABLED = Disabled("vm.modules.tokens.issuing.count_minted", lambda *arguments: None)

SUPPLY = 1_250_000_000 * 10**8


def test_the_preset_mints_all_at_once_in_the_published_shares() -> None:
    state = Rehearsal.of(load_preset("wetoken")).state
    row = ASSETS.get(state, "WET")
    assert row is not None
    assert row.minted == row.cap == SUPPLY
    sold = sum(row.amount for (_, asset), row in BALANCES.every(state) if asset == "WET")
    team = sum(grant.units for _, grant in GRANTS.every(state))
    parts = {name: pot_of(state, name, "WET") for name in ("foundation", "incentive", "community")}
    assert {name: Fraction(units, SUPPLY) for name, units in parts.items()} == {
        "foundation": Fraction(30, 100),
        "incentive": Fraction(10, 100),
        "community": Fraction(5, 100),
    }
    assert Fraction(team, SUPPLY) == Fraction(5, 100)
    assert Fraction(sold + pot_of(state, "sale", "WET"), SUPPLY) == Fraction(50, 100)


def test_the_team_waits_a_year_and_has_all_after_four() -> None:
    ((_, grant),) = GRANTS.every(Rehearsal.of(load_preset("wetoken")).state)
    assert grant.term is not None
    term = (grant.term.start_day, grant.term.cliff_day, grant.term.end_day)
    assert term == (0, 12 * 30, 48 * 30)


def test_nothing_mints_above_the_cap() -> None:
    stage = Days()
    assert stage.decide(Create("WET", "WeToken", 8, SUPPLY, True, True, None)) == "ok"
    assert stage.decide(IssueToPot("incentive", "WET", SUPPLY, "")) == "ok"
    assert stage.decide(IssueToPot("incentive", "WET", 1, "")) == "token.above-cap"
