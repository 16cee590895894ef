"""What the gateway refuses, gets from peers, withholds, and breaks off."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from starlette.types import Message, Scope

from consensus.cid import RAW, Cid, cid_of
from node.api.app import make_app
from node.api.problems import Broken
from node.gateway import gateway
from tests.api.test_server import served
from tests.api.world import BASE_URL, Exchange, World, code_of, open_world
from tests.gateway.published import FILM, Published, leaf, publish

LEAF = 262_144
LEAVES = [FILM[i : i + LEAF] for i in range(0, len(FILM), LEAF)]
ONLY_HERE = {"cache-control": "only-if-cached"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A node of the test's own, as it takes blocks away."""
    with open_world(tmp_path) as made:
        yield made


@pytest.fixture
def published(world: World) -> Published:
    """What that node has published."""
    return publish(world)


def scope_of(cid: Cid) -> Scope:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": f"/ipfs/{cid}",
        "query_string": b"",
        "headers": [],
    }


def client_of(world: World, withheld: Cid) -> httpx.AsyncClient:
    services = replace(world.services, is_served=lambda cid: cid != withheld)
    return httpx.AsyncClient(transport=httpx.ASGITransport(make_app(services)), base_url=BASE_URL)


async def test_methods_and_cors(world: World, published: Published) -> None:
    path = f"/ipfs/{published.film}"
    async with world.client() as client:
        for method in ("POST", "PUT", "DELETE"):
            answer = await client.request(method, path)
            assert code_of(answer)[:2] == (405, "method-not-allowed")
            assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        preflight = await client.options(path)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert "Range" in preflight.headers["access-control-allow-headers"]
        refused = await client.get("/ipfs/none")
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "content-security-policy" not in refused.headers
        other = await client.get("/v1/status")
        assert "access-control-allow-origin" not in other.headers
        script = await client.get(path, headers={"service-worker": "script"})
        assert code_of(script) == (400, "malformed", "service-worker")


async def test_blocks_come_from_peers_unless_only_those_here_are_asked_for(
    world: World, published: Published
) -> None:
    middle = leaf(LEAVES[1])
    world.content.delete(middle)
    world.content.delete(published.film)
    film = published.film
    async with world.client() as client:
        for query in ("", "?format=raw", "?format=car"):
            answer = await client.get(f"/ipfs/{film}{query}", headers=ONLY_HERE)
            assert code_of(answer)[:2] == (412, "not-stored")
            gone = await client.get(f"/ipfs/{film}{query}")
            assert code_of(gone)[:2] == (404, "not-found")


async def test_a_file_that_is_elsewhere(world: World, published: Published) -> None:
    for cid in [published.film, *map(leaf, LEAVES)]:
        world.elsewhere[cid] = world.content.get(cid) or b""
        world.content.delete(cid)
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{published.film}")
    assert answer.content == FILM


@pytest.mark.parametrize("query", ["", "?format=car"])
async def test_a_child_that_is_nowhere_breaks_the_answer_off(
    world: World, published: Published, query: str
) -> None:
    world.content.delete(leaf(LEAVES[1]))
    exchange = Exchange(f"/ipfs/{published.film}{query}", "GET", ())
    with pytest.raises(Broken, match=str(leaf(LEAVES[1]))):
        await exchange.run(world.app())
    assert exchange.status == 200
    assert LEAVES[0] in exchange.body
    assert len(exchange.body) < len(FILM)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_broken_answer_is_a_reset_connection(
    world: World, published: Published, version: str
) -> None:
    world.content.delete(leaf(LEAVES[1]))
    async with served(world) as (port, _):
        request = f"GET /ipfs/{published.film}?format=car HTTP/{version}\r\nhost: x\r\n\r\n"
        received = bytearray()

        async def drain(stream: trio.SocketStream) -> None:
            async for piece in stream:
                received.extend(piece)

        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(request.encode())
            with pytest.raises(trio.BrokenResourceError):
                await drain(stream)
        assert b" 200 " in received.partition(b"\r\n")[0]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/v1/status")).status_code == 200


async def test_a_connection_serves_one_answer_after_the_other(
    world: World, published: Published
) -> None:
    paths = (f"{published.film}", "none", f"{published.film}?format=car", "bafkqaaa")
    requests = [f"GET /ipfs/{path} HTTP/1.1\r\nhost: x\r\n" for path in paths]
    received = bytearray()
    async with served(world) as (port, _), await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(("\r\n".join(requests) + "connection: close\r\n\r\n").encode())
        async for piece in stream:
            received.extend(piece)
    assert received.count(b"HTTP/1.1 200") == 3
    assert received.count(b"HTTP/1.1 400") == 1


