"""Videos, their versions and clips, spaces and names over HTTP: listed in pages, and resolved."""

from collections.abc import Iterable

import httpx
import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from node.query.cursor import make_cursor
from tests.api.world import ALICE, BOB, World, code_of
from tests.node.network import signed
from tests.vm.world import publish
from vm.declare import Action
from vm.modules.content import (
    NAMES,
    SPACES,
    VIDEOS,
    Claim,
    Commit,
    CreateSpace,
    Place,
    Publish,
    Transfer,
)

FILM = Place("films", "film")
VERSIONS = [publish(b"%d" % i) for i in range(3)]
CIDS = [str(action.cid) for action in VERSIONS]


def send(world: World, *actions: Action) -> None:
    """Alice sends these, each in a block."""
    for action in actions:
        slot = world.chain.fork.head.slot + 1
        nonce = world.next_nonce(ALICE.public)
        world.slots([slot], [signed(world.chain, ALICE, action, nonce)])


def publications(*actions: Publish) -> Iterable[Action]:
    for action in actions:
        yield Commit(Claim(ALICE.public, action.cid, action.salt).commitment)
        yield action


@pytest.fixture
def filled(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three versions of a video, named films/film, two clips of the second, and two spaces."""
    monkeypatch.setattr("vm.modules.content.spaces.handle_fee", lambda view, name: 7)
    one, two, _ = VERSIONS
    clips = [publish(b"clip %d" % i, parent=two.cid) for i in range(2)]
    send(
        world,
        CreateSpace("films", "cinema", "Films"),
        CreateSpace("art", "cinema", "Art"),
        *publications(
            publish(b"0", place=FILM),
            publish(b"1", replaces=one.cid),
            publish(b"2", replaces=two.cid),
            *clips,
        ),
    )
    head = world.chain.fork.head.slot
    world.slots([head + 1, head + 2])
    return world


async def pages(client: httpx.AsyncClient, path: str, **query: str) -> list[dict[str, object]]:
    """All items of a list, one a page."""
    items: list[dict[str, object]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get(path, params={**query, **cursor, "limit": "1"})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= 1
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = {"cursor": page["next"]}


async def test_versions_are_listed_from_the_newest_on(filled: World) -> None:
    async with filled.client() as client:
        for cid in CIDS:
            found = await pages(client, f"/v1/videos/{cid}/versions")
            assert [item["cid"] for item in found] == CIDS[::-1]
        assert {item["newest"] for item in found} == {CIDS[2]}
        assert {item["owner"] for item in found} == {format_address(ALICE.public)}


async def test_a_cursor_of_versions_is_its_videos(filled: World) -> None:
    first, unknown = VERSIONS[0].cid, cid_of(RAW, b"none")
    clip = publish(b"clip 0").cid
    async with filled.client() as client:
        for mark in (b"x", unknown.binary, clip.binary):
            cursor = make_cursor(f"versions of {first}", mark)
            answer = await client.get(f"/v1/videos/{first}/versions", params={"cursor": cursor})
            assert code_of(answer) == (400, "invalid-encoding", "cursor")
        cursor = make_cursor(f"versions of {clip}", clip.binary)
        answer = await client.get(f"/v1/videos/{first}/versions", params={"cursor": cursor})
        assert code_of(answer) == (400, "invalid-encoding", "cursor")


async def test_clips_are_listed_in_order_of_publication(filled: World) -> None:
    async with filled.client() as client:
        found = await pages(client, f"/v1/videos/{CIDS[1]}/clips")
        expected = [str(publish(b"clip %d" % i).cid) for i in range(2)]
        assert [item["cid"] for item in found] == expected
        assert await pages(client, f"/v1/videos/{CIDS[0]}/clips") == []


async def test_an_owners_videos_are_first_versions(filled: World) -> None:
    async with filled.client() as client:
        found = await pages(client, "/v1/videos", owner=format_address(ALICE.public))
        clips = [str(publish(b"clip %d" % i).cid) for i in range(2)]
        assert [item["cid"] for item in found] == [CIDS[0], *clips]
        assert len(await pages(client, "/v1/videos")) == 5
        assert await pages(client, "/v1/videos", owner=format_address(BOB.public)) == []


async def test_spaces_are_listed_by_owner_or_channel(filled: World) -> None:
    alice, bob = format_address(ALICE.public), format_address(BOB.public)
    async with filled.client() as client:
        for query in ({}, {"owner": alice}, {"channel": "cinema"}):
            found = await pages(client, "/v1/spaces", **query)
            assert [item["name"] for item in found] == ["art", "films"]
        assert await pages(client, "/v1/spaces", owner=bob) == []
        assert await pages(client, "/v1/spaces", channel="music") == []
        both = await client.get("/v1/spaces", params={"owner": alice, "channel": "cinema"})
        assert code_of(both) == (400, "invalid-encoding", "channel")
        one = (await client.get("/v1/spaces/films")).json()
        assert one["item"]["space"]["title"] == "Films"
        for path in ("/v1/spaces/none", "/v1/spaces/none/names"):
            assert code_of(await client.get(path)) == (404, "not-found", "")
        bad = await client.get("/v1/spaces/No")
        assert code_of(bad) == (400, "invalid-encoding", "space")


async def test_a_name_resolves_with_the_keys_that_prove_it(filled: World) -> None:
    async with filled.client() as client:
        found = (await client.get("/v1/names/films/film")).json()
        assert found["item"]["cid"] == CIDS[2]
        assert found["at"]["height"] == filled.chain.durable_final.height
        assert found["keys"] == [
            SPACES.state_key("films").hex(),
            NAMES.state_key("films", "film").hex(),
            VIDEOS.state_key(VERSIONS[0].cid).hex(),
        ]
        names = await pages(client, "/v1/spaces/films/names")
        assert names == [{"space": "films", "name": "film", "video": CIDS[0], "cid": CIDS[2]}]
        for path in ("/v1/names/films/none", "/v1/names/none/film"):
            assert code_of(await client.get(path)) == (404, "not-found", "")
        bad = await client.get("/v1/names/films/No")
        assert code_of(bad) == (400, "invalid-encoding", "name")


async def test_an_offer_is_seen(filled: World) -> None:
    first: Cid = VERSIONS[0].cid
    send(filled, Transfer(first, BOB.public))
    async with filled.client() as client:
        found = (await client.get(f"/v1/videos/{first}", params={"finality": "head"})).json()
        assert found["item"]["offered_to"] == format_address(BOB.public)
