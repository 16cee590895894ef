"""Deserialized content: files, ranges, types, directories, and how a browser is told to take it."""

import pytest

from tests.api.world import World, code_of
from tests.gateway.published import FILM, PAGE, Published, add, add_directory, below, leaf

SIZE = len(FILM)
NAME = "%C3%84ther%20%3C1%3E.mp4"


async def test_a_file_is_answered_whole(world: World, published: Published) -> None:
    async with world.client() as client:
        path = f"/ipfs/{published.film}"
        answer = await client.get(path)
        head = await client.head(path)
    assert (answer.status_code, answer.content) == (200, FILM)
    expected = {
        "content-type": "video/mp4",
        "content-length": str(SIZE),
        "accept-ranges": "bytes",
        "etag": f'"{published.film}"',
        "cache-control": "public, max-age=29030400, immutable",
        "x-ipfs-path": path,
        "x-ipfs-roots": str(published.film),
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        "vary": "Accept",
    }
    assert expected.items() <= dict(answer.headers).items()
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "content-disposition" not in answer.headers
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == answer.headers


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=262143-262144", 262_143, 262_145),
        ("bytes=300000-", 300_000, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=-{SIZE + 1}", 0, SIZE),
        (f"bytes=5-{SIZE * 2}", 5, SIZE),
    ],
)
async def test_ranges(
    world: World, published: Published, asked: str, start: int, stop: int
) -> None:
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{published.film}", headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, FILM[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.headers["etag"] == f'"{published.film}"'


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=5-4", "bytes=-", "bytes=a-b", "lines=0-1", "bytes 0-1"]
)
async def test_what_is_no_single_range_is_answered_whole(
    world: World, published: Published, asked: str
) -> None:
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{published.film}", headers={"range": asked})
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", f"bytes={SIZE}-{SIZE + 5}"])
async def test_a_range_behind_the_end(world: World, published: Published, asked: str) -> None:
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{published.film}", headers={"range": asked})
    assert code_of(answer) == (416, "range-not-satisfiable", "range")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


async def test_conditions(world: World, published: Published) -> None:
    path, etag = f"/ipfs/{published.film}", f'"{published.film}"'
    part = {"range": "bytes=0-4"}
    async with world.client() as client:
        for known in (etag, f'"x", W/{etag}', "*"):
            same = await client.get(path, headers={"if-none-match": known, **part})
            assert (same.status_code, same.content) == (304, b"")
            assert same.headers["etag"] == etag
        other = await client.get(path, headers={"if-none-match": '"other"'})
        assert other.status_code == 200
        for condition, status in ((etag, 206), ('"x"', 200), (f"W/{etag}", 200)):
            answer = await client.get(path, headers={"if-range": condition, **part})
            assert answer.status_code == status
        dated = {"if-range": "Wed, 21 Oct 2015 07:28:00 GMT", **part}
        assert (await client.get(path, headers=dated)).status_code == 200
        assert (await client.head(path, headers=part)).status_code == 200


async def test_a_range_reads_no_block_outside_it(world: World) -> None:
    content = b"first" * 60_000 + b"last"
    file = add_directory(world.content, {"a.txt": add(world.content, content)})
    world.content.delete(leaf(content[:262_144]))
    async with world.client() as client:
        path = f"/ipfs/{file.cid}/a.txt"
        answer = await client.get(path, headers={"range": "bytes=262144-"})
    assert (answer.status_code, answer.content) == (206, content[262_144:])


