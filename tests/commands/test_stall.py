"""`reelect status` in a stall."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.stalled import UNSIGNED, StalledWorld, open_stalled
from tests.commands.conftest import LivingTransport, Run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StalledWorld]:
    with open_stalled(tmp_path / "world") as made:
        yield made


def test_status_says_who_is_silent(world: StalledWorld, node: LivingTransport, run: Run) -> None:
    shown = run("status")
    assert shown.code == 0
    lines = {line.split("  ")[0]: line for line in shown.out.splitlines()}
    assert lines["stall"].endswith(
        "nothing has become final for 20 slots: 3 of 4 votes are needed, and these 2 producers "
        "are silent: p, p"
    )
    assert lines["signing"].endswith(UNSIGNED)
    assert lines["ready"].endswith("yes")
    assert run("status", "--json").json["stall"]["slots"] == 20  # type: ignore[index]


def test_status_says_nothing_of_it_otherwise(
    world: StalledWorld, node: LivingTransport, run: Run
) -> None:
    world.signing = ()
    world.now_ms = world.chain.clock.start_ms(9)
    shown = run("status")
    assert "stall" not in shown.out
    assert "signing" not in shown.out
