"""A node that has no state yet: on the network it has nothing to give, and asks for a snapshot."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import trio

from consensus.errors import InvalidEncoding
from consensus.keys import KeyPair
from consensus.light import DynastyStep
from consensus.light_answer import DynastySteps
from consensus.record import Record
from consensus.snapshot import SnapshotManifest, SnapshotOffer
from genesis.file import Genesis
from node.clock import SlotClock
from node.config.sections import Config
from node.node import network_config, read_genesis, wall_clock_ms
from node.snapshots.joining import Joining
from node.snapshots.proving import doubt_about, genesis_anchor, joined_writes
from node.wallet.derivation import KeyKind
from node.wallet.seed_file import read_seed_file
from p2p.handler import Verdict
from p2p.identity import PeerId
from p2p.messages import (
    Chunk,
    GetChunk,
    GetManifest,
    GetSnapshots,
    GetSteps,
    Manifest,
    Snapshots,
    Status,
)
from p2p.network import Network
from p2p.scoring import REJECTED_POINTS
from storage.database import META_ROW, Database

MANIFEST_TIMEOUT_S = 60.0
CHUNK_TIMEOUT_S = 30.0
# A chain of fewer slots is read as quickly as a snapshot is looked for.
YOUNG_SLOTS = 1000

logger = logging.getLogger("reelect.joining")


class Newcomer:
    """The network's Handler, and what Joining asks its peers by; `network` is set before it runs.

    It says that it is at genesis, takes no gossip and serves nothing.
    """

    def __init__(self, genesis: Genesis, clock: SlotClock, now_ms: Callable[[], int]) -> None:
        self.network: Network
        self._genesis_id = genesis.header.id()
        self._clock = clock
        self._now_ms = now_ms
        self._arrived = trio.Event()

    # Handler

    def status(self) -> Status:
        """At genesis."""
        now_ms = self._now_ms()
        slot = max(self._clock.slot_at(now_ms), 0)
        return Status(self._genesis_id, 0, self._genesis_id, 0, slot, now_ms)

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        """Nothing can be judged without a state."""
        return Verdict.IGNORE

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        """Nothing is here."""
        return None

    def connected(self, peer: PeerId) -> None:
        """There is somebody to ask."""
        self._arrived.set()

    def disconnected(self, peer: PeerId) -> None:
        """Nothing is kept for a peer here."""

    # Sources

    def peers(self) -> Sequence[PeerId]:
        """Those that are connected."""
        return [peer.id for peer in self.network.peers()]

    async def arrival(self) -> None:
        """Return once any was connected."""
        await self._arrived.wait()

    async def offers(self, peer: PeerId) -> Sequence[SnapshotOffer]:
        """The snapshots that a peer has."""
        answer = await self.network.request(peer, GetSnapshots())
        return answer.offers if isinstance(answer, Snapshots) else ()

    async def steps(self, peer: PeerId, dynasty: int) -> Sequence[DynastyStep]:
        """What proves the changes of the set from this dynasty on, as many as fit an answer."""
        answer = await self.network.request(peer, GetSteps(dynasty))
        return answer.steps if isinstance(answer, DynastySteps) else ()

    async def manifest(self, peer: PeerId, offer: SnapshotOffer) -> SnapshotManifest:
        """A snapshot's manifest."""
        request = GetManifest(offer.block_id)
        answer = await self.network.request(peer, request, MANIFEST_TIMEOUT_S)
        if not isinstance(answer, Manifest):
            raise InvalidEncoding("not a manifest", field="manifest")
        return SnapshotManifest.decode(answer.manifest)

    async def chunk(self, peer: PeerId, offer: SnapshotOffer, index: int) -> bytes:
        """A chunk's encoding."""
        request = GetChunk(offer.block_id, index)
        answer = await self.network.request(peer, request, CHUNK_TIMEOUT_S)
        if not isinstance(answer, Chunk):
            raise InvalidEncoding("not a chunk", field=f"chunk {index}")
        return answer.chunk

    def blame(self, peer: PeerId, why: str) -> None:
        """Count against a peer that it sent what is wrong."""
        self.network.misbehaved(peer, REJECTED_POINTS, why)


class StateJoin:
    """Brings the state into an empty data folder before the node opens it, if the configuration
    and the age of the chain ask for that; else `run` does nothing."""

    def __init__(self, config: Config, *, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._config = config
        self._now_ms = now_ms
        self._joining: Joining | None = None

    def describe(self) -> str:
        """What is being done, for whoever asks meanwhile."""
        return "starting" if self._joining is None else self._joining.describe()

    async def run(self) -> None:
        """Return when the node can be opened: with a snapshot's state, or to begin at genesis.

        Raises what `node.node.open_storage` raises. Can be cancelled, and goes on next time.
        """
        how = self._config.storage.join
        if how == "blocks" or not self._config.p2p.peers:
            return
        database = await trio.to_thread.run_sync(self._open)
        try:
            if database.get(META_ROW) is None:
                await self._fill(database, insists=how == "snapshot")
        finally:
            database.close()

    def _open(self) -> Database:
        folder = self._config.node.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        return Database.open(folder / "chain")

    async def _fill(self, database: Database, *, insists: bool) -> None:
        genesis = await trio.to_thread.run_sync(read_genesis, self._config.node.genesis)
        anchor = genesis_anchor(genesis)
        clock = SlotClock(anchor.terms.genesis_time_ms, anchor.terms.slot_ms)
        if not insists and clock.slot_at(self._now_ms()) < YOUNG_SLOTS:
            return
        newcomer = Newcomer(genesis, clock, self._now_ms)
        seed = read_seed_file(self._config.node.key_file, KeyKind.NODE)
        key, config = KeyPair.from_seed(seed), network_config(self._config)
        network = newcomer.network = Network(key, genesis.chain, newcomer, config)
        complete = partial(joined_writes, genesis, database)
        self._joining = Joining(newcomer, database, anchor, complete, insists=insists)
        async with trio.open_nursery() as nursery:
            await nursery.start(network.run)
            joined = await self._joining.run()
            network.close()
        manifest = self._joining.manifest
        if not joined or manifest is None:
            logger.info("no peer has a snapshot to give: all blocks are read from genesis on")
        elif anchor.is_too_old(self._now_ms()):
            logger.warning("%s", doubt_about(manifest))
