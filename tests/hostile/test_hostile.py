"""Four real nodes under all attacks: they go on finalizing, and nothing is left of it."""

from pathlib import Path

import trio

from tests.hostile.attacks import ATTACKS
from tests.hostile.siege import Figures, besieged

DEADLINE_S = 800
IDS = 100
MAX_LAG_SLOTS = 3
MAX_GROWTH_BYTES = 20 * 1024 * 1024
MAX_CPU_RATIO = 1.5


def test_four_nodes_bear_every_attack(tmp_path: Path) -> None:
    async def main() -> Figures:
        with trio.fail_after(DEADLINE_S):
            async with besieged(tmp_path) as siege:
                return await siege.endure(ATTACKS, IDS)

    figures = trio.run(main)
    print(figures)
    assert figures.failed == []
    assert (figures.crashes, figures.faults) == (0, 0)
    assert figures.lag.lag <= MAX_LAG_SLOTS, str(figures)
    assert figures.growth_bytes <= MAX_GROWTH_BYTES, str(figures)
    assert figures.tasks[1] <= figures.tasks[0], str(figures)
    assert figures.cpu_ratio <= MAX_CPU_RATIO, str(figures)
