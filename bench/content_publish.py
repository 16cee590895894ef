"""What it takes to store a file on a real node: the memory of the node and of the command that
sends it, and what is sent in a second."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.content_ids import MIB, write_content
from bench.large_chain import Population
from bench.report import Report, tell
from node.config.setting import Raw
from node.new_node import create_node

ROOT = Path(__file__).resolve().parent.parent
FILE_MIB, QUICK_FILE_MIB = 1024, 2
START_S = 120.0
LOOPBACK = "127.0.0.1"


def measure_publish(folder: Path, *, quick: bool) -> Report:
    """Store a file with `reelect content add`."""
    size_mib = QUICK_FILE_MIB if quick else FILE_MIB
    file = folder / "content"
    write_content(file, size_mib * MIB)
    with _node(folder / "node") as (url, process):
        before_mib = peak_mib(process)
        begun = time.monotonic()
        command_mib = _add(file, {**os.environ, "REELECT_CLIENT_NODE": url, "HOME": str(folder)})
        took_s = time.monotonic() - begun
        tell(f"{size_mib} MiB are stored")
        return {
            "file_mib": size_mib,
            "node_peak_mib": peak_mib(process),
            "node_peak_mib_before": before_mib,
            "command_peak_mib": command_mib,
            "mb_a_second": round(size_mib * MIB / 1_000_000 / took_s, 1),
        }


@contextmanager
def _node(folder: Path) -> Iterator[tuple[str, int]]:
    """A follower at the beginning of its chain: the address of its API, and its process."""
    folder.mkdir()
    (folder / "genesis.cbor").write_bytes(Population(1).genesis.encode())
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    settings: dict[str, Raw] = {"p2p.port": 0, "api.port": port, "storage.snapshot_blocks": 0}
    file = create_node(folder, (), settings).file
    command = [sys.executable, "-m", "cli", "node", "--config", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            if process.stdout is None or not select.select([process.stdout], [], [], START_S)[0]:
                raise RuntimeError(f"the node does not listen after {START_S} s")
            process.stdout.readline()
            yield f"http://{LOOPBACK}:{port}", process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def _add(file: Path, environment: Mapping[str, str]) -> float:
    """Store a file; the most memory of the command that does it."""
    command = [sys.executable, "-c", _MEASURED, "content", "add", str(file), "--json"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    json.loads(done.stdout)
    return float(done.stderr)


# What getrusage tells of a process counts the memory of the one that began it, too.
_MEASURED = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
import cli
from bench.content_publish import peak_mib
code = cli.run(sys.argv[1:])
print(peak_mib(os.getpid()), file=sys.stderr)
sys.exit(code)
"""


def peak_mib(process: int) -> float:
    """The most memory that a process has had."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("this system does not tell how much memory a process has had")
