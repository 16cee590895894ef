"""Blocks and CARs, which clients check by themselves; the chain's headers as both."""

import httpx
import pytest

from consensus.block import Header
from consensus.car import CarReader
from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.unixfs import ContentBlock, DirectoryEntry, read_file
from tests.api.world import World, code_of
from tests.gateway.published import FILM, REPEATING, Published

CAR = "application/vnd.ipld.car"
RAW = "application/vnd.ipld.raw"
LEAF = 262_144


def read(answer: httpx.Response, root: Cid) -> list[ContentBlock]:
    """The blocks of a CAR with this root."""
    assert answer.status_code == 200, answer.text
    reader = CarReader()
    blocks = reader.feed(answer.content)
    reader.finish()
    assert reader.roots == (root,)
    return blocks


async def car(world: World, path: str, query: str = "", **headers: str) -> httpx.Response:
    async with world.client() as client:
        return await client.get(f"/ipfs/{path}?format=car{query}", headers=headers)


async def test_a_block_by_parameter_or_accept(world: World, published: Published) -> None:
    path, data = f"/ipfs/{published.film}", world.content.get(published.film)
    async with world.client() as client:
        asked = await client.get(f"{path}?format=raw")
        accepted = await client.get(path, headers={"accept": RAW})
        part = await client.get(f"{path}?format=raw", headers={"range": "bytes=1-2"})
        known = await client.get(
            path, headers={"accept": RAW, "if-none-match": f'"{published.film}.raw"'}
        )
        head = await client.head(f"{path}?format=raw")
        below = await client.get(f"/ipfs/{published.films}/captions.vtt?format=raw")
    assert asked.content == accepted.content == data
    assert {
        "content-type": RAW,
        "content-disposition": f'attachment; filename="{published.film}.bin"',
        "content-length": str(len(data or b"")),
        "etag": f'"{published.film}.raw"',
        "cache-control": "public, max-age=29030400, immutable",
        "x-content-type-options": "nosniff",
    }.items() <= asked.headers.items()
    assert "content-location" not in asked.headers
    assert accepted.headers["content-location"] == f"{path}?format=raw"
    assert (part.status_code, part.content) == (206, (data or b"")[1:3])
    assert (known.status_code, known.content) == (304, b"")
    assert (head.headers, head.content) == (asked.headers, b"")
    assert code_of(below) == (400, "malformed", "path")


async def test_a_car_of_a_file(world: World, published: Published) -> None:
    answer = await car(world, str(published.film))
    blocks = dict(read(answer, published.film))
    assert b"".join(read_file(published.film, blocks.__getitem__)) == FILM
    assert answer.headers["content-type"] == f"{CAR}; version=1; order=dfs; dups=n"
    assert answer.headers["content-disposition"] == f'attachment; filename="{published.film}.car"'
    assert answer.headers["accept-ranges"] == "none"
    async with world.client() as client:
        head = await client.head(f"/ipfs/{published.film}?format=car")
        known = {"if-none-match": answer.headers["etag"]}
        same = await client.get(f"/ipfs/{published.film}?format=car", headers=known)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == answer.headers["etag"]
    assert same.status_code == 304


async def test_what_repeats_comes_once_or_as_often_as_it_occurs(
    world: World, published: Published
) -> None:
    once = read(await car(world, str(published.repeating)), published.repeating)
    often = await car(world, str(published.repeating), "&car-dups=y")
    assert [len(data) for _, data in once][1:] == [LEAF, LEAF]
    assert [data for _, data in read(often, published.repeating)][1:] == [
        REPEATING[:LEAF],
        REPEATING[LEAF : 2 * LEAF],
        REPEATING[:LEAF],
    ]
    assert often.headers["content-type"].endswith("dups=y")
    whole = [cid for cid, _ in read(await car(world, str(published.top)), published.top)]
    assert len(whole) == len(set(whole)) > 10


