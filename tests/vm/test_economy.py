"""The community's days: when one begins, and that an outage counts none."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import InvalidBlock
from tests.vm.stage import Stage
from tests.vm.world import GENESIS_TIME_MS
from vm.context import Context
from vm.modules.economy import (
    CLOCK,
    ECONOMY,
    Clock,
    EconomyConstants,
    begins_day,
    days_with_blocks,
    go_on_from,
    today,
    turn_day,
)

DAY_MS = 60_000  # of devnet


@pytest.fixture
def stage() -> Stage:
    return Stage()


def seen(stage: Stage, heights: Iterator[int], time_ms: int) -> tuple[bool, int, int]:
    """What the block at this time makes of the day."""
    found: list[tuple[bool, int, int]] = []

    def look(context: Context) -> None:
        found.append((begins_day(context), today(context.state), days_with_blocks(context.state)))

    block = replace(stage.block, time_ms=GENESIS_TIME_MS + time_ms, height=next(heights))
    stage.step(turn_day, look, block=block)
    return found[0]


def test_a_day_begins_with_its_first_block_and_one_without_a_block_never(stage: Stage) -> None:
    heights = iter(range(1, 100))
    assert (today(stage.world.state), days_with_blocks(stage.world.state)) == (0, 0)
    assert seen(stage, heights, 1_000) == (True, 0, 1)
    assert seen(stage, heights, DAY_MS - 1) == (False, 0, 1)
    assert seen(stage, heights, DAY_MS) == (True, 1, 2)
    assert seen(stage, heights, 5 * DAY_MS + 7) == (True, 5, 3)
    assert CLOCK.get(stage.world.state) == Clock(5, 3, 4, GENESIS_TIME_MS + 6 * DAY_MS)


@given(st.lists(st.integers(0, 4 * DAY_MS), max_size=20))
def test_days_are_those_of_a_naive_count(steps: list[int]) -> None:
    stage, heights, time_ms, days = Stage(), iter(range(1, 100)), 0, set[int]()
    for step in steps:
        time_ms += step
        day = time_ms // DAY_MS
        begins = day not in days
        days.add(day)
        assert seen(stage, heights, time_ms) == (begins, day, len(days))


def test_a_new_chain_goes_on_with_the_day_that_the_old_one_had_reached(stage: Stage) -> None:
    heights = iter(range(1, 100))
    go_on_from(stage.world.state, GENESIS_TIME_MS)
    assert CLOCK.get(stage.world.state) is None
    seen(stage, heights, 1_000)
    seen(stage, heights, 7 * DAY_MS)
    go_on_from(stage.world.state, GENESIS_TIME_MS)
    assert ECONOMY.get(stage.world.state) == EconomyConstants(60, 7)
    assert seen(stage, iter([1]), 500) == (False, 7, 2)
    assert seen(stage, iter([2]), 2 * DAY_MS) == (True, 9, 3)


def test_a_state_without_the_constants_is_no_chains(stage: Stage) -> None:
    ECONOMY.delete(stage.world.state)
    with pytest.raises(InvalidBlock, match=r"economy\.constants"):
        stage.step(turn_day)
