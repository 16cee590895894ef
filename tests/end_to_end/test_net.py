"""`reelect net` on real nodes: a partition, a killed, a paused and a restarted node; slow links."""

import signal
from collections.abc import Callable
from pathlib import Path

from consensus.producers import MAX_PRODUCERS
from node.client import Client
from node.query.answers import StatusAnswer
from tests.end_to_end.commands import Ended, run, until
from tests.end_to_end.test_up import Up, in_time, is_alive, started

FOUR = ("--nodes", "4", "--slot-ms", "500")
# FINALITY: once messages pass again, finality resumes within 2n + 1 slots.
MAX_RECOVERY_SLOTS = 2 * MAX_PRODUCERS + 1
# Without a quorum nothing becomes final: what was under way may, of the slots before.
MAX_LATE_SLOTS = 2
STALLED_SLOTS = 6


class Net:
    """A running network, and the commands that disturb it."""

    def __init__(self, home: Path, up: Up) -> None:
        self.home = home
        self.up = up

    async def __call__(self, *arguments: str) -> Ended:
        return await run(self.home, "net", *arguments, "--json")

    async def status(self, place: int = 0) -> StatusAnswer:
        async with Client(self.up.apis[place]) as client:
            return await client.status()

    async def until_status(self, holds: Callable[[StatusAnswer], bool], *places: int) -> None:
        """Return when it holds of what each of these nodes says."""

        async def all_hold() -> bool:
            return all([holds(await self.status(place)) for place in places])

        await until(all_hold)

    async def until_final(self, slot: int, *places: int) -> None:
        await self.until_status(lambda status: status.final.slot >= slot, *places)

    async def states(self) -> list[str]:
        return [str(node["state"]) for node in (await self("show")).json["nodes"]]  # type: ignore[attr-defined]


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
    assert await net.states() == ["running", "running", "running", "stopped"]
    refused = await net("pause", "3")
    assert refused.code == 1
    assert "net restart node-3" in refused.err
    await net.until_final((await net.status()).slot, 0, 1, 2)
    again = (await net("restart", "3")).json
    net.up.pids[3] = int(again["nodes"][3]["pid"])  # type: ignore[index]
    await net.until_final((await net.status()).slot, 0, 1, 2, 3)


async def pause_and_resume(net: Net) -> None:
    assert (await net("pause", "node-1")).code == 0
    assert await net.states() == ["running", "paused", "running", "running"]
    await net.until_final((await net.status()).slot, 0, 2, 3)
    assert (await net("resume", "node-1")).code == 0
    await net.until_final((await net.status()).slot, 0, 1, 2, 3)


async def misuse(net: Net) -> None:
    for arguments, field in (
        (("partition", "0,1|1,2"), "GROUPS"),
        (("kill", "node-9"), "NODE"),
        (("link",), ""),
    ):
        refused = await net(*arguments)
        assert (refused.code, refused.out) == (2, "")
        assert f'"field": "{field}"' in refused.err


def test_a_network_is_cut_healed_and_its_nodes_killed_and_paused(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, *FOUR) as up:
            net = Net(tmp_path, up)
            await cut_and_heal(net)
            await kill_and_restart(net)
            await pause_and_resume(net)
            await misuse(net)
            assert (await net("pause", "0", "2")).code == 0
            assert (await net("kill", "3")).code == 0
            assert await up.stop(signal.SIGINT) == 0
            await up.gone()  # also those that were paused
        assert (await net("show")).code == 3

    in_time(main)


def test_a_slow_line_that_loses_segments_becomes_final(tmp_path: Path) -> None:
    async def main() -> None:
        faults = ("--latency", "80ms", "--jitter", "20ms", "--loss", "1%")
        async with started(tmp_path, *FOUR, "--shape", "line", *faults) as up:
            net = Net(tmp_path, up)
            await net.until_final((await net.status()).slot + 4, 0, 1, 2, 3)
            shown = (await net("show")).json
            assert (shown["shape"], shown["latency_ms"], shown["loss_ppm"]) == ("line", 80, 10_000)
            peers = [node["peers"] for node in shown["nodes"]]  # type: ignore[attr-defined]
            assert peers == [["node-1"], ["node-0", "node-2"], ["node-1", "node-3"], ["node-2"]]
            async with Client(up.apis[0]) as client:
                (peer,) = await client.peers()
            assert peer.round_trip_ms is not None
            assert peer.round_trip_ms >= 2 * 60
            assert (await net("kill", "0", "1", "2", "3")).code == 0
            assert await net.states() == ["stopped"] * 4
            assert up.process.poll() is None
            assert await up.stop(signal.SIGINT) == 0

    in_time(main)