async def test_a_car_holds_the_path_to_what_it_names(world: World, published: Published) -> None:
    answer = await car(world, f"{published.top}/films/captions.vtt", "&dag-scope=block")
    cids = [cid for cid, _ in read(answer, published.top)]
    assert cids[:2] == [published.top, published.films]
    assert len(cids) == 3
    assert answer.headers["x-ipfs-roots"] == ",".join(map(str, cids))


@pytest.mark.parametrize(
    ("query", "leaves"),
    [
        ("entity-bytes=0:0", [0]),
        (f"entity-bytes={LEAF - 1}:{LEAF}", [0, 1]),
        (f"entity-bytes={LEAF}:*&dag-scope=entity", [1, 2]),
        ("entity-bytes=-1:*", [2]),
        (f"entity-bytes=-{LEAF * 99}:-{len(FILM) - 1}", [0]),
        (f"entity-bytes=5:{LEAF * 99}", [0, 1, 2]),
        ("entity-bytes=-5:-9", []),
        ("dag-scope=block", []),
        ("dag-scope=entity", [0, 1, 2]),
        ("dag-scope=all", [0, 1, 2]),
    ],
)
async def test_scopes_of_a_file(
    world: World, published: Published, query: str, leaves: list[int]
) -> None:
    blocks = read(await car(world, str(published.film), f"&{query}"), published.film)
    expected = [FILM[i * LEAF : (i + 1) * LEAF] for i in leaves]
    assert [data for _, data in blocks][1:] == expected


