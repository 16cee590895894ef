"""What a node with a large chain takes: time to start, and memory. As a command it opens the chain
of a configuration file, reads some rows and prints what that took."""

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.large_chain import Population  # noqa: E402
from bench.report import Report, tell  # noqa: E402
from consensus.hashing import sha256  # noqa: E402
from node.config.setting import Raw  # noqa: E402
from node.config.sources import load_config  # noqa: E402
from node.new_node import create_node  # noqa: E402
from node.node import Node, open_storage  # noqa: E402
from vm.modules.tokens import BALANCES  # noqa: E402

STARTS = 3
REST_S = 5.0
START_S = 120.0
CHAIN = Path("data") / "chain"  # where a node's folder has its database
READ_ROWS = 300_000  # as many as fill the caches


def write_node(folder: Path, population: Population) -> Path:
    """The files of a follower, beside its database; its configuration file."""
    (folder / "genesis.cbor").write_bytes(population.genesis.encode())
    settings: dict[str, Raw] = {"p2p.port": 0, "api.port": 0, "storage.snapshot_blocks": 0}
    return create_node(folder, (), settings).file


def measure_node(file: Path, starts: int, rest_s: float, rows: int) -> Report:
    """Start the node of this configuration file so many times, then leave it alone; then open its
    chain and read so many rows."""
    took = [_start(file, 0.0)[0] for _ in range(starts - 1)]
    last, rest_mib = _start(file, rest_s)
    opened = _run([sys.executable, __file__, str(file), str(rows)])
    tell("a node's start is measured")
    return {
        "seconds_until_it_listens": round(statistics.median([*took, last]), 2),
        "anonymous_mib_at_rest": rest_mib,
        **opened,
    }


def _start(file: Path, rest_s: float) -> tuple[float, float]:
    """Seconds from the process's start until it listens; MiB some time after that."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "cli", "node", "--config", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            if process.stdout is None or not select.select([process.stdout], [], [], START_S)[0]:
                raise RuntimeError(f"the node does not listen after {START_S} s")
            if not process.stdout.readline():
                raise RuntimeError("the node ended before it listened")
            took = time.monotonic() - begun
            time.sleep(rest_s)
            return took, anonymous_mib(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def _run(command: Sequence[str]) -> Report:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603
    report: Report = json.loads(done.stdout)
    return report


def anonymous_mib(process: int) -> float:
    """The memory of a process that no file backs."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("this system does not tell how much anonymous memory a process has")


def open_and_read(file: Path, rows: int) -> Report:
    """Take up the chain, then read so many rows."""
    config = load_config(file, (), {})
    begun = time.perf_counter()
    with open_storage(config) as storage:
        took = time.perf_counter() - begun
        state = Node(config, storage)._storage.chain.state
        for number in range(rows):
            state.get(BALANCES.state_key(sha256(b"account %d" % number), "REEL"))
        mib = anonymous_mib(os.getpid())
    return {"seconds_to_open": round(took, 3), "anonymous_mib_with_full_caches": mib}


if __name__ == "__main__":
    print(json.dumps(open_and_read(Path(sys.argv[1]), int(sys.argv[2]))))
