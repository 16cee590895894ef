"""W3: from month 5 on, prices of redemptions and rewards double with each phase, then freeze."""

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from vm.modules.steps import price_factor, reward_factor

DISABLED = Disabled("vm.modules.steps.tables._steps_gone", lambda view, schedule: 0)


def test_prices_and_rewards_step_up_on_the_days_120_210_and_300_of_the_wepos_preset() -> None:
    chain, seen = Rehearsal.of(load_preset("wepos")), dict[int, tuple[int, int]]()
    for day in range(400):
        chain.live_day()
        seen[day] = price_factor(chain.state), reward_factor(chain.state)
    published = {119: 1, 120: 2, 209: 2, 210: 4, 299: 4, 300: 8, 399: 8}
    assert {day: seen[day] for day in published} == {
        day: (factor, factor) for day, factor in published.items()
    }
