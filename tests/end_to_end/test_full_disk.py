"""A real node whose disk gets full: it stops with one sentence, and goes on once there is room."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from genesis.build import build_genesis
from genesis.preset import load_preset
from node.client import Client
from node.config.setting import Raw
from node.failure import TimedOut, Unreachable
from node.new_node import NewNode, create_node, seat_keys
from node.node import wall_clock_ms
from tests.end_to_end.commands import ROOT, command_line, environment, run, until

SEATS = 4
SLOT_MS = 200
DISK_BYTES = 8 * 2**20
ROOM_BYTES = 200_000  # some dozens of blocks
DEADLINE_S = 120

# Files may not grow beyond a bound: what is written there fails as on a full disk.
LIMITED = """
import resource, sys
import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = ["reelect", *sys.argv[2:]]
cli.main()
"""


class LimitedFiles:
    """Room is made by taking the bound away."""

    is_full = True

    def command(self, *arguments: str) -> list[str]:
        """How the node is started."""
        if not self.is_full:
            return command_line(*arguments)
        return [sys.executable, "-c", LIMITED, str(ROOM_BYTES), *arguments]

    def make_room(self) -> None:
        """There is enough from now on."""
        self.is_full = False


class SmallDisk:
    """A disk of its own with a large file, which goes to make room."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"
        self._filler.write_bytes(bytes(DISK_BYTES - ROOM_BYTES))

    def command(self, *arguments: str) -> list[str]:
        """How the node is started."""
        return command_line(*arguments)

    def make_room(self) -> None:
        """There is enough from now on."""
        self._filler.unlink()


Disk = LimitedFiles | SmallDisk


@pytest.fixture(params=["limit", "tmpfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """The disk of tmp_path/disk. Where nobody may mount one, files are limited there too."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "reelect", str(folder)]
    if request.param == "limit" or subprocess.run(mount, check=False).returncode:
        yield LimitedFiles()
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _make_node(tmp_path: Path) -> NewNode:
    """A network of one node, whose blocks begin about now."""
    seats = [seat_keys(b"%d" % i * 64, f"s{i}", i) for i in range(SEATS)]
    settings: dict[str, Raw] = {
        "node.data_dir": str(tmp_path / "disk" / "data"),
        "log.file": str(tmp_path / "node.log"),
        "p2p.host": "127.0.0.1",
        "p2p.port": 0,
        "api.port": 0,
    }
    made = create_node(tmp_path / "node", seats, settings)
    genesis = build_genesis(
        load_preset("devnet"), [*made.records.values()], [], wall_clock_ms() + 2000, slot_ms=SLOT_MS
    )
    made.config.node.genesis.write_bytes(genesis.encode())
    return made


@asynccontextmanager
async def _started(node: NewNode, disk: Disk, err: Path) -> AsyncIterator[tuple[trio.Process, str]]:
    """The node's process, and the address of its API."""
    command = disk.command("node", "--config", str(node.file))
    with err.open("wb") as stderr:
        process = await trio.lowlevel.open_process(
            command, stdout=subprocess.PIPE, stderr=stderr, env=environment(err.parent), cwd=ROOT
        )
    try:
        assert process.stdout is not None
        said = b""
        while b"\n" not in said:
            more = await process.stdout.receive_some()
            assert more, "it ended before it listened"
            said += more
        yield process, str(json.loads(said)["api"])
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _final(client: Client) -> tuple[int, str]:
    final = (await client.status()).final
    return final.height, str(final.id)


async def _fill(node: NewNode, disk: Disk, err: Path) -> dict[int, str]:
    """Let the node run until its disk is full; the ids of the final blocks that it told of."""
    told: dict[int, str] = {}
    async with _started(node, disk, err) as (process, api):
        async with Client(api) as client:
            with suppress(Unreachable, TimedOut):
                while process.poll() is None:
                    told.update([await _final(client)])
                    await trio.sleep(SLOT_MS / 1000)
        assert await process.wait() == 1
    return told


def test_a_node_whose_disk_is_full_stops_and_goes_on_when_there_is_room(
    tmp_path: Path, disk: Disk
) -> None:
    node, err = _make_node(tmp_path), tmp_path / "err"

    async def main() -> None:
        told = await _fill(node, disk, err)
        (sentence,) = err.read_text().splitlines()
        assert sentence.startswith("reelect: ")
        assert str(tmp_path / "disk" / "data") in sentence
        assert "make room on the disk, then start the node again" in sentence
        assert max(told) > 3

        disk.make_room()
        checked = await run(tmp_path, "db", "check", "--config", str(node.file), "--json")
        assert int(str(checked.json["final_height"])) >= max(told)

        async with _started(node, disk, err) as (_, api), Client(api) as client:

            async def goes_on() -> bool:
                return (await _final(client))[0] > max(told) + 3

            await until(goes_on)
            for height, block_id in told.items():
                assert str((await client.block(str(height))).summary.id) == block_id

    async def bounded() -> None:
        with trio.fail_after(DEADLINE_S):
            await main()

    trio.run(bounded)
