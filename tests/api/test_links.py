"""Link faults over the API: shown, changed, refused."""

import pytest

from p2p.links import NO_FAULTS, LinkFaults
from tests.api.world import World, problem

PATH = "/v1/admin/links"
FAULTS = LinkFaults(80, 20, 10_000, (b"p" * 32,))


async def test_faults_are_shown_and_changed(world: World) -> None:
    async with world.client() as client:
        assert (await client.get(PATH)).json() == NO_FAULTS.to_json()
        changed = await client.put(PATH, json=FAULTS.to_json())
        assert (changed.status_code, changed.json()) == (200, FAULTS.to_json())
        assert world.network.link_faults == FAULTS
        assert (await client.get(PATH)).json() == FAULTS.to_json()


@pytest.mark.parametrize(
    ("field", "value"),
    [("latency_ms", 2001), ("jitter_ms", "80ms"), ("loss_ppm", 500_001), ("blocked", "all")],
)
async def test_impossible_faults_change_nothing(world: World, field: str, value: object) -> None:
    async with world.client() as client:
        refused = await client.put(PATH, json={**FAULTS.to_json(), field: value})
        assert (refused.status_code, problem(refused)["field"]) == (400, field)
        assert (await client.put(PATH, json={"latency_ms": 1})).status_code == 400
        assert (await client.put(PATH, json=[])).status_code == 400
    assert world.network.link_faults == NO_FAULTS


async def test_a_node_that_others_reach_has_none(world: World) -> None:
    world.network.link_faults = None
    async with world.client() as client:
        for refused in (await client.get(PATH), await client.put(PATH, json=FAULTS.to_json())):
            assert refused.status_code == 409
            assert "p2p.host" in str(problem(refused)["detail"])


async def test_strangers_are_refused(world: World) -> None:
    async with world.client(loopback=False, admin_token="secret") as client:
        assert (await client.get(PATH)).status_code == 401
        assert (await client.put(PATH, json=FAULTS.to_json())).status_code == 401
        headers = {"authorization": "Bearer secret"}
        assert (await client.get(PATH, headers=headers)).status_code == 200
    async with world.client(loopback=False) as client:
        assert (await client.put(PATH, json=FAULTS.to_json())).status_code == 403
    assert world.network.link_faults == NO_FAULTS
