"""A world served on a real socket from a thread of its own, for clients that block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import trio

from node.api.app import make_app
from node.api.server import listen, serve
from node.services import Services
from tests.api.world import World, open_world


@contextmanager
def served(services: Services) -> Iterator[str]:
    """The base URL of a node's API."""
    started: SimpleQueue[tuple[trio.lowlevel.TrioToken, trio.Event, int]] = SimpleQueue()

    async def main() -> None:
        listener = await listen("127.0.0.1", 0)
        stopping = trio.Event()
        started.put((trio.lowlevel.current_trio_token(), stopping, listener.port))
        app = make_app(services, loopback=listener.loopback)
        await serve(app, listener, stopping=stopping)

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    token, stopping, port = started.get(timeout=30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        token.run_sync_soon(stopping.set)
        thread.join()


@contextmanager
def served_world(folder: Path) -> Iterator[tuple[World, str]]:
    """The world and its base URL."""
    with open_world(folder) as world, served(world.services) as url:
        yield world, url
