"""What a file from another node costs: megabytes a second, checked and stored, beside a bare socket
of the standard library's `ssl` that carries as many bytes."""

import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from bench.content_nodes import MIB, NEAR, ROOT, ContentNode, far_address
from bench.gossip_nodes import LOOPBACK
from bench.link_cost import far_end, read_bare
from bench.link_far_end import FRAME_BYTES
from bench.report import Report, spread, tell
from consensus.cid import Cid, parse_cid
from node.content.file_fetch import FetchState
from p2p.identity import client_context
from storage.content import ContentStore

FILE_MIB, QUICK_FILE_MIB = 64, 8
ROUNDS, QUICK_ROUNDS = 5, 1
START_S = 120.0
MEGABYTE = 1_000_000


def measure_exchange(folder: Path, *, quick: bool) -> Report:
    """MB/s of a file from another process into a store, of the same blocks put into a store by
    themselves, and of bare TLS: the median of rounds in which each follows the other."""
    mib, rounds = (QUICK_FILE_MIB, QUICK_ROUNDS) if quick else (FILE_MIB, ROUNDS)
    with (
        _giving(folder, mib) as (port, root),
        far_end("bare") as bare_port,
        socket.create_connection((LOOPBACK, bare_port)) as plain,
    ):
        bare = client_context().wrap_socket(plain)
        turns = [_turn(folder, bare, port, root, mib) for _ in range(1 + rounds)][1:]
    tell(f"{rounds} rounds of a file of {mib} MiB are measured")
    return {
        "file_mib": mib,
        "bare_ssl_mb_a_second": spread([bare for bare, _, _ in turns], 0),
        "store_mb_a_second": spread([store for _, store, _ in turns], 0),
        "exchange_mb_a_second": spread([exchange for _, _, exchange in turns], 0),
        "share_of_bare_ssl": spread([exchange / bare for bare, _, exchange in turns]),
        "share_of_store": spread([exchange / store for _, store, exchange in turns]),
    }


def _turn(
    folder: Path, bare: socket.socket, port: int, root: Cid, mib: int
) -> tuple[float, float, float]:
    """MB/s of bare TLS, of the store alone, of the exchange."""
    frames = max(mib * MIB // FRAME_BYTES, 1)
    bare_s = read_bare(bare, frames)
    near = folder / "near"
    near.mkdir()
    fetch_s = trio.run(_fetch, near, port, root)
    store_s = _put_again(near)
    shutil.rmtree(near)
    size = mib * MIB / MEGABYTE
    return frames * FRAME_BYTES / MEGABYTE / bare_s, size / store_s, size / fetch_s


async def _fetch(near: Path, port: int, root: Cid) -> float:
    with ContentStore(near / "content") as store:
        return await _fetch_into(store, port, root)


async def _fetch_into(store: ContentStore, port: int, root: Cid) -> float:
    node = ContentNode(NEAR, store, (far_address(port),))
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        while not node.peers():  # noqa: ASYNC110
            await trio.sleep(0.01)
        begun = time.perf_counter()
        fetch = node.exchange.fetches.begin(root, 2**50)
        await fetch.ended.wait()
        took_s = time.perf_counter() - begun
        nursery.cancel_scope.cancel()
    if fetch.state is not FetchState.WHOLE:
        raise RuntimeError(f"the file did not come: {fetch.reason}")
    return took_s


def _put_again(near: Path) -> float:
    """The seconds that another store takes for the same blocks."""
    files = [file for file in (near / "content").glob("[0-9a-f][0-9a-f]/b*") if file.is_file()]
    blocks = [(parse_cid(file.name), file.read_bytes()) for file in files]
    with ContentStore(near / "again") as store:
        begun = time.perf_counter()
        for cid, data in blocks:
            store.put(cid, data)
        return time.perf_counter() - begun


@contextmanager
def _giving(folder: Path, mib: int) -> Iterator[tuple[int, Cid]]:
    """The port of a process that gives a file, and the file's root."""
    command = [sys.executable, str(ROOT / "bench" / "content_nodes.py"), str(folder), str(mib)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            if process.stdout is None or not select.select([process.stdout], [], [], START_S)[0]:
                raise RuntimeError(f"the far end has no file after {START_S} s")
            port, root = process.stdout.readline().split()
            yield int(port), parse_cid(root)
        finally:
            process.kill()
