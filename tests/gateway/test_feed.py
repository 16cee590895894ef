"""A live room's playlist: from whom the node takes segments, and what players get when."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from consensus.kinds import JsonObject
from tests.api.world import BOB, World, code_of, open_world
from tests.gateway.rooms import OWNER, PATH, close_room, open_again, open_room

ADMIN = f"/v1/admin/live/{OWNER}"
TARGET_S = 2


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A node whose rooms are opened and closed by the test."""
    with open_world(tmp_path) as made:
        yield made


def stored(world: World, content: bytes) -> Cid:
    cid = cid_of(RAW, content)
    world.content.put(cid, content)
    return cid


def form(cid: Cid, **changed: object) -> dict[str, object]:
    usual = {"duration_ms": 2_000, "is_discontinuous": False, "target_s": TARGET_S}
    return {"cid": str(cid), **usual, **changed}


async def test_players_get_what_the_host_adds_until_the_room_closes(world: World) -> None:
    open_room(world)
    first, second = stored(world, b"first"), stored(world, b"second")
    async with world.client() as client:
        assert code_of(await client.get(PATH)) == (404, "not-found", "address")
        added = await client.post(ADMIN, json=form(first, is_discontinuous=True))
        told: JsonObject = {"show": 0, "came": 1, "listed": 1, "playlist": PATH}
        assert (added.status_code, added.json()) == (200, told)
        answer = await client.get(PATH)
        assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "no-cache"
        assert [line for line in answer.text.splitlines() if not line.startswith("#")] == [
            f"/ipfs/{first}?filename=segment.ts"
        ]
        assert "#EXT-X-DISCONTINUITY\n" not in answer.text, "nothing was before it"
        for _ in range(2):  # who was cut off sends it again
            added = await client.post(ADMIN, json=form(second, is_discontinuous=True))
            assert added.json() == {**told, "came": 2, "listed": 2}
        assert (
            f"#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\n/ipfs/{second}" in (await client.get(PATH)).text
        )
        segment = await client.get(f"/ipfs/{first}?filename=segment.ts")
        assert (segment.content, segment.headers["content-type"]) == (b"first", "video/mp2t")
        assert "#EXT-X-ENDLIST" not in (await client.get(PATH)).text
        close_room(world)
        assert (await client.get(PATH)).text.endswith("#EXT-X-ENDLIST\n")
        refused = await client.post(ADMIN, json=form(first))
        assert code_of(refused) == (422, "live.not-open", "address")


async def test_another_show_begins_anew(world: World) -> None:
    open_room(world)
    first = stored(world, b"first")
    async with world.client() as client:
        assert (await client.post(ADMIN, json=form(first))).status_code == 200
        close_room(world)
        open_again(world)
        assert code_of(await client.get(PATH)) == (404, "not-found", "address")
        added = await client.post(ADMIN, json=form(first, target_s=4))
        assert added.json() == {"show": 1, "came": 1, "listed": 1, "playlist": PATH}


@pytest.mark.parametrize(
    ("changed", "status", "code", "field"),
    [
        ({"duration_ms": 2_500}, 400, "malformed", "duration_ms"),
        ({"target_s": 3}, 400, "malformed", "target_s"),
        ({"duration_ms": 0}, 400, "invalid-encoding", "duration_ms"),
        ({"cid": str(cid_of(RAW, b"not here"))}, 422, "content-incomplete", "cid"),
    ],
)
async def test_what_is_wrong_with_a_segment_is_told(
    world: World, changed: dict[str, object], status: int, code: str, field: str
) -> None:
    open_room(world)
    first, second = stored(world, b"first"), stored(world, b"second")
    async with world.client() as client:
        assert (await client.post(ADMIN, json=form(first))).status_code == 200
        before = (await client.get(PATH)).text
        refused = await client.post(ADMIN, json=form(second) | changed)
        assert code_of(refused) == (status, code, field)
        assert (await client.get(PATH)).text == before


async def test_only_the_nodes_operator_adds_segments(world: World) -> None:
    open_room(world)
    cid = stored(world, b"first")
    async with world.client(loopback=False, admin_token="secret") as client:
        assert code_of(await client.post(ADMIN, json=form(cid))) == (
            401,
            "unauthorized",
            "authorization",
        )
        headers = {"authorization": "Bearer secret"}
        added = await client.post(ADMIN, json=form(cid), headers=headers)
        assert added.status_code == 200
        other = f"/v1/admin/live/{format_address(BOB.public)}"
        refused = await client.post(other, json=form(cid), headers=headers)
        assert code_of(refused) == (422, "live.not-open", "address")


async def test_a_node_streams_so_many_rooms_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.live.feed.MAX_FEEDS", 0)
    open_room(world)
    async with world.client() as client:
        refused = await client.post(ADMIN, json=form(stored(world, b"first")))
    assert code_of(refused) == (422, "too-many-feeds", "")
