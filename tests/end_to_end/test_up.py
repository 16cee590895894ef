"""`reelect up` and `reelect reset` as processes: start, stop, resume, refusals, no orphans."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from node.client import Client
from node.local.ports import LOOPBACK, node_ports
from tests.end_to_end.commands import command_line, environment, run, until

DEADLINE_S = 240
QUICK = ("--nodes", "1", "--slot-ms", "300")


def in_time(main: Callable[[], Awaitable[None]], deadline_s: float = DEADLINE_S) -> None:
    """Run a test's coroutine, within its deadline."""

    async def limited() -> None:
        with trio.fail_after(deadline_s):
            await main()

    trio.run(limited)


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class Up:
    """A running `reelect up --json`, which has said that it is ready."""

    def __init__(self, process: trio.Process, banner: dict[str, object]) -> None:
        self.process = process
        self.chain = banner["chain"]
        nodes = banner["nodes"]
        assert isinstance(nodes, list)
        self.pids = [int(node["pid"]) for node in nodes]
        self.apis = [str(node["api"]) for node in nodes]
        self.addresses: dict[str, str] = {}
        for group in ("accounts", "roles", "producers"):
            named = banner[group]
            assert isinstance(named, dict)
            self.addresses |= named

    async def stop(self, number: int) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        code = await self.process.wait()
        return int(code)

    async def head(self) -> int:
        async with Client(self.apis[0]) as client:
            return (await client.status()).head.height

    async def gone(self) -> None:
        """Return when no node is left."""

        async def nobody() -> bool:
            return not any(map(is_alive, self.pids))

        await until(nobody)


@asynccontextmanager
async def started(home: Path, *arguments: str) -> AsyncIterator[Up]:
    """`reelect up`, run in this folder, once it is ready; killed at the end if it still runs."""
    process = await trio.lowlevel.open_process(
        command_line("up", "--base-port", "0", "--json", *arguments),
        stdout=subprocess.PIPE,
        env=environment(home),
        cwd=home,
    )
    try:
        line = b""
        while b"\n" not in line:
            assert process.stdout is not None
            part = await process.stdout.receive_some()
            assert part, "`reelect up` ended before it was ready"
            line += part
        yield Up(process, json.loads(line))
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


def test_it_stops_on_ctrl_c_and_goes_on_with_the_same_chain(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, *QUICK) as first:
            held = await run(tmp_path, "up", "--json")
            assert (held.code, held.out) == (1, "")
            assert f"process {first.process.pid}" in held.err
            kept = await run(tmp_path, "reset", "--yes")
            assert kept.code == 1

            async def has_blocks() -> bool:
                return await first.head() >= 3

            await until(has_blocks)
            status = (await run(tmp_path, "status", "--json")).json
            assert status["chain"] == first.chain
            assert (await run(tmp_path, "tx", "transfer", "dev1", "5", "--json")).code == 0
            height = await first.head()
            assert await first.stop(signal.SIGINT) == 0
            await first.gone()
        async with started(tmp_path) as second:
            assert second.chain == first.chain
            assert await second.head() >= height - 3
            assert await second.stop(signal.SIGTERM) == 0
            await second.gone()
        reset = await run(tmp_path, "reset", "--yes")
        assert reset.code == 0
        assert not (tmp_path / ".reelect" / "local" / "genesis.cbor").exists()

    in_time(main)


def test_nodes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, *QUICK) as up:
            assert all(map(is_alive, up.pids))
            await up.stop(signal.SIGKILL)
            await up.gone()

    in_time(main)


def test_a_node_that_is_killed_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, "--nodes", "2", "--slot-ms", "300") as up:
            os.kill(up.pids[1], signal.SIGKILL)

            async def node_is_gone() -> bool:
                return not is_alive(up.pids[1])

            await until(node_is_gone)
            await up.head()
            assert await up.stop(signal.SIGINT) == 0
            await up.gone()

    in_time(main)


def test_a_port_in_use_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    base = node_ports(1, 0)[0].p2p
    with socket.socket() as listener:
        listener.bind((LOOPBACK, base + 1))
        listener.listen()

        async def main() -> None:
            refused = await run(tmp_path, "up", *QUICK, "--base-port", str(base))
            assert (refused.code, refused.out) == (1, "")
            assert f"port {base + 1} is in use" in refused.err

        in_time(main)
    assert not (tmp_path / ".reelect" / "local" / "genesis.cbor").exists()


def test_a_counted_run_then_a_node_that_cannot_start(tmp_path: Path) -> None:
    async def main() -> None:
        options = ("--base-port", "0", "--for-slots", "8", "--json")
        figures = (await run(tmp_path, "up", *QUICK, *options)).json
        assert (figures["nodes"], figures["producers"], figures["slots"]) == (1, 21, 8)
        assert figures["blocks"] == 8 - int(str(figures["missed_slots"]))
        assert len(figures["peak_rss_bytes"]) == len(figures["cpu_s"]) == 1  # type: ignore[arg-type]
        journal = tmp_path / ".reelect" / "local" / "node-0" / "data" / "signing.journal"
        journal.write_bytes(b"scrambled")
        refused = await run(tmp_path, "up", "--base-port", "0")
        assert refused.code == 1
        assert "signing journal" in refused.err
        assert "node-0" in refused.err.splitlines()[-1]

    in_time(main)
