"""The server on real sockets: ports, the end, and clients that misbehave."""

import errno
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, cast

import httpx
import pytest
import trio
import trio.testing

from consensus.kinds import Text
from consensus.record import Record, part
from node.api import server
from node.api.server import listen, serve
from node.failure import failure_of
from tests.api.world import World

ENOUGH_S = 30


@part
class Filler(Record):
    text: Annotated[str, Text(65_536)]


@asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[int, trio.Event]]:
    """The world on a free port; stopped and gone at the end."""
    stopping = trio.Event()
    listener = await listen("127.0.0.1", 0)
    with trio.fail_after(ENOUGH_S):
        async with trio.open_nursery() as nursery:

            async def run(task_status: trio.TaskStatus[int]) -> None:
                await serve(world.app(), listener, stopping=stopping, task_status=task_status)

            port = await nursery.start(run)
            assert port == listener.port > 0
            assert listener.loopback
            yield port, stopping
            stopping.set()


async def test_requests_over_a_real_socket(world: World) -> None:
    world.slots([1, 2])
    async with served(world) as (port, _):
        base_url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base_url, trust_env=False) as client:
            status = await client.get("/v1/status")
            assert status.json()["head"]["height"] == 2
            assert "server" not in status.headers
            head = await client.head("/v1/status")
            assert (head.status_code, head.content) == (200, b"")
            assert int(head.headers["content-length"]) > 0
            body = b"\x00" * 6_000_000
            refused = await client.post(
                "/v1/transactions", content=body, headers={"content-type": "application/cbor"}
            )
            assert refused.status_code == 413
            assert (await client.get("/livez")).status_code == 200


async def test_a_taken_port_is_named(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1 port {port}") as caught:
            await listen("127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.exit_code, failure.field) == (1, "api.port")
    assert f"port {port}" in failure.message


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match=r"203\.0\.113\.1 port 0"):
        await listen("203.0.113.1", 0)
    with pytest.raises(OSError, match=r"no-such-name\.invalid"):
        await listen("no-such-name.invalid", 0)


async def test_all_addresses_are_not_loopback() -> None:
    listener = await listen("0.0.0.0", 0)
    assert not listener.loopback
    await listener.close()


@asynccontextmanager
async def following(port: int) -> AsyncIterator[trio.SocketStream]:
    """A connection that follows the events."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        yield stream


async def ends(stream: trio.SocketStream) -> bytes:
    """What comes until the other side ends the connection."""
    received = b""
    try:
        while part := await stream.receive_some():
            received += part
    except trio.BrokenResourceError:
        pass
    return received


async def test_followers_of_events_do_not_keep_the_node_up(world: World) -> None:
    async with served(world) as (port, stopping), following(port) as stream:
        stopping.set()
        await ends(stream)


async def test_a_client_that_does_not_read_does_not_keep_the_node_up(world: World) -> None:
    async with served(world) as (port, stopping), following(port) as stream:
        for _ in range(300):
            world.hub.publish("block", Filler("x" * 65_536))
        await trio.testing.wait_all_tasks_blocked(0.05)
        stopping.set()
        # Only when the server is gone is anything read: the rest of what had been sent.
        await trio.testing.wait_all_tasks_blocked(server.GRACE_S)
        assert len(await ends(stream)) < 300 * 65_536


async def test_cancelling_ends_the_server_too(world: World) -> None:
    listener = await listen("127.0.0.1", 0)
    with trio.fail_after(ENOUGH_S):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(_serve, world, listener)
            async with following(port):
                nursery.cancel_scope.cancel()
    with pytest.raises(OSError, match=r"connect"):
        await trio.open_tcp_stream("127.0.0.1", port)


async def _serve(
    world: World, listener: server.Listener, task_status: trio.TaskStatus[int]
) -> None:
    await serve(world.app(), listener, task_status=task_status)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /%ff%00?%ff=%zz HTTP/1.1\r\nhost: [\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99,
    ],
)
async def test_garbage_ends_its_connection_only(world: World, garbage: bytes) -> None:
    async with served(world) as (port, _):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(garbage)
            assert b" 200 " not in await ends(stream)
        async with httpx.AsyncClient(trust_env=False) as client:
            alive = await client.get(f"http://127.0.0.1:{port}/livez")
        assert alive.status_code == 200


async def test_connections_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    async with served(world) as (port, _), following(port) as first:
        async with following(port), await trio.open_tcp_stream("127.0.0.1", port) as third:
            assert await ends(third) == b""
        assert first.socket.fileno() >= 0


class SlowStream:
    """Takes one thing at a time, as a socket whose client reads slowly."""

    socket = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._is_busy = False

    async def send_all(self, data: bytes) -> None:
        if self._is_busy:
            raise trio.BusyResourceError
        self._is_busy = True
        await trio.testing.wait_all_tasks_blocked()
        self._is_busy = False
        self.sent.append(data)


async def test_an_answer_and_a_refusal_on_one_connection_take_turns() -> None:
    async def app(*_: object) -> None: ...

    stream = SlowStream()
    connection = server._Connection(cast(trio.SocketStream, stream), app, math.inf)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.send_all, b"answer")
        nursery.start_soon(connection.send_all, b"refusal")
    assert sorted(stream.sent) == [b"answer", b"refusal"]
