"""Whatever a client asks, it gets an answer; however many ask at once, few are answered at once."""

import trio
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Scope

from node.gateway.flow import PIECE_BYTES
from node.gateway.gateway import MAX_DOWNLOADS
from tests.api.world import Exchange, World
from tests.gateway.published import Published

printable = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#")
words = st.sampled_from(
    [
        *("format=", "raw", "car", "dag-scope=", "entity", "entity-bytes=", "0:*", "-5:-1", "&"),
        *("application/vnd.ipld.car", ";", ",", "dups=y", "q=", "0.5", "bytes=", "0-", "-1", "*/*"),
        *("/", "films", "%2F", "%FF", "..", "car-dups=", "y", "filename=", "%00", '"', "W/"),
    ]
)
spelled = st.lists(words | st.text(printable, max_size=3), max_size=8).map("".join)


@given(st.booleans(), spelled, spelled, spelled, spelled)
def test_no_request_finds_a_bug(
    world: World, published: Published, is_known: bool, rest: str, query: str, one: str, two: str
) -> None:
    root = f"{published.top}/" if is_known else ""
    headers = [
        (name, value.encode())
        for name, value in (
            *((b"accept", one), (b"range", two), (b"if-range", one)),
            *((b"if-none-match", two), (b"cache-control", one)),
        )
    ]
    exchange = Exchange(f"/ipfs/{root}{rest}?{query}", "GET", tuple(headers))
    trio.run(exchange.run, world.app())
    assert exchange.status in {200, 206, 301, 304, 400, 404, 406, 412, 416}


async def test_a_thousand_slow_downloads_are_few(world: World, published: Published) -> None:
    app = world.app()
    statuses: list[int] = []
    held = [0]
    all_answered = trio.Event()

    async def download() -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                if len(statuses) == 1000:
                    all_answered.set()
            elif message.get("more_body"):
                held[0] += len(message["body"])
                await trio.sleep_forever()

        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": f"/ipfs/{published.film}",
            "query_string": b"",
            "headers": [],
        }
        await app(scope, trio.sleep_forever, send)

    async with trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(download)
        await all_answered.wait()
        assert statuses.count(503) == 1000 - MAX_DOWNLOADS
        assert statuses.count(200) == MAX_DOWNLOADS
        status = Exchange("/v1/status", "GET", ())
        await status.run(app)
        assert status.status == 200
        nursery.cancel_scope.cancel()
    assert held[0] <= MAX_DOWNLOADS * PIECE_BYTES
