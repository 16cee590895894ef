"""A node's content store over the API: pins, collection, verification, and who may."""

import pytest

from consensus.cid import DAG_PB, RAW, Cid, cid_of
from consensus.kinds import JsonObject
from consensus.unixfs import FileBuilder, Profile
from node.query.store_forms import CollectedAnswer, PinsAnswer, RootAnswer, VerifiedAnswer
from storage.content_pin import Pin, PinKind
from tests.api.world import World, code_of

STORE = "/v1/admin/store"
SMALL = Profile("small", 1024, 3)
USER: JsonObject = {"kind": "user", "name": "a film"}
NOW: JsonObject = {"target_bytes": 0, "min_age_s": 0, "start": 0}


def fill(world: World, first: int = 0) -> tuple[Cid, list[Cid]]:
    """A file of seven leaves in the store: its root and its blocks."""
    builder = FileBuilder(SMALL)
    content = b"".join(bytes([first + i]) * 1024 for i in range(7))
    blocks = [*builder.feed(content), *builder.finish()]
    for cid, data in blocks:
        world.content.put(cid, data)
    return builder.root.cid, [cid for cid, _ in blocks]


async def test_what_is_pinned_is_listed_and_kept(world: World) -> None:
    root, blocks = fill(world)
    loose = cid_of(RAW, b"loose")
    world.content.put(loose, b"loose")
    async with world.client() as client:
        made = Pin.from_json((await client.put(f"{STORE}/pins/{root}", json=USER)).json())
        assert (made.cid, made.kind, made.name) == (root, "user", "a film")
        listed = PinsAnswer.from_json((await client.get(f"{STORE}/pins")).json())
        assert (listed.items, listed.next) == ((made,), None)
        counts = (await client.get(STORE)).json()
        assert (counts["pins"], counts["loose_blocks"], counts["loose_bytes"]) == (1, 1, 5)
        assert (counts["blocks"], counts["quota_bytes"]) == (len(blocks) + 1, 8 * 2**20)
        done = CollectedAnswer.from_json((await client.post(f"{STORE}/collect", json=NOW)).json())
        assert (done.blocks, done.size_bytes, done.next) == (1, 5, None)
    assert not world.content.has(loose)
    assert all(map(world.content.has, blocks))


async def test_unpinned_content_is_garbage_at_once(world: World) -> None:
    root, blocks = fill(world)
    path = f"{STORE}/pins/{root}"
    async with world.client() as client:
        await client.put(path, json=USER)
        answer = RootAnswer.from_json((await client.get(path)).json())
        assert (answer.references, answer.missing) == (1, ())
        await client.put(path, json={"kind": "chain", "name": ""})
        assert RootAnswer.from_json((await client.delete(path)).json()).references == 1
        assert code_of(await client.delete(path)) == (404, "not-found", "")
        await client.delete(path, params={"kind": "chain"})
        form = {**NOW, "min_age_s": 3600}
        done = CollectedAnswer.from_json((await client.post(f"{STORE}/collect", json=form)).json())
    assert done.blocks == len(blocks)
    assert world.content.size == 0


async def test_what_was_added_just_now_is_spared(world: World) -> None:
    fill(world)
    async with world.client() as client:
        answer = await client.post(f"{STORE}/collect", json={**NOW, "min_age_s": 10**9})
    assert answer.json() == {"blocks": 0, "size_bytes": 0, "next": None}


async def test_only_what_is_here_whole_is_pinned(world: World) -> None:
    root, blocks = fill(world)
    world.content.delete(blocks[0])
    async with world.client() as client:
        path = f"{STORE}/pins/{root}"
        assert code_of(await client.put(path, json=USER)) == (409, "content-incomplete", "cid")
        answer = RootAnswer.from_json((await client.get(path)).json())
        assert answer.missing == (blocks[0],)
        odd = cid_of(DAG_PB, b"odd")
        world.content.put(odd, b"odd")
        assert code_of(await client.put(f"{STORE}/pins/{odd}", json=USER))[0] == 400
    assert world.content.pins() == []


async def test_pins_come_in_pages(world: World) -> None:
    cids = sorted(cid_of(RAW, bytes([i])) for i in range(5))
    for i in range(5):
        world.content.put(cid_of(RAW, bytes([i])), bytes([i]))
        world.content.pin(cid_of(RAW, bytes([i])), PinKind.CHAIN)
    found: list[Cid] = []
    cursor: dict[str, str] = {}
    async with world.client() as client:
        while True:
            answer = await client.get(f"{STORE}/pins", params={"limit": "2", **cursor})
            page = PinsAnswer.from_json(answer.json())
            found += [pin.cid for pin in page.items]
            if page.next is None:
                break
            cursor = {"cursor": page.next}
        bad = await client.get(f"{STORE}/pins", params={"cursor": "x"})
        assert code_of(bad) == (400, "invalid-encoding", "cursor")
    assert found == cids


async def test_a_corrupt_block_is_found(world: World) -> None:
    _, blocks = fill(world)
    lost = blocks[3]
    file = next(world.folder.glob(f"content/*/{lost}"))
    file.write_bytes(b"rot")
    async with world.client() as client:
        answer = await client.post(f"{STORE}/verify", json={"after": None})
        done = VerifiedAnswer.from_json(answer.json())
        assert done.lost == (lost,)
        assert done.blocks == len(blocks)
        again = await client.post(f"{STORE}/verify", json={"after": str(done.next)})
        assert VerifiedAnswer.from_json(again.json()).next is None
    assert not world.content.has(lost)


@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("GET", "", None),
        ("GET", "/pins", None),
        ("GET", f"/pins/{cid_of(RAW, b'x')}", None),
        ("PUT", f"/pins/{cid_of(RAW, b'x')}", USER),
        ("DELETE", f"/pins/{cid_of(RAW, b'x')}", None),
        ("POST", "/collect", NOW),
        ("POST", "/verify", {"after": None}),
    ],
)
async def test_only_the_operator_may(
    world: World, method: str, path: str, form: JsonObject | None
) -> None:
    async with world.client(loopback=False, admin_token="secret") as client:
        refused = await client.request(method, STORE + path, json=form)
        assert code_of(refused) == (401, "unauthorized", "authorization")


@pytest.mark.parametrize(
    ("path", "form", "field"),
    [
        ("/collect", {**NOW, "target_bytes": -1}, "target_bytes"),
        ("/collect", {**NOW, "start": "x"}, "start"),
        ("/collect", {"start": 0}, "target_bytes"),
        ("/verify", {"after": "x"}, "after"),
    ],
)
async def test_bad_forms_are_named(world: World, path: str, form: JsonObject, field: str) -> None:
    async with world.client() as client:
        assert code_of(await client.post(STORE + path, json=form)) == (
            400,
            "invalid-encoding",
            field,
        )
