"""Presets rehearsed: their schedules come out as published."""

import pytest

from genesis.preset import load_preset, preset_names
from genesis.rehearsal import rehearse

MONTH_DAYS = 30
TOKEN = 10**8


@pytest.mark.parametrize("name", preset_names())
def test_three_days_of_each_preset_leave_it_sound(name: str) -> None:
    *_, chain = rehearse(load_preset(name), 3)
    assert chain.wrong() == []


def test_wepos_is_released_month_by_month_and_what_a_phase_leaves_is_burned() -> None:
    months = [1, *[2] * 3, *[4] * 3, *[8] * 3, *[16] * 3]
    ends = {1: 1, 4: 7, 7: 19, 10: 43, 13: 91}  # months gone by, and all that was released then
    assert sum(months) == 91
    burned = 0
    for chain in rehearse(load_preset("wepos"), 14 * MONTH_DAYS):
        month, day = divmod(chain.day - 1, MONTH_DAYS)
        if day:
            continue
        burned = ends.get(month, burned)
        figures = chain.figures()["POS"]
        assert figures.released == sum(months[: month + 1]) * 10**6 * TOKEN
        assert figures.burned == burned * 10**6 * TOKEN
        assert figures.pots["participation"] == 9 * 10**6 * TOKEN
        assert figures.minted == 10**8 * TOKEN
        assert figures.circulating == 0
        assert chain.wrong() == []
