"""Snapshots in a running node: one is taken every so many blocks, and peers are given them."""

import logging
import time
from collections.abc import Callable

import trio

from consensus.light import DynastyStep
from consensus.light_answer import MAX_STEPS_ANSWERED, DynastySteps
from consensus.record import Record
from node.chain import Chain
from node.snapshots.taking import take_snapshot
from p2p.messages import (
    MAX_SNAPSHOTS,
    Chunk,
    GetChunk,
    GetManifest,
    GetSnapshots,
    GetSteps,
    Manifest,
    Snapshots,
)
from storage.errors import StorageError
from storage.snapshot_file import SnapshotError
from storage.snapshots import SnapshotStore
from storage.state import FinalView

MAX_TAKING_SHARE = 0.1
# What a snapshot leaves of the disk: were that full, no block could become final here.
MIN_FREE_BYTES = 256 * 1024 * 1024
MAX_SPACING = 100_000

logger = logging.getLogger("reelect.snapshots")


class SnapshotService:
    """Takes a snapshot of every final state whose height `every` divides (0: of none) while `run`
    runs, and answers requests for those in `store`.

    One is taken at a time, beside everything else: a state that becomes final meanwhile is passed
    over, as is one that finality jumps over. What keeps one from being taken stops nothing else.
    When a state is so large that taking it lasts long, the spacing doubles, up to `most`: nodes of
    unlike speed still have heights in common. `free_bytes` tells what is left of the disk, of
    which enough is left for blocks.
    """

    def __init__(
        self,
        chain: Chain,
        store: SnapshotStore,
        every: int,
        *,
        most: int = MAX_SPACING,
        free_bytes: Callable[[], int] = lambda: MIN_FREE_BYTES,
    ) -> None:
        self._chain = chain
        self._store = store
        self._every = self._spacing = every
        self._most = most
        self._free_bytes = free_bytes
        self._due, self._taken_up = trio.open_memory_channel[tuple[int, FinalView]](0)

    def note_final(self, height: int) -> None:
        """A block has become durably final: the present final state is the one after it."""
        if not self._spacing or height % self._spacing:
            return
        try:
            self._due.send_nowait((height, self._chain.state.view()))
        except trio.WouldBlock:
            logger.info("no snapshot of height %d: the one before is not done", height)

    async def run(self) -> None:
        """Take the snapshots that are due, until cancelled."""
        async for height, view in self._taken_up:
            await trio.to_thread.run_sync(self._take, height, view)
            del view  # or its old rows would stay in the database until the next one

    def _take(self, height: int, view: FinalView) -> None:
        started_s = time.monotonic()
        try:
            made = take_snapshot(self._store, view.reader, pause=self._pause(_make_way()))
        except (StorageError, OSError) as error:
            logger.warning("no snapshot of height %d: %s", height, error)
            return
        manifest, took_s = made.manifest, time.monotonic() - started_s
        logger.info(
            "snapshot of height %d: %d chunks, %d bytes, took %.1f s",
            manifest.height,
            len(manifest.chunks),
            manifest.size_bytes,
            took_s,
        )
        self._spacing = spacing(self._every, self._most, took_s, self._chain.clock.slot_ms / 1000)

    def _pause(self, make_way: Callable[[], None]) -> Callable[[], None]:
        def pause() -> None:
            make_way()
            free_bytes = self._free_bytes()
            if free_bytes < MIN_FREE_BYTES:
                raise SnapshotError(
                    f"{free_bytes} bytes are free on the disk, of which blocks need "
                    f"{MIN_FREE_BYTES}: make room, or set storage.snapshot_blocks to 0"
                )

        return pause

    # Requests

    def serve(self, request: Record) -> Record | None:
        """The answer to a request for snapshots or for proofs of changes of the set; None if
        there is nothing of the kind here. It only reads, and may run in a thread."""
        if isinstance(request, GetSnapshots):
            return Snapshots(self._store.offers()[:MAX_SNAPSHOTS])
        if isinstance(request, GetManifest | GetChunk):
            return self._part(request)
        if isinstance(request, GetSteps):
            return self._steps(request.dynasty)
        return None

    def _part(self, request: GetManifest | GetChunk) -> Record | None:
        found = self._store.find(request.block_id)
        if found is None:
            return None
        try:
            if isinstance(request, GetManifest):
                return Manifest(found.manifest_data())
            is_there = request.index < len(found.manifest.chunks)
            return Chunk(found.chunk(request.index)) if is_there else None
        except OSError as error:  # dropped for a newer one meanwhile, if it is not the disk
            logger.info("a part of %s is not served: %s", found.path, error)
            return None

    def _steps(self, dynasty: int) -> DynastySteps:
        steps: list[DynastyStep] = []
        while len(steps) < MAX_STEPS_ANSWERED:
            data = self._chain.blocks.handover(dynasty + len(steps))
            if data is None:
                break
            steps.append(DynastyStep.decode(data))
        return DynastySteps(tuple(steps))


def spacing(every: int, most: int, took_s: float, slot_s: float) -> int:
    """The least doubling of `every` blocks of which taking a snapshot is a small part; not more
    than `most`."""
    while took_s > MAX_TAKING_SHARE * every * slot_s and 2 * every <= most:
        every *= 2
    return every


def _make_way() -> Callable[[], None]:
    """A pause that leaves the processor to others for half of the time, and ends the taking when
    the node stops."""
    resumed_s = time.monotonic()

    def pause() -> None:
        nonlocal resumed_s
        trio.from_thread.check_cancelled()
        time.sleep(time.monotonic() - resumed_s)
        resumed_s = time.monotonic()

    return pause
