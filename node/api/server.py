"""Serves the API over HTTP/1.1 and HTTP/2 in the node's own trio nursery, by Hypercorn."""

import ipaddress
import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from starlette.types import ASGIApp

MAX_CONNECTIONS = 256
IDLE_S = 5.0
SEND_TIMEOUT_S = 20.0
GRACE_S = 1.0

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
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise OSError(
            error.errno or 0,
            f"cannot listen on {host} port {port}: {reason}; stop what uses it or choose another",
            "api.port",
        ) from error


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
        self.end = float("inf")
        self._app = ASGIWrapper(cast(ASGIFramework, app))
        self._config = _config()
        self._count = 0
        self._sending: set[trio.CancelScope] = set()

    def stop(self) -> None:
        """Give what is under way GRACE_S more."""
        self.end = trio.current_time() + GRACE_S
        for scope in self._sending:
            scope.deadline = min(scope.deadline, self.end)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        if self._count >= MAX_CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        self._count += 1
        try:
            # Hypercorn's annotation is narrower than what it does: it takes plain streams too.
            bounded = cast(trio.SSLStream[trio.SocketStream], _BoundedStream(stream, self))
            state = ConnectionState({})
            await TCPServer(self._app, self._config, self.context, state, bounded)
        except Exception:  # whatever one client brings about, the others are served on
            _log.exception("a bug in serving a connection")
        finally:
            self._count -= 1

    async def send_all(self, stream: trio.SocketStream, data: bytes) -> None:
        """Send within SEND_TIMEOUT_S; raises BrokenResourceError.

        Hypercorn shields its sending from cancellation: without this bound a client that does
        not read would hold the connection, and the node's end, for ever.
        """
        deadline = min(trio.current_time() + SEND_TIMEOUT_S, self.end)
        with trio.CancelScope(deadline=deadline) as scope:
            self._sending.add(scope)
            try:
                await stream.send_all(data)
            finally:
                self._sending.discard(scope)
        if scope.cancelled_caught:
            await trio.aclose_forcefully(stream)
            raise trio.BrokenResourceError("the client does not read")


class _BoundedStream:
    """A connection as Hypercorn uses it, whose sending ends in bounded time."""

    def __init__(self, stream: trio.SocketStream, server: _Server) -> None:
        self.socket = stream.socket
        self._stream = stream
        self._server = server

    async def receive_some(self, max_bytes: int) -> bytes:
        """What has come; empty at the end."""
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes) -> None:
        """Send all of it."""
        await self._server.send_all(self._stream, data)

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
    return config
