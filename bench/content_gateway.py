"""What the gateway costs: how fast a file comes out of it beside the same bytes out of memory, both
served by Hypercorn in one process, to a client in another."""

import multiprocessing
import socket
import time
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random

import trio
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.report import Report, spread, tell
from consensus.cid import Cid
from consensus.unixfs import PROFILES
from node.api.server import listen, serve
from node.gateway.block_source import BlockSource
from node.gateway.flow import PIECE_BYTES
from node.gateway.gateway import Gateway
from node.threads import share_interpreter
from storage.content import ContentStore

MIB = 1024 * 1024
FILE_MIB, QUICK_FILE_MIB = 128, 4
ROUNDS, QUICK_ROUNDS = 5, 1


class Memory:
    """Sends the same bytes to everybody."""

    def __init__(self, content: bytes) -> None:
        self._pieces = [content[i : i + PIECE_BYTES] for i in range(0, len(content), PIECE_BYTES)]
        self._length = str(len(content)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = [(b"content-length", self._length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def measure_gateway(folder: Path, *, quick: bool) -> Report:
    """MB/s of a file and of its CAR under each profile, and what share that is of Hypercorn's from
    memory: the median of rounds in which each follows the other."""
    size = MIB * (QUICK_FILE_MIB if quick else FILE_MIB)
    content = Random(7).randbytes(size)  # noqa: S311
    report: Report = {"file_mib": size // MIB}
    cids: dict[str, Cid] = {}
    with ContentStore(folder / "store") as store:
        for profile in PROFILES.values():
            with store.new_file(profile) as new:
                new.write(content)
                cids[profile.name] = new.commit().cid
    ports = multiprocessing.get_context("spawn").SimpleQueue()
    stop = multiprocessing.get_context("spawn").Event()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(folder / "store", content, ports, stop)
    )
    server.start()
    try:
        gateway, memory = ports.get(), ports.get()
        for name, cid in cids.items():
            for form, query in (("file", "?filename=a.mp4"), ("car", "?format=car")):
                path = f"/ipfs/{cid}{query}"
                rates, shares = list[float](), list[float]()
                for _ in range(QUICK_ROUNDS if quick else ROUNDS):
                    bare_s = _download_s(memory, "/", size)
                    gateway_s = _download_s(gateway, path, size)
                    rates.append(size / 1_000_000 / gateway_s)
                    shares.append(bare_s / gateway_s)
                report[f"{form}_of_{name}"] = {
                    "mb_a_second": spread(rates, 0),
                    "share_of_hypercorn_from_memory": spread(shares, 3),
                }
                tell(f"the {form} of {name} is measured")
    finally:
        stop.set()
        server.join()
    return report


def _serve(folder: Path, content: bytes, ports: "SimpleQueue[int]", stop: Event) -> None:
    async def nowhere(cid: Cid, root: Cid | None = None) -> bytes | None:
        return None

    async def main() -> None:
        source = BlockSource(ContentStore(folder), lambda _: None, nowhere, lambda _: True)
        apps: list[ASGIApp] = [Gateway(source), Memory(content)]
        async with trio.open_nursery() as nursery:
            for app in apps:
                listener = await listen("127.0.0.1", 0)
                nursery.start_soon(serve, app, listener)
                ports.put(listener.port)
            await trio.to_thread.run_sync(stop.wait)
            nursery.cancel_scope.cancel()

    share_interpreter()
    trio.run(main)


def _download_s(port: int, path: str, least_bytes: int) -> float:
    """The seconds that an answer takes, of at least so many bytes."""
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    received, buffer = 0, bytearray(MIB)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        started = time.perf_counter()
        connection.sendall(request)
        while count := connection.recv_into(buffer):
            received += count
        taken = time.perf_counter() - started
    if received < least_bytes:
        raise RuntimeError(f"only {received} bytes of {path} came")
    return taken