async def test_a_corrupt_block_is_never_sent(world: World, published: Published) -> None:
    cid = leaf(LEAVES[1])
    [file] = world.content._folder.rglob(str(cid))
    file.write_bytes(bytes(LEAF))
    exchange = Exchange(f"/ipfs/{published.film}", "GET", ())
    with pytest.raises(Broken):
        await exchange.run(world.app())
    assert exchange.body == LEAVES[0]


async def test_what_was_taken_down_is_gone(world: World, published: Published) -> None:
    async with client_of(world, published.film) as client:
        for path in (f"{published.film}", f"{published.top}/site/film"):
            for query in ("", "?format=raw", "?format=car"):
                answer = await client.get(f"/ipfs/{path}{query}")
                if "raw" not in query or "/" not in path:
                    assert code_of(answer)[:2] == (451, "taken-down")
        for kept in (published.repeating, published.site):
            assert (await client.get(f"/ipfs/{kept}?format=raw")).status_code == 200
    exchange = Exchange(f"/ipfs/{published.top}?format=car", "GET", ())
    services = replace(world.services, is_served=lambda cid: cid != published.film)
    with pytest.raises(Broken, match="taken down"):
        await exchange.run(make_app(services))


async def test_a_taken_down_block_is_not_sent_though_a_peer_gave_it(
    world: World, published: Published
) -> None:
    withheld, before = leaf(LEAVES[2]), leaf(LEAVES[1])
    for cid in (before, withheld):
        world.elsewhere[cid] = world.content.get(cid) or b""
        world.content.delete(cid)
    exchange = Exchange(f"/ipfs/{published.film}", "GET", ())
    services = replace(world.services, is_served=lambda cid: cid != withheld)
    with pytest.raises(Broken, match="taken down"):
        await exchange.run(make_app(services))
    assert LEAVES[2] not in exchange.body


async def test_no_more_downloads_than_allowed(
    world: World, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "MAX_DOWNLOADS", 2)
    app = world.app()
    started = []

    async def hold(message: Message) -> None:
        started.append(message)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(app, scope_of(published.film), trio.sleep_forever, hold)
        await trio.testing.wait_all_tasks_blocked(0.01)
        while len(started) < 2:
            await trio.testing.wait_all_tasks_blocked(0.01)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=BASE_URL
        ) as client:
            answer = await client.get(f"/ipfs/{published.film}")
            assert code_of(answer)[:2] == (503, "node-busy")
            assert answer.headers["retry-after"] == "1"
            assert (await client.get("/v1/status")).status_code == 200
        nursery.cancel_scope.cancel()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
        assert (await client.get(f"/ipfs/{published.film}")).status_code == 200


async def test_a_client_that_goes_away_ends_the_reading(world: World, published: Published) -> None:
    gone = trio.Event()
    sent = []

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        gone.set()
        await trio.sleep_forever()

    with trio.fail_after(30):
        await world.app()(scope_of(published.film), receive, send)
    assert len(sent) == 1


@pytest.mark.parametrize("path", ["film", "none"])
async def test_the_server_has_the_time_to_end_a_request(
    world: World, published: Published, path: str
) -> None:
    gone = trio.Event()
    ended = []

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            gone.set()  # as Hypercorn does, which goes on to close or to reuse the connection
            await trio.testing.wait_all_tasks_blocked()
            ended.append(message)

    scope = {**scope_of(published.film)}
    if path == "none":
        scope["path"] = "/ipfs/none"
    await world.app()(scope, receive, send)
    assert len(ended) == 1


async def test_a_silent_network_is_a_timeout(
    world: World, published: Published, autojump_clock: trio.testing.MockClock
) -> None:
    async def fetch(cid: Cid, root: Cid | None = None) -> bytes | None:
        await trio.sleep_forever()

    absent = cid_of(RAW, b"absent")
    app = make_app(replace(world.services, fetch=fetch))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
        answer = await client.get(f"/ipfs/{absent}")
    assert code_of(answer)[:2] == (504, "fetch-timeout")
    assert answer.headers["retry-after"] == "1"
    world.content.delete(leaf(LEAVES[1]))
    exchange = Exchange(f"/ipfs/{published.film}", "GET", ())
    with pytest.raises(Broken):
        await exchange.run(app)
