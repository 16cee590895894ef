"""Steps of prices and rewards: on their days, then never more."""

import pytest

from tests.vm.days import Days
from vm.modules.steps import SetSchedule, price_factor, reward_factor


def factors(stage: Days) -> tuple[int, int]:
    return price_factor(stage.world.state), reward_factor(stage.world.state)


def test_without_a_schedule_nothing_steps_up() -> None:
    stage = Days()
    stage.live(3)
    assert factors(stage) == (1, 1)


def test_each_step_comes_with_its_day_and_the_last_one_stays() -> None:
    stage = Days()
    assert stage.decide(SetSchedule((2, 3, 6), 2, 3)) == "ok"
    seen = [factors(stage)]
    for _ in range(8):
        stage.live()
        seen.append(factors(stage))
    assert seen == [(1, 1), (1, 1), (2, 3), *[(4, 9)] * 3, *[(8, 27)] * 3]


def test_days_without_a_block_bring_no_step() -> None:
    stage = Days()
    stage.decide(SetSchedule((2,), 2, 2))
    stage.time_ms += 10 * 60_000
    stage.live()
    assert factors(stage) == (1, 1)
    stage.live()
    assert factors(stage) == (2, 2)


@pytest.mark.parametrize("days", [(3, 3), (4, 3)])
def test_days_that_do_not_ascend_are_refused(days: tuple[int, ...]) -> None:
    stage = Days()
    assert stage.decide(SetSchedule(days, 2, 2)) == "steps.not-ascending"
    assert factors(stage) == (1, 1)
