"""Snapshots in a running node: when one is taken, that nothing waits for it, what peers get."""

import errno
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest
import trio

import consensus.snapshot
from consensus.light_answer import DynastySteps
from consensus.record import Record
from consensus.snapshot import SnapshotManifest, read_chunk
from node.chain import Chain
from node.snapshots.proving import check_snapshot, genesis_anchor
from node.snapshots.service import MIN_FREE_BYTES, SnapshotService, spacing
from p2p.messages import (
    BY_TYPE,
    Chunk,
    GetChunk,
    GetManifest,
    GetSnapshots,
    GetStatus,
    GetSteps,
    Manifest,
    Snapshots,
)
from storage.disk import REAL_DISK
from storage.snapshots import SnapshotStore
from tests.node import handovers
from tests.node.bench import memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.network import key, make_genesis_of, make_seats, run_slots
from tests.node.side import open_side
from tests.simulation.disk import MemoryDisk

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])
EVERY = 5


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", 1_000)


class Gate:
    """Holds up whoever takes a snapshot, in its thread, until it is opened."""

    def __init__(self) -> None:
        self.reached = Event()
        self._open = Event()

    def wait(self) -> None:
        """What stands in for the pauses of a taking."""
        self.reached.set()
        while not self._open.wait(0.01):
            trio.from_thread.check_cancelled()

    def open(self) -> None:
        """Let it go on."""
        self._open.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr("node.snapshots.service._make_way", lambda: made.wait)
    yield made
    made.open()


