"""How fast a node that is behind catches up:
`python bench/catch_up.py [--blocks 3600] [--transfers 5] [--peers 3] [--silent 1] [--json]`.

It builds a chain of so many slots of a second, gives it to real nodes on this machine, and starts
one that has nothing; a second one has some of its peers stopped once it has begun (--silent). It
says how many blocks a second came in, by the clock and by the processor time of the node.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.join import Builder  # noqa: E402
from bench.report import Report, show, tell  # noqa: E402
from node.client import Client  # noqa: E402
from node.config.setting import Raw  # noqa: E402
from node.local.process import NodeProcess  # noqa: E402
from node.new_node import create_node  # noqa: E402

ACCOUNTS = 100
SLOT_S = 1
POLL_S = 0.5
BEGUN_BLOCKS = 100  # then peers fall silent
SETTINGS: dict[str, Raw] = {
    "p2p.host": "127.0.0.1",
    "p2p.port": 0,
    "api.port": 0,
    "storage.snapshot_blocks": 0,
    "storage.join": "blocks",
    "log.file": "node.log",
}


@dataclass(frozen=True)
class Figures:
    """One catch-up."""

    blocks: int
    took_s: float
    cpu_s: float

    def report(self) -> Report:
        """As they are shown."""
        return {
            "blocks": self.blocks,
            "seconds": round(self.took_s, 2),
            "blocks_a_second": round(self.blocks / self.took_s, 1),
            "times_real_time": round(self.blocks / self.took_s * SLOT_S, 1),
            "blocks_a_processor_second": round(self.blocks / self.cpu_s, 1),
        }


def make_node(folder: Path, genesis: bytes, peers: Sequence[str], chain: Path | None) -> None:
    """The files of a follower, with this chain if there is one."""
    folder.mkdir(parents=True)
    (folder / "genesis.cbor").write_bytes(genesis)
    made = create_node(folder, (), SETTINGS | {"p2p.peers": list(peers)})
    if chain is not None:
        shutil.copytree(chain, made.config.node.data_dir / "chain")


async def catch_up(
    folder: Path, genesis: bytes, servers: Sequence[NodeProcess], addresses: list[str], silent: int
) -> Figures:
    """Start a node that has nothing, and wait until it has all that its peers have."""
    make_node(folder, genesis, addresses, None)
    async with Client(servers[0].api) as client:
        goal = (await client.status()).final.height
    stopped: list[NodeProcess] = []
    node = NodeProcess(folder)
    await node.start()
    try:
        began, height = time.perf_counter(), 0
        async with Client(node.api) as client:
            while height < goal:
                height = (await client.status()).final.height
                if height >= BEGUN_BLOCKS and len(stopped) < silent:
                    stopped = list(servers[len(servers) - silent :])
                    for each in stopped:
                        os.kill(each.pid, signal.SIGSTOP)
                await trio.sleep(POLL_S)
        took_s, usage = time.perf_counter() - began, node.usage()
        if usage is None:
            raise RuntimeError("this system does not tell what a process has used")
        return Figures(goal, took_s, usage.cpu_s)
    finally:
        for each in stopped:
            os.kill(each.pid, signal.SIGCONT)
        node.kill()
        await node.wait()


async def measure(folder: Path, blocks: int, transfers: int, peers: int, silent: int) -> Report:
    """All figures of one run."""
    genesis_time_ms = int((time.time() - blocks * SLOT_S - 30) * 1000)
    builder = Builder(folder / "built", ACCOUNTS, genesis_time_ms)
    await trio.to_thread.run_sync(builder.build, blocks, transfers)
    builder.database.close()
    tell(f"{blocks} blocks are built")
    genesis = builder.genesis.encode()
    servers: list[NodeProcess] = []
    addresses: list[str] = []
    try:
        for number in range(peers):
            place = folder / f"peer-{number}"
            make_node(place, genesis, (), folder / "built")
            servers.append(NodeProcess(place))
            await servers[-1].start()
            async with Client(servers[-1].api) as client:
                status = await client.status()
            addresses.append(f"{status.node_id.hex()}@127.0.0.1:{status.p2p_port}")
        tell("its nodes run")
        report: Report = {"transfers_a_block": transfers, "peers": peers}
        all_answer = await catch_up(folder / "new", genesis, servers, addresses, 0)
        report["all_answer"] = all_answer.report()
        if silent:
            some = await catch_up(folder / "newer", genesis, servers, addresses, silent)
            report[f"{silent}_silent"] = some.report()
        return report
    finally:
        for server in servers:
            server.kill()
            await server.wait()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=3_600)
    parser.add_argument("--transfers", type=int, default=5)
    parser.add_argument("--peers", type=int, default=3)
    parser.add_argument("--silent", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelect-catch-up-") as name:
        report = trio.run(
            measure,
            Path(name),
            options.blocks,
            options.transfers,
            options.peers,
            options.silent,
        )
    show(report, as_json=options.json)


if __name__ == "__main__":
    main()
