"""`reelect net` on real nodes: a partition, a killed, a paused and a restarted node; slow links."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from consensus.producers import MAX_PRODUCERS
from node.client import Client
from node.local.control import KILL, PAUSE, RESUME, SHOW, ControlRequest, ask
from node.local.folder import LocalFolder
from node.query.answers import StatusAnswer
from tests.end_to_end.commands import Ended, run, until
from tests.end_to_end.test_up import Up, in_time, is_alive, started

FOUR = ("--nodes", "4", "--slot-ms", "500")
# FINALITY: once messages pass again, finality resumes within 2n + 1 slots.
MAX_RECOVERY_SLOTS = 2 * MAX_PRODUCERS + 1
# Without a quorum nothing becomes final: what was under way may, of the slots before.
MAX_LATE_SLOTS = 2
STALLED_SLOTS = 6
DEADLINE_S = 600  # a minute for all, on a machine that does nothing else


class Net:
    """A running network, and the commands that disturb it."""

    def __init__(self, home: Path, up: Up, clients: list[Client]) -> None:
        self.up = up
        self.clients = clients
        self._home = home

    async def __call__(self, *arguments: str) -> Ended:
        """Run a command as people do."""
        return await run(self._home, "net", *arguments, "--json")

    async def ask(self, action: str, *nodes: str) -> list[str]:
        """Ask as commands do, without the time that a process takes; the nodes' states."""
        folder = LocalFolder.at(self._home / ".reelect" / "local")
        network = await ask(folder, ControlRequest(action, nodes=nodes))
        return [node.state for node in network.nodes]

    async def status(self, place: int = 0) -> StatusAnswer:
        return await self.clients[place].status()

    async def until_status(self, holds: Callable[[StatusAnswer], bool], *places: int) -> None:
        """Return when it holds of what each of these nodes says."""

        async def all_hold() -> bool:
            return all([holds(await self.status(place)) for place in places])

        await until(all_hold)

    async def until_final(self, slot: int, *places: int) -> None:
        await self.until_status(lambda status: status.final.slot >= slot, *places)


@asynccontextmanager
async def disturbed(home: Path, *options: str) -> AsyncIterator[Net]:
    """A network that is ready; nodes that a failed test leaves paused see that it has ended."""
    async with started(home, *FOUR, *options) as up, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(api)) for api in up.apis]
        try:
            yield Net(home, up, clients)
        finally:
            for pid in filter(is_alive, up.pids):
                os.kill(pid, signal.SIGCONT)


async def cut_and_heal(net: Net) -> None:
    """Two and two: no side has a quorum."""
    parted = await net("partition", "0,1|node-2,node-3")
    assert parted.json["groups"] == [["node-0", "node-1"], ["node-2", "node-3"]]
    cut = (await net.status()).slot
    await net.until_status(lambda status: status.slot > cut + STALLED_SLOTS, 0, 2)
    assert (await net.status(0)).final.slot <= cut + MAX_LATE_SLOTS
    assert (await net.status(2)).final.slot <= cut + MAX_LATE_SLOTS
    # Long enough for the connections between the two sides to die.
    await net.until_status(lambda status: status.peers == 1, 0, 1, 2, 3)
    healed = (await net("heal")).json
    assert healed["groups"] == [["node-0", "node-1", "node-2", "node-3"]]
    slot = (await net.status()).slot
    await net.until_final(slot, 0, 1, 2, 3)
    assert (await net.status()).slot - slot <= MAX_RECOVERY_SLOTS


async def kill_and_restart(net: Net) -> None:
    """Three of four go on."""
    assert (await net("kill", "node-3")).code == 0
    assert not is_alive(net.up.pids[3])
    assert await net.ask(SHOW) == ["running", "running", "running", "stopped"]
    refused = await net("pause", "3")
    assert refused.code == 1
    assert "net restart node-3" in refused.err
    await net.until_final((await net.status()).slot, 0, 1, 2)
    again = (await net("restart", "3")).json
    net.up.pids[3] = int(again["nodes"][3]["pid"])  # type: ignore[index]
    await net.until_final((await net.status()).slot, 0, 1, 2, 3)


async def pause_and_resume(net: Net) -> None:
    assert await net.ask(PAUSE, "node-1") == ["running", "paused", "running", "running"]
    await net.until_final((await net.status()).slot, 0, 2, 3)
    assert await net.ask(RESUME, "node-1") == ["running"] * 4
    await net.until_final((await net.status()).slot, 0, 1, 2, 3)


def test_a_network_is_cut_healed_and_its_nodes_killed_and_paused(tmp_path: Path) -> None:
    async def main() -> None:
        async with disturbed(tmp_path) as net:
            await cut_and_heal(net)
            await kill_and_restart(net)
            await pause_and_resume(net)
            misused = await net("partition", "0,1|1,2")
            assert (misused.code, misused.out) == (2, "")
            assert '"field": "GROUPS"' in misused.err
            await net.ask(PAUSE, "0", "2")
            await net.ask(KILL, "3")
            assert await net.up.stop(signal.SIGINT) == 0
            await net.up.gone()  # also those that were paused
        assert (await net("show")).code == 3

    in_time(main, DEADLINE_S)


def test_a_slow_line_that_loses_segments_becomes_final(tmp_path: Path) -> None:
    async def main() -> None:
        faults = ("--latency", "80ms", "--jitter", "20ms", "--loss", "1%")
        async with disturbed(tmp_path, "--shape", "line", *faults) as net:
            await net.until_final((await net.status()).slot + 4, 0, 1, 2, 3)
            shown = (await net("show")).json
            assert (shown["shape"], shown["latency_ms"], shown["loss_ppm"]) == ("line", 80, 10_000)
            peers = [node["peers"] for node in shown["nodes"]]  # type: ignore[attr-defined]
            assert peers == [["node-1"], ["node-0", "node-2"], ["node-1", "node-3"], ["node-2"]]
            (peer,) = await net.clients[0].peers()
            assert peer.round_trip_ms is not None
            assert peer.round_trip_ms >= 2 * 60
            assert await net.ask(KILL, "0", "1", "2", "3") == ["stopped"] * 4
            assert net.up.process.poll() is None
            assert await net.up.stop(signal.SIGINT) == 0

    in_time(main, DEADLINE_S)
