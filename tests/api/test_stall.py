"""A stall as the API shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.query.answers import SilentProducer, StallAnswer, StatusAnswer
from tests.api.stalled import UNSIGNED, StalledWorld, open_stalled
from tests.api.test_metrics import metrics_of, values
from tests.api.world import SEATS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StalledWorld]:
    with open_stalled(tmp_path) as made:
        yield made


async def test_the_status_says_why_nothing_becomes_final(world: StalledWorld) -> None:
    async with world.client() as client:
        response = await client.get("/v1/status")
    silent = sorted(SEATS)[2:]
    status = StatusAnswer.from_json(response.json())
    assert status.stall == StallAnswer(
        20, 3, 4, tuple(SilentProducer(each, "p") for each in silent)
    )
    assert status.signing == (UNSIGNED,)
    assert response.json()["stall"]["silent"][0]["producer"].startswith("reel1")


async def test_the_node_is_ready_all_the_same(world: StalledWorld) -> None:
    async with world.client() as client:
        response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "reasons": []}


async def test_nothing_is_said_before_it_is_late(world: StalledWorld) -> None:
    world.signing = ()
    world.now_ms = world.chain.clock.start_ms(9)
    async with world.client() as client:
        answer = (await client.get("/v1/status")).json()
    assert (answer["stall"], answer["signing"]) == (None, [])
    found = values(await metrics_of(world))
    assert found["reelect_stall_slots"] == 0
    assert found["reelect_silent_members"] == 0
    assert found["reelect_unsigned"] == 0


async def test_metrics_count_the_silent(world: StalledWorld) -> None:
    found = values(await metrics_of(world))
    assert found["reelect_stall_slots"] == 20
    assert found["reelect_finality_lag_slots"] == 20
    assert found["reelect_silent_members"] == 2
    assert found["reelect_unsigned"] == 1
