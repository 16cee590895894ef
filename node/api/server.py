"""Serves the API over HTTP/1.1 and HTTP/2 in the node's own trio nursery, by Hypercorn."""

import ipaddress
import logging
import math
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from starlette.types import ASGIApp, Receive, Scope, Send

from node.api.problems import Broken
from node.failure import cannot_listen

MAX_CONNECTIONS = 256
IDLE_S = 5.0
SEND_TIMEOUT_S = 20.0
GRACE_S = 1.0
PING_S = 20.0  # that a WebSocket's client is still there
# To linger for no time: what is still to be sent is dropped, and the other side told so.
_RESET = struct.pack("ii", 1, 0)

_log = logging.getLogger("reelect.api")


class Listener:
    """An address to serve at, taken but not yet served. `port` is the real one."""

    def __init__(self, sockets: Sequence[trio.SocketListener]) -> None:
        self.sockets = list(sockets)
        name = self.sockets[0].socket.getsockname()
        self.port = int(name[1])
        self.loopback = all(
            ipaddress.ip_address(listener.socket.getsockname()[0]).is_loopback
            for listener in self.sockets
        )

    async def close(self) -> None:
        """Give the address back."""
        for listener in self.sockets:
            await listener.aclose()


async def listen(host: str, port: int) -> Listener:
    """Take an address (port 0: any free one); raises OSError naming it."""
    try:
        return Listener(await trio.open_tcp_listeners(port, host=host))
    except OSError as error:
        raise cannot_listen(host, port, error, "api.port") from error


async def serve(
    app: ASGIApp,
    listener: Listener,
    *,
    stopping: trio.Event | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, or, once `stopping` is set, until the requests under way are
    answered, GRACE_S at most. Started, with the port, once it accepts."""
    server = _Server(app)
    async with trio.open_nursery() as connections:
        try:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(
                    partial(
                        trio.serve_listeners,
                        server.serve,
                        listener.sockets,
                        handler_nursery=connections,
                    )
                )
                task_status.started(listener.port)
                await (trio.Event() if stopping is None else stopping).wait()
                accepting.cancel_scope.cancel()
        finally:
            server.stop()
            connections.cancel_scope.deadline = server.end
        await server.context.terminated.set()


class _Server:
    """What the connections of one API share. `end` is when the last must be gone."""

    def __init__(self, app: ASGIApp) -> None:
        self.context = WorkerContext(None)
        self.end = math.inf
        self._app = app
        self._config = _config()
        self._connections: set[_Connection] = set()

    def stop(self) -> None:
        """Give what is under way GRACE_S more."""
        self.end = trio.current_time() + GRACE_S
        for connection in self._connections:
            connection.end_by(self.end)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        if len(self._connections) >= MAX_CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        connection = _Connection(stream, self._app, self.end)
        self._connections.add(connection)
        # Hypercorn's annotations are narrower than what it does: it takes plain streams too.
        app = ASGIWrapper(cast(ASGIFramework, connection.run_app))
        bounded = cast(trio.SSLStream[trio.SocketStream], connection)
        try:
            await TCPServer(app, self._config, self.context, ConnectionState({}), bounded)
        except Exception:  # whatever one client brings about, the others are served on
            _log.exception("a bug in serving a connection")
        finally:
            self._connections.discard(connection)


class _Connection:
    """A connection as Hypercorn uses it, whose every wait is bounded.

    Receiving waits as long as a request is being answered, and else until IDLE_S after the
    last one, or the beginning: a client that dribbles half a request holds nothing for long.
    Sending takes SEND_TIMEOUT_S at most; Hypercorn shields it from cancellation, so that
    without this a client that does not read would keep the whole node from ending.
    """

    def __init__(self, stream: trio.SocketStream, app: ASGIApp, end: float) -> None:
        self.socket = stream.socket
        self._stream = stream
        self._app = app
        self._end = end
        self._running = 0
        self._idle_at = trio.current_time() + IDLE_S
        self._receiving = trio.CancelScope()
        self._sending = trio.CancelScope()
        self._turn = trio.Lock()

    async def run_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, while it counts as at work."""
        self._running += 1
        self._receiving.deadline = math.inf
        try:
            await self._app(scope, receive, send)
        except Broken:
            await self._reset()
        finally:
            self._running -= 1
            self._idle_at = trio.current_time() + IDLE_S
            if not self._running:
                self._receiving.deadline = self._idle_at

    def end_by(self, end: float) -> None:
        """Send nothing after this moment."""
        self._end = end
        self._sending.deadline = min(self._sending.deadline, end)

    async def _reset(self) -> None:
        """End the connection so that the client sees a fault, whatever was sent (RST)."""
        with suppress(OSError):  # the client may be gone
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        await trio.aclose_forcefully(self._stream)

    async def receive_some(self, max_bytes: int) -> bytes:
        """What has come; empty at the end, and when the client has been idle for too long."""
        self._receiving = trio.CancelScope(deadline=math.inf if self._running else self._idle_at)
        with self._receiving:
            return bytes(await self._stream.receive_some(max_bytes))
        return b""

    async def send_all(self, data: bytes) -> None:
        """Send all of it; raises BrokenResourceError if the client does not take it.

        Hypercorn may answer a request from one task while another refuses what came after it:
        they take turns.
        """
        async with self._turn:
            self._sending = trio.CancelScope(
                deadline=min(trio.current_time() + SEND_TIMEOUT_S, self._end)
            )
            with self._sending:
                await self._stream.send_all(data)
                return
        await trio.aclose_forcefully(self._stream)
        raise trio.BrokenResourceError("the client does not read")

    async def send_eof(self) -> None:
        """Say that nothing more comes."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """End the connection."""
        await self._stream.aclose()


def _config() -> Config:
    config = Config()
    config.errorlog = _log.getChild("http")
    config.errorlog.setLevel(logging.WARNING)
    config.accesslog = None
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_S
    config.websocket_max_message_size = 0
    config.websocket_ping_interval = PING_S
    return config