@pytest.mark.parametrize(
    ("name", "content", "media_type", "is_shown"),
    [
        ("a.webm", b"?", "video/webm", True),
        ("a.VTT", b"?", "text/vtt; charset=utf-8", True),
        ("a.html", b"?", "text/html; charset=utf-8", False),
        ("a.svg", b"?", "image/svg+xml", False),
        ("a.js", b"?", "text/javascript; charset=utf-8", False),
        ("a.css", b"?", "text/css; charset=utf-8", False),
        ("a.xml", b"?", "application/xml", False),
        ("a.pdf", b"?", "application/pdf", False),
        ("a", PAGE, "text/html; charset=utf-8", False),
        ("a", b"\xef\xbb\xbf \n<SVG onload=x>", "image/svg+xml", False),
        ("a", b"<?xml version='1.0'?>", "application/xml", False),
        ("a", b"", "text/plain; charset=utf-8", True),
        ("a", "grüße\n".encode(), "text/plain; charset=utf-8", True),
        ("a", ("x" * 511 + "ü").encode(), "text/plain; charset=utf-8", True),
        ("a", b"\xff\xfe", "application/octet-stream", False),
        ("a", b"text\x00", "application/octet-stream", False),
        ("a", b"\x89PNG\r\n\x1a\n", "image/png", True),
        ("a", b"\x1a\x45\xdf\xa3", "video/webm", True),
        ("a", b"RIFF    WAVE", "audio/wav", True),
        ("a", b"PK\x03\x04", "application/zip", False),
    ],
)
async def test_media_types(
    world: World, name: str, content: bytes, media_type: str, *, is_shown: bool
) -> None:
    directory = add_directory(world.content, {name: add(world.content, content)})
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{directory.cid}/{name}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == media_type
    shown = answer.headers.get("content-disposition")
    assert shown == (None if is_shown else f'attachment; filename="{name}"')


async def test_a_reader_may_name_the_file(world: World, published: Published) -> None:
    path = f"/ipfs/{published.film}"
    async with world.client() as client:

        async def disposition(query: str) -> str:
            return (await client.head(f"{path}?{query}")).headers["content-disposition"]

        assert await disposition("filename=a.mp4") == 'inline; filename="a.mp4"'
        assert await disposition("download=true") == f'attachment; filename="{published.film}"'
        special = "filename=t%C3%A4%22%0d%0a.mp4&download=true"
        assert await disposition(special) == (
            "attachment; filename=\"t____.mp4\"; filename*=UTF-8''t%C3%A4%22%0D%0A.mp4"
        )
        risky = await client.head(f"{path}?filename=a.html")
        assert risky.headers["content-disposition"] == 'attachment; filename="a.html"'


async def test_paths(world: World, published: Published) -> None:
    async with world.client() as client:
        path = f"/ipfs/{published.top}/films/{NAME}"
        answer = await client.get(path)
        assert answer.content == FILM
        assert answer.headers["x-ipfs-path"] == path
        roots = (published.top, published.films, published.film)
        assert answer.headers["x-ipfs-roots"] == ",".join(map(str, roots))
        for missing in ("none", "films/none", f"films/{NAME}/below", "films%2Fx", "films//x"):
            answer = await client.get(f"/ipfs/{published.top}/{missing}")
            assert code_of(answer) == (404, "not-found", "path")
        deep = await client.get(f"/ipfs/{published.top}" + "/d" * 17)
        assert code_of(deep) == (400, "malformed", "path")
        odd = await client.get(f"/ipfs/{published.top}/%ff")
        assert code_of(odd) == (400, "malformed", "path")
        assert code_of(await client.get("/ipfs/" + "x" * 5000))[0] == 400


async def test_a_directory_has_a_page(world: World, published: Published) -> None:
    async with world.client() as client:
        bare = await client.get(f"/ipfs/{published.films}?a=b")
        assert (bare.status_code, bare.headers["location"]) == (
            301,
            f"/ipfs/{published.films}/?a=b",
        )
        page = await client.get(f"/ipfs/{published.films}/")
        inner = await client.get(f"/ipfs/{published.top}/films/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["etag"] == f'"DirIndex-1-{published.films}"'
    assert "immutable" not in page.headers["cache-control"]
    assert page.headers["content-security-policy"].startswith("sandbox allow-downloads;")
    assert f'<a href="./{NAME}">Äther &lt;1&gt;.mp4</a>' in page.text
    assert str(published.film) in page.text
    assert 'href=".."' not in page.text
    assert 'href=".."' in inner.text


async def test_a_directory_with_an_index_shows_that(world: World, published: Published) -> None:
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{published.site}/")
        assert (answer.status_code, answer.content) == (200, PAGE)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="index.html"'
        odd = add_directory(world.content, {"index.html": below(add_directory(world.content, {}))})
        assert code_of(await client.get(f"/ipfs/{odd.cid}/"))[0] == 400
