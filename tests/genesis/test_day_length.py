"""With shorter days, what lasts days shortens with them, and nothing else does."""

import pytest

from genesis.day_length import SHORTEST_S, scaled
from genesis.preset import load_preset, parse_preset, preset_names, preset_text

DAY_S = 86_400


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (7 * DAY_S, 7 * 20),
        (DAY_S - 1, DAY_S - 1),  # the time to answer a call, not of days
        (DAY_S, SHORTEST_S),
        (3 * DAY_S, 60),
        (3 * DAY_S + 1, 61),  # rounded up
        (365 * DAY_S, 7_300),
    ],
)
def test_what_lasts_days_shortens_in_proportion(duration_s: int, expected: int) -> None:
    assert scaled(duration_s, DAY_S, 20) == expected


def test_longer_days_lengthen_nothing() -> None:
    assert scaled(120, 60, 61) == 120
    assert load_preset("devnet", 61).chain == load_preset("devnet").chain


def test_a_preset_changes_where_it_says_seconds() -> None:
    usual, short = load_preset("palchain"), load_preset("palchain", 20)
    assert (usual.economy.day_s, short.economy.day_s) == (DAY_S, 20)
    assert short.chain.unbonding_s == 14 * 20
    stages = dict(short.government.policies)["business"].stages
    assert [stage.open_s for stage in stages] == [7 * 20]
    elections = next(each for each in short.setup.actions if each["type"] == "elections.found")
    assert (elections["term_s"], elections["open_s"]) == (365 * 20, 30 * 20)
    assert short.chain.slot_ms == usual.chain.slot_ms
    assert short.pots == usual.pots


def test_defaults_change_too_and_figures_of_the_preset_stay_what_they_are() -> None:
    short = load_preset("palchain", 20).parameters
    assert short["mana.regeneration_s"] == SHORTEST_S  # a day: the free credit is a daily one
    assert short["ratings.rate_s"] == 7 * 20
    assert "sessions.accept_s" not in short
    assert short["account.max_recovery_delay_s"] == 2_592_000  # its least
    assert short["mana.attested_gas"] == 200_000


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("day_s", [1, 60, 2 * DAY_S])
def test_each_preset_bears_it(name: str, day_s: int) -> None:
    assert load_preset(name, day_s).economy.day_s == day_s


def test_its_own_day_changes_nothing() -> None:
    text = preset_text("wepos")
    assert parse_preset(text, DAY_S) == parse_preset(text)