async def test_scopes_of_a_directory(world: World, published: Published) -> None:
    for query in ("dag-scope=block", "dag-scope=entity", "entity-bytes=5:6"):
        answer = await car(world, str(published.films), f"&{query}")
        assert [cid for cid, _ in read(answer, published.films)] == [published.films]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("dag-scope=some", "dag-scope"),
        ("dag-scope=all&entity-bytes=0:1", "entity-bytes"),
        ("entity-bytes=1", "entity-bytes"),
        ("entity-bytes=*:1", "entity-bytes"),
        ("entity-bytes=5:4", "entity-bytes"),
        (f"entity-bytes={len(FILM)}:*", "entity-bytes"),
        ("entity-bytes=0:" + "9" * 30, "entity-bytes"),
        ("car-version=2", "car-version"),
        ("car-order=bfs", "car-order"),
        ("car-dups=some", "car-dups"),
        ("filename=" + "x" * 256, "filename"),
    ],
)
async def test_bad_parameters(world: World, published: Published, query: str, field: str) -> None:
    answer = await car(world, str(published.film), f"&{query}")
    assert (answer.status_code, code_of(answer)[2]) == (400, field)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "video/mp4"),
        ("text/html, image/webp;q=0.8, */*;q=0.5", "video/mp4"),
        (f"{RAW}, */*", RAW),
        (f"text/html;q=0.5, {RAW}", RAW),
        (f"text/html, {RAW};q=0.5", "video/mp4"),
        (f"{RAW};q=0, */*", "video/mp4"),
        (f"{RAW};q=x, */*", "video/mp4"),
        (f"{CAR}; version=1; order=unk; dups=y", f"{CAR}; version=1; order=dfs; dups=y"),
        (f'{CAR};order=foo, {CAR};order="dfs";q=0.5', f"{CAR}; version=1; order=dfs; dups=n"),
        (f"{CAR};version=2, {RAW};q=0.1", RAW),
    ],
)
async def test_what_is_accepted(
    world: World, published: Published, accept: str, media_type: str
) -> None:
    async with world.client() as client:
        answer = await client.head(f"/ipfs/{published.film}", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


@pytest.mark.parametrize(
    "accept", [f"{CAR};version=2", "application/x-tar", "application/vnd.ipfs.ipns-record"]
)
async def test_what_cannot_be_given(world: World, published: Published, accept: str) -> None:
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{published.film}", headers={"accept": accept})
    assert code_of(answer) == (406, "not-acceptable", "accept")


async def test_format_goes_before_accept(world: World, published: Published) -> None:
    path = f"/ipfs/{published.film}"
    async with world.client() as client:
        answer = await client.get(f"{path}?format=raw", headers={"accept": f"{CAR};dups=y"})
        assert answer.headers["content-type"] == RAW
        car_options = await client.head(
            f"{path}?format=car&car-dups=n", headers={"accept": f"{CAR};dups=y"}
        )
        assert car_options.headers["content-type"].endswith("dups=n")
        expected = f"{path}?format=car&car-version=1&car-order=dfs&car-dups=n"
        assert car_options.headers["content-location"] == expected
        assert code_of(await client.get(f"{path}?format=tar")) == (400, "malformed", "format")


async def test_the_probe(world: World) -> None:
    async with world.client() as client:
        for form, body in (
            ("raw", b""),
            ("car", b"\x19\xa2\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00\x67version\x01"),
        ):
            answer = await client.get(f"/ipfs/bafkqaaa?format={form}")
            assert (answer.status_code, answer.content) == (200, body)
            assert answer.headers["content-type"].startswith(f"application/vnd.ipld.{form}")
            head = await client.head(f"/ipfs/bafkqaaa?format={form}")
            assert (head.status_code, head.content) == (200, b"")
        assert (await client.get("/ipfs/bafkqaaa")).status_code == 200


async def test_headers_lead_from_the_head_to_genesis(world: World) -> None:
    world.slots(range(1, 6))
    world.slots(range(6, 8), vote=False)
    head = world.chain.fork.head
    assert world.chain.durable_final.height < head.height == 7
    cid: Cid | None = head.id
    heights = []
    async with world.client() as client:
        while cid is not None:
            answer = await client.get(f"/ipfs/{cid}", headers={"accept": RAW})
            assert cid_of(DAG_CBOR, answer.content) == cid
            header = Header.decode(answer.content)
            heights.append(header.height)
            cid = header.parent
        plain = await client.get(f"/ipfs/{head.id}")
        page = await client.get(f"/ipfs/{head.id}/parent")
        wrong = await client.get(f"/ipfs/{cid_of(0x55, b'')}?format=dag-cbor")
    assert heights == list(range(7, -1, -1))
    assert plain.headers["content-type"] == "application/vnd.ipld.dag-cbor"
    assert plain.headers["content-disposition"].startswith("attachment")
    assert Header.decode(plain.content) == head.header
    assert code_of(page) == (501, "not-implemented", "path")
    assert wrong.status_code == 404
    for scope, length in (("block", 1), ("entity", 1), ("all", 8)):
        blocks = read(await car(world, str(head.id), f"&dag-scope={scope}"), head.id)
        assert [Header.decode(data).height for _, data in blocks] == heights[:length]


async def test_only_a_header_is_dag_cbor(world: World, published: Published) -> None:
    async with world.client() as client:
        unknown = await client.get(f"/ipfs/{cid_of(DAG_CBOR, b'unknown')}?format=raw")
        assert unknown.status_code == 404
        file = await client.get(f"/ipfs/{published.film}?format=dag-cbor")
    assert code_of(file) == (406, "not-acceptable", "format")


async def test_what_is_no_unixfs_of_ours_is_a_block_and_nothing_else(world: World) -> None:
    sharded = b"\x0a\x0a\x08\x05\x12\x01\x01\x28\x22\x30\x80\x02"
    cid = cid_of(0x70, sharded)
    world.content.put(cid, sharded)
    entry = DirectoryEntry("x", cid, len(sharded))
    async with world.client() as client:
        assert (await client.get(f"/ipfs/{entry.cid}?format=raw")).content == sharded
        for query in ("", "?format=car", "?format=car&entity-bytes=0:*"):
            answer = await client.get(f"/ipfs/{cid}{query}")
            assert code_of(answer)[:2] == (400, "invalid-encoding")
            assert "sharded directory" in answer.text
        block = await client.get(f"/ipfs/{cid}?format=car&dag-scope=block")
        assert read(block, cid) == [(cid, sharded)]