@dataclass
class Running:
    """A chain and its service."""

    chain: Chain
    store: SnapshotStore
    service: SnapshotService

    @property
    def heights(self) -> list[int]:
        """Of the snapshots that are there."""
        return [offer.height for offer in self.store.offers()]

    def slots(self, first: int, last: int) -> None:
        """Blocks of these slots; each makes the one before final."""
        for slot in range(first, last + 1):
            before = self.chain.durable_final.height
            run_slots([self.chain], SEATS, [slot])
            if self.chain.durable_final.height > before:
                self.service.note_final(self.chain.durable_final.height)

    async def has(self, height: int) -> None:
        """Wait for a snapshot, and until the service waits for the next."""
        await self.until(lambda: height in self.heights)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a thread does, and until the service waits for the next."""
        waiting = self.service._taken_up.statistics
        with trio.fail_after(60):
            while not (condition() and waiting().tasks_waiting_receive):  # noqa: ASYNC110
                await trio.sleep(0.005)


def running(disk: MemoryDisk | None = None, every: int = EVERY) -> Running:
    chain = memory_chain(GENESIS)
    store = SnapshotStore(Path("/snapshots"), disk or MemoryDisk())
    return Running(chain, store, SnapshotService(chain, store, every))


def run(service: SnapshotService, main: Callable[[], Awaitable[None]]) -> None:
    async def wrapped() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.run)
            await trio.testing.wait_all_tasks_blocked()
            await main()
            nursery.cancel_scope.cancel()

    trio.run(wrapped)


# Taking


def test_one_is_taken_every_so_many_blocks() -> None:
    node = running()

    async def main() -> None:
        node.slots(1, 6)
        await node.has(5)
        node.slots(7, 11)
        await node.has(10)
        node.slots(12, 16)
        await node.has(15)
        assert node.heights == [15, 10]

    run(node.service, main)


def test_blocks_go_on_while_one_is_taken_of_the_state_before_them(gate: Gate) -> None:
    node = running()

    async def main() -> None:
        node.slots(1, 6)
        root = node.chain.durable_final.header.state_root
        await trio.to_thread.run_sync(gate.reached.wait)
        node.slots(7, 9)
        assert (node.chain.durable_final.height, node.heights) == (8, [])
        gate.open()
        await node.has(5)
        taken = node.store.newest()
        assert taken is not None
        assert taken.manifest.final.state_root == root
        for index in range(len(taken.manifest.chunks)):
            read_chunk(taken.manifest, index, taken.chunk(index))

    run(node.service, main)


def test_what_becomes_final_while_one_is_taken_is_passed_over(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    node = running()

    async def main() -> None:
        node.slots(1, 6)
        await trio.to_thread.run_sync(gate.reached.wait)
        with caplog.at_level(logging.INFO):
            node.slots(7, 11)
        assert "no snapshot of height 10" in caplog.text
        gate.open()
        await node.has(5)
        node.slots(12, 16)
        await node.has(15)
        assert node.heights == [15, 5]

    run(node.service, main)


def test_a_node_that_is_to_take_none_takes_none() -> None:
    node = running(every=0)

    async def main() -> None:
        node.slots(1, 8)
        await trio.testing.wait_all_tasks_blocked()

    run(node.service, main)
    assert node.heights == []


def test_a_node_that_stops_does_not_wait_for_a_snapshot(gate: Gate) -> None:
    disk = MemoryDisk()
    node = running(disk)

    async def main() -> None:
        node.slots(1, 6)
        await trio.to_thread.run_sync(gate.reached.wait)

    run(node.service, main)  # ends although the gate is shut
    assert (node.heights, disk.files) == ([], {})


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_costs_the_snapshot_and_nothing_else(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    disk = MemoryDisk()
    node = running(disk)

    async def main() -> None:
        disk.fail_at(3, OSError(code, "the disk says no"))
        node.slots(1, 6)
        await node.until(lambda: "no snapshot of height 5" in caplog.text)
        assert "the disk says no" in caplog.text
        node.slots(7, 11)
        await node.has(10)

    run(node.service, main)
    assert {path.name for path in disk.files} == {"10.snapshot"}


def test_a_snapshot_leaves_room_for_blocks(caplog: pytest.LogCaptureFixture) -> None:
    disk = MemoryDisk()
    node = running(disk)
    free = [MIN_FREE_BYTES, MIN_FREE_BYTES - 1]
    node.service._free_bytes = lambda: free.pop(0) if free else MIN_FREE_BYTES

    async def main() -> None:
        node.slots(1, 6)
        await node.until(lambda: "no snapshot of height 5" in caplog.text)
        assert f"{MIN_FREE_BYTES - 1} bytes are free" in caplog.text
        assert disk.files == {}
        node.slots(7, 11)
        await node.has(10)

    run(node.service, main)


# Serving


def test_a_peer_gets_all_that_it_needs_to_check_and_take_a_state() -> None:
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    store = SnapshotStore(Path("/snapshots"), MemoryDisk())
    service = SnapshotService(chain, store, 1)
    node = Running(chain, store, service)

    async def main() -> None:
        run_epochs([chain], epochs(chain, 3))
        service.note_final(chain.durable_final.height)
        await node.has(chain.durable_final.height)

    run(service, main)
    listed = service.serve(GetSnapshots())
    assert isinstance(listed, Snapshots)
    (offer,) = listed.offers
    assert offer.height == chain.durable_final.height
    answer = service.serve(GetManifest(offer.block_id))
    assert isinstance(answer, Manifest)
    manifest = SnapshotManifest.decode(answer.manifest)
    assert (manifest.cut, manifest.size_bytes) == (offer.cut, offer.size_bytes)
    steps = service.serve(GetSteps(0))
    assert isinstance(steps, DynastySteps)
    assert len(steps.steps) == manifest.proof.target.dynasty == 2
    check_snapshot(genesis_anchor(handovers.GENESIS), steps.steps, manifest)
    assert service.serve(GetSteps(1)) == DynastySteps(steps.steps[1:])
    assert service.serve(GetSteps(2)) == DynastySteps(())
    for index in range(offer.chunks):
        chunk = service.serve(GetChunk(offer.block_id, index))
        assert isinstance(chunk, Chunk)
        assert len(chunk.encode()) <= BY_TYPE[Chunk].max_bytes
        read_chunk(manifest, index, chunk.chunk)


def test_what_is_not_there_is_not_served() -> None:
    node = running()
    other = GENESIS.header.id()
    assert node.service.serve(GetSnapshots()) == Snapshots(())
    requests: list[Record] = [GetManifest(other), GetChunk(other, 0), GetStatus()]
    assert [node.service.serve(request) for request in requests] == [None] * 3


def test_a_snapshot_that_was_dropped_meanwhile_is_not_served() -> None:
    disk = MemoryDisk()
    node = running(disk)

    async def main() -> None:
        node.slots(1, 6)
        await node.has(5)

    run(node.service, main)
    (offer,) = node.store.offers()
    assert node.service.serve(GetChunk(offer.block_id, offer.chunks)) is None
    disk.remove(Path("/snapshots/5.snapshot"))
    assert node.service.serve(GetChunk(offer.block_id, 0)) is None
    assert node.service.serve(GetManifest(offer.block_id)) is None


def test_the_handler_answers_in_a_thread_of_its_own(tmp_path: Path) -> None:
    with open_side(tmp_path) as side:
        store = SnapshotStore(tmp_path / "snapshots", REAL_DISK)
        side.handler._snapshots = SnapshotService(side.chain, store, EVERY)

        async def main() -> None:
            assert await side.handler.serve(b"p" * 32, GetSnapshots()) == Snapshots(())
            assert await side.handler.serve(b"p" * 32, GetManifest(GENESIS.header.id())) is None

        side.run(main)


def test_a_state_that_takes_long_to_take_is_taken_less_often() -> None:
    assert spacing(250, 10**6, 24.0, 1.0) == 250
    assert spacing(250, 10**6, 26.0, 1.0) == 500
    assert spacing(250, 10**6, 301.0, 1.0) == 4000
    assert spacing(250, 1000, 301.0, 1.0) == 1000
