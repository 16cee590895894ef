"""A new node gets the state of a chain from its peers, chunk by chunk, from all that have it.

Nothing that a peer says is believed: the producer sets follow from genesis, the manifest from the
set, each chunk from the manifest. Who sends what does not follow is named and asked no more. What
has been checked is kept in the database, so that an interrupted joining goes on.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import trio

from consensus.errors import Invalid, InvalidProof
from consensus.light import DynastyStep, LightState, follow_dynasties
from consensus.snapshot import SnapshotManifest, SnapshotOffer, check_manifest
from node.snapshots.download import ChunkDownload, ChunkSource, ManifestLies, NoSource
from p2p.identity import PeerId, short_id
from p2p.questions import RequestFailed
from storage.database import KeyValueStore, Write
from storage.snapshot_import import SnapshotImport, unfinished_import
from storage.snapshots import offer_of

FIRST_PEER_S = 10.0
ASK_AGAIN_S = 2.0

logger = logging.getLogger("reelect.joining")


class Sources(ChunkSource, Protocol):
    """The peers, and what can be asked of one. Each question raises RequestFailed, and Invalid
    for an answer that is none."""

    def peers(self) -> Sequence[PeerId]:
        """Those that are connected."""

    async def arrival(self) -> None:
        """Return once any is connected."""

    async def offers(self, peer: PeerId) -> Sequence[SnapshotOffer]:
        """The snapshots that it has."""

    async def steps(self, peer: PeerId, dynasty: int) -> Sequence[DynastyStep]:
        """What proves the changes of the producer set from this dynasty on, as many as fit."""

    async def manifest(self, peer: PeerId, offer: SnapshotOffer) -> SnapshotManifest:
        """The manifest of a snapshot."""

    def blame(self, peer: PeerId, why: str) -> None:
        """Count what it did against it."""


# The writes that make an imported state a chain's: of the manifest and of the steps up to it.
Complete = Callable[[SnapshotManifest, Sequence[DynastyStep]], Iterable[Write]]


@dataclass(slots=True)
class _Found:
    """A snapshot and who offers it."""

    offer: SnapshotOffer
    peers: list[PeerId] = field(default_factory=list)


class Joining:
    """Brings a snapshot into a new database; `state` is genesis's, as a light client holds it."""

    def __init__(
        self,
        sources: Sources,
        database: KeyValueStore,
        state: LightState,
        complete: Complete,
        *,
        insists: bool = False,
    ) -> None:
        self._sources = sources
        self._database = database
        self._state = state
        self._complete = complete
        self._insists = insists
        self._blamed: set[PeerId] = set()
        self._lost: set[SnapshotOffer] = set()  # snapshots that nobody could give
        self._started: SnapshotImport | None = None

    def describe(self) -> str:
        """How far it has come, in a few words."""
        if self._started is None:
            return "looking for a peer with a snapshot of the chain's state"
        manifest = self._started.manifest
        done = self._started.done_bytes
        return (
            f"getting the state of height {manifest.height}: {done:,} of "
            f"{manifest.size_bytes:,} bytes, {done / manifest.size_bytes:.0%}"
        )

    @property
    def manifest(self) -> SnapshotManifest | None:
        """That of the snapshot which is, or was last, being taken."""
        return None if self._started is None else self._started.manifest

    async def run(self) -> bool:
        """Whether the database has a chain now: False if no peer has a snapshot to give, unless
        the caller insists; then it waits for one. Can be cancelled at any time and goes on later.

        Raises DatabaseError.
        """
        while True:
            found = self._best(await self._ask_around())
            if found is None:
                if not self._insists:
                    return False
                self._lost.clear()
                await trio.sleep(ASK_AGAIN_S)
                continue
            try:
                if await self._take(found):
                    return True
            except NoSource as error:
                logger.warning("the snapshot of height %d: %s", found.offer.height, error)
                self._lost.add(found.offer)

    async def _ask_around(self) -> list[_Found]:
        """What the peers offer; waits a moment for the first peer."""
        with trio.move_on_after(FIRST_PEER_S):
            await self._sources.arrival()
        found: dict[SnapshotOffer, _Found] = {}

        async def ask(peer: PeerId) -> None:
            for offer in dict.fromkeys(await self._offers(peer)):
                found.setdefault(offer, _Found(offer)).peers.append(peer)

        async with trio.open_nursery() as nursery:
            for peer in self._peers():
                nursery.start_soon(ask, peer)
        return [item for offer, item in found.items() if offer not in self._lost]

    def _peers(self) -> list[PeerId]:
        return [peer for peer in self._sources.peers() if peer not in self._blamed]

    async def _offers(self, peer: PeerId) -> Sequence[SnapshotOffer]:
        try:
            return await self._sources.offers(peer)
        except RequestFailed as error:
            logger.info("snapshots of %s: %s", short_id(peer), error)
        except Invalid as error:
            self._blame(peer, str(error))
        return ()

    def _best(self, found: Sequence[_Found]) -> _Found | None:
        """The snapshot that most peers have, so that no single one can offer what nobody else can
        give; of several the one that was begun, else the newest."""
        begun = unfinished_import(self._database)
        known = None if begun is None else offer_of(begun)
        return max(
            found,
            key=lambda item: (len(item.peers), item.offer == known, item.offer.height),
            default=None,
        )

    async def _take(self, found: _Found) -> bool:
        """Whether the snapshot is in the database now; not if its manifest turned out a lie."""
        manifest, steps, teller = await self._manifest(found)
        started = await trio.to_thread.run_sync(SnapshotImport, self._database, manifest)
        self._started = started
        logger.info(
            "joining by the snapshot of height %d: %d chunks, %d bytes, from %d peers",
            manifest.height,
            len(manifest.chunks),
            manifest.size_bytes,
            len(found.peers),
        )
        download = ChunkDownload(self._sources, found.offer, started, self._blame)
        try:
            await download.run(found.peers, partial(self._recruit, download, found))
        except ManifestLies as error:
            self._blame(teller, str(error))
            return False
        finish = partial(self._complete, manifest, steps)
        await trio.to_thread.run_sync(started.finish, finish)
        logger.info("the state of height %d is here and has its root", manifest.height)
        return True

    async def _recruit(self, download: ChunkDownload, found: _Found) -> None:
        """Have peers that come later help, and those that have the snapshot only now."""
        while True:
            await trio.sleep(ASK_AGAIN_S)
            for peer in self._peers():
                if found.offer in await self._offers(peer):
                    download.add(peer)

    async def _manifest(
        self, found: _Found
    ) -> tuple[SnapshotManifest, Sequence[DynastyStep], PeerId]:
        """The manifest, proved from genesis, the steps that lead to it, and who told both."""
        for peer in [*found.peers]:
            try:
                manifest = await self._sources.manifest(peer, found.offer)
                if offer_of(manifest) != found.offer:
                    raise InvalidProof("is not that of its offer", field="manifest")
                steps = await self._steps(peer, manifest)
            except RequestFailed as error:
                logger.info("manifest of %s: %s", short_id(peer), error)
            except Invalid as error:
                self._blame(peer, str(error))
            else:
                return manifest, steps, peer
            found.peers.remove(peer)
        raise NoSource("no peer that offers it proves it from genesis")

    async def _steps(self, peer: PeerId, manifest: SnapshotManifest) -> list[DynastyStep]:
        """The steps that lead to the manifest and prove it. Each answer is checked before the next
        is asked for: how many there are is a peer's word until then."""
        steps, state, dynasty = list[DynastyStep](), self._state, manifest.proof.target.dynasty
        while len(steps) < dynasty:
            more = (await self._sources.steps(peer, len(steps)))[: dynasty - len(steps)]
            if not more:
                raise InvalidProof(f"end at dynasty {len(steps)} of {dynasty}", field="steps")
            state = await trio.to_thread.run_sync(follow_dynasties, state, more)
            steps += more
        await trio.to_thread.run_sync(check_manifest, manifest, state)
        return steps

    def _blame(self, peer: PeerId, why: str) -> None:
        logger.warning("%s is asked for no more of the state: %s", short_id(peer), why)
        self._blamed.add(peer)
        self._sources.blame(peer, why)
