"""What a link between two processes costs: the time to make one, and how much goes through it in a
second, beside a bare socket of the standard library's `ssl`."""

import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import trio

from bench.gossip_nodes import CHAIN, LOOPBACK, QUIET, key
from bench.link_far_end import (
    CID,
    COUNT_BYTES,
    FAR,
    FRAME_BYTES,
    ROOT,
    ContentHandler,
    transport,
)
from bench.report import Report, spread, tell
from p2p.identity import client_context
from p2p.messages import GetContent
from p2p.network import Network
from p2p.peeraddress import PeerAddress
from p2p.transport import Link

NEAR = 2
START_S = 60.0
READ_BYTES = 64 * 1024
MEGABYTE = 1_000_000
ASKED_AT_ONCE = 2  # as many answers as a node's queue has room for


def measure_connecting(times: int) -> Report:
    """Milliseconds from before the TCP connection until both ends are proven."""

    async def connect_often() -> list[float]:
        with far_end("network") as port:
            return [await _connect(port, NEAR + number) for number in range(times)]

    report = spread([1000 * took for took in trio.run(connect_often)])
    tell(f"{times} links were made")
    return report


async def _connect(port: int, number: int) -> float:
    near = transport(number)
    begun = time.perf_counter()
    stream = await trio.open_tcp_stream(LOOPBACK, port)
    link = await near.dial(stream, key(FAR).public)
    took = time.perf_counter() - begun
    await trio.aclose_forcefully(link.stream)
    return took


def measure_streams(rounds: int, frames: int) -> Report:
    """Megabytes a second, of so many frames of 2 MiB, through bare TLS, through a link, and as
    answers to questions over a network; the three take turns, as what else runs on the machine
    changes. The first turn is not counted."""
    with far_end("bare") as bare, far_end("link") as link, far_end("network") as network:
        figures = trio.run(_take_turns, bare, link, network, rounds, frames)
    tell(f"{rounds} rounds of streams are measured")
    per_bare = [
        [speed / turn[0] for speed in turn[1:]]  # of one turn, a moment apart
        for turn in figures
    ]
    return {
        "bare_ssl_megabytes_a_second": spread([turn[0] for turn in figures], 0),
        "link_megabytes_a_second": spread([turn[1] for turn in figures], 0),
        "answers_megabytes_a_second": spread([turn[2] for turn in figures], 0),
        "link_per_bare_ssl": spread([turn[0] for turn in per_bare]),
        "answers_per_bare_ssl": spread([turn[1] for turn in per_bare]),
    }


async def _take_turns(
    bare_port: int, link_port: int, network_port: int, rounds: int, frames: int
) -> list[tuple[float, float, float]]:
    far = PeerAddress(key(FAR).public, LOOPBACK, network_port)
    near = Network(key(NEAR), CHAIN, ContentHandler(), replace(QUIET, peers=(far,)))
    stream = await trio.open_tcp_stream(LOOPBACK, link_port)
    link = await transport(NEAR).dial(stream, far.id)
    with socket.create_connection((LOOPBACK, bare_port)) as plain:
        bare = client_context().wrap_socket(plain)
        async with trio.open_nursery() as nursery:
            await nursery.start(near.run)
            while not near.peers():  # noqa: ASYNC110
                await trio.sleep(0.01)
            figures = [
                (
                    _speed(read_bare(bare, frames), frames),
                    _speed(await _read_link(link, frames), frames),
                    _speed(await _ask(near, frames), frames),
                )
                for _ in range(1 + rounds)
            ]
            near.close()
    return figures[1:]


def _speed(seconds: float, frames: int) -> float:
    return frames * FRAME_BYTES / MEGABYTE / seconds


def read_bare(stream: socket.socket, frames: int) -> float:
    """The seconds that so many frames take from a bare far end."""
    begun = time.perf_counter()
    stream.sendall(frames.to_bytes(COUNT_BYTES, "big"))
    left, buffer = frames * FRAME_BYTES, bytearray(READ_BYTES)
    while left:
        left -= stream.recv_into(buffer)
    return time.perf_counter() - begun


async def _read_link(link: Link, frames: int) -> float:
    link.reader.limit = lambda _, __: FRAME_BYTES
    begun = time.perf_counter()
    await link.stream.send_all(frames.to_bytes(COUNT_BYTES, "big"))
    while frames:
        if link.reader.next() is not None:
            frames -= 1
        else:
            link.reader.append(await link.stream.receive_some(READ_BYTES))
    return time.perf_counter() - begun


async def _ask(near: Network, frames: int) -> float:
    left = iter(range(frames))

    async def ask() -> None:
        for _ in left:
            await near.request(key(FAR).public, GetContent((CID,)))

    begun = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(ASKED_AT_ONCE):
            nursery.start_soon(ask)
    return time.perf_counter() - begun


@contextmanager
def far_end(kind: str) -> Iterator[int]:
    """The port of a far end of this kind, a process that ends with the context."""
    command = [sys.executable, str(ROOT / "bench" / "link_far_end.py"), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            if process.stdout is None or not select.select([process.stdout], [], [], START_S)[0]:
                raise RuntimeError(f"the far end does not listen after {START_S} s")
            yield int(process.stdout.readline())
        finally:
            process.kill()
