"""Joining: the state comes from whoever has it, liars are named, and nothing is lost by a stop."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from itertools import count
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

import consensus.snapshot
import storage.state
from consensus.errors import InvalidEncoding
from consensus.light import DynastyStep
from consensus.record import replace
from consensus.snapshot import SnapshotManifest, SnapshotOffer
from genesis.file import Genesis
from node.chain import Chain
from node.snapshots.joining import Joining
from node.snapshots.proving import genesis_anchor, joined_writes
from node.snapshots.taking import take_snapshot
from p2p.identity import PeerId
from p2p.questions import PeerGone, RemoteError, RequestTimeout
from storage.database import IMPORT_ROW, DatabaseError
from storage.snapshot_file import SnapshotFile
from storage.snapshots import SnapshotStore, offer_of
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import key, make_genesis_of, make_seats, run_slots, take_block
from tests.simulation.database import MemoryDatabase
from vm.modules.tokens import balance_of

SEATS = make_seats(4)
HOLDERS = [key(f"holder {number}") for number in range(40)]
GENESIS = make_genesis_of(SEATS.values(), HOLDERS)
ANNA, BEN, CARL = (bytes([number]) * 32 for number in (1, 2, 3))


def virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test in which time passes by itself."""

    @wraps(test)
    def run(*args: object, **named: object) -> None:
        trio.run(partial(test, *args, **named), clock=MockClock(autojump_threshold=0))

    return run


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small state has many chunks."""
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", 1024)


@dataclass
class Old:
    """A node that has been there for a while, and its newest snapshot."""

    chain: Chain
    database: MemoryDatabase
    store: SnapshotStore

    def grow(self, slots: Sequence[int]) -> SnapshotFile:
        """Go on for some slots and take a snapshot."""
        run_slots([self.chain], SEATS, slots)
        return take_snapshot(self.store, self.database.snapshot())


@pytest.fixture
def old(tmp_path: Path) -> Old:
    """A node at height 4, its snapshot at height 3."""
    database = MemoryDatabase()
    made = Old(Chain(GENESIS, database), database, SnapshotStore(tmp_path / "old"))
    made.grow(range(1, 5))
    return made


@dataclass
class Fakes:
    """Peers that serve snapshots, each but for what its entry in `odd` does instead."""

    stores: dict[PeerId, SnapshotStore]
    arrived: trio.Event = field(default_factory=trio.Event)
    steps_of: Callable[[SnapshotFile], Sequence[DynastyStep]] = lambda file: [*file.steps()]
    odd: dict[PeerId, Callable[[int, bytes], bytes]] = field(default_factory=dict)
    odd_manifest: dict[PeerId, Callable[[SnapshotManifest], SnapshotManifest]] = field(
        default_factory=dict
    )
    blamed: dict[PeerId, str] = field(default_factory=dict)
    given: dict[PeerId, int] = field(default_factory=dict)
    silent: tuple[PeerId, ...] = ()
    stop_after: int = 10**6
    stopping: trio.CancelScope = field(default_factory=trio.CancelScope)

    def peers(self) -> list[PeerId]:
        return list(self.stores)

    async def arrival(self) -> None:
        if not self.stores:
            await self.arrived.wait()

    async def offers(self, peer: PeerId) -> tuple[SnapshotOffer, ...]:
        offers = self.stores[peer].offers()
        change = self.odd_manifest.get(peer)
        if change is None:
            return offers
        return tuple(offer_of(change(self._file(peer, offer).manifest)) for offer in offers)

    async def steps(self, peer: PeerId, dynasty: int) -> Sequence[DynastyStep]:
        newest = self.stores[peer].newest()
        return () if newest is None else self.steps_of(newest)[dynasty : dynasty + 2]

    async def manifest(self, peer: PeerId, offer: SnapshotOffer) -> SnapshotManifest:
        manifest = self._file(peer, offer).manifest
        change = self.odd_manifest.get(peer)
        return manifest if change is None else change(manifest)

    async def chunk(self, peer: PeerId, offer: SnapshotOffer, index: int) -> bytes:
        if peer in self.silent:  # virtual time passes while threads work: no sleep is long
            await trio.sleep_forever()
        await trio.sleep(0.01)
        data = self._file(peer, offer).chunk(index)
        change = self.odd.get(peer)
        data = data if change is None else change(index, data)
        self.given[peer] = self.given.get(peer, 0) + 1
        if sum(self.given.values()) > self.stop_after:
            self.stopping.cancel()
            await trio.sleep_forever()
        return data

    def blame(self, peer: PeerId, why: str) -> None:
        self.blamed[peer] = why

    def _file(self, peer: PeerId, offer: SnapshotOffer) -> SnapshotFile:
        found = self.stores[peer].find(offer.block_id)
        if found is None:
            raise RemoteError("it is gone")
        return found


def joining(
    fakes: Fakes, database: MemoryDatabase, genesis: Genesis = GENESIS, *, insists: bool = False
) -> Joining:
    complete = partial(joined_writes, genesis, database)
    return Joining(fakes, database, genesis_anchor(genesis), complete, insists=insists)


def check_joined(database: MemoryDatabase, old: Old, height: int) -> None:
    """The new node is where the snapshot is, and goes on as the old one does."""
    chain = Chain(GENESIS, database)
    assert chain.durable_final.height == height
    assert chain.state.view().page(b"") is not None
    for holder in HOLDERS:
        assert balance_of(chain.state, holder.public, "REEL") == balance_of(
            old.chain.state, holder.public, "REEL"
        )
    for place in range(height + 1, old.chain.durable_final.height + 1):
        take_block(chain, old.chain.blocks.at(place) or b"")
    for block in old.chain.head_chain():
        take_block(chain, block.raw)
    slot = chain.fork.head.slot
    run_slots([old.chain, chain], SEATS, range(slot + 1, slot + 5))
    assert chain.durable_final.id == old.chain.durable_final.id


@virtual_time
async def test_the_chunks_come_from_all_peers_and_the_chain_goes_on(old: Old) -> None:
    fakes, database = Fakes({ANNA: old.store, BEN: old.store}), MemoryDatabase()
    assert await joining(fakes, database).run()
    chunks = old.store.offers()[0].chunks
    assert chunks > 4
    assert set(fakes.given) == {ANNA, BEN}
    assert sum(fakes.given.values()) >= chunks
    assert fakes.blamed == {}
    check_joined(database, old, 3)


def altered(index: int, data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def cut_short(index: int, data: bytes) -> bytes:
    return data[:-1]


@pytest.mark.parametrize("change", [altered, cut_short])
@virtual_time
async def test_who_sends_a_bad_chunk_is_named_and_the_rest_comes_from_others(
    old: Old, change: Callable[[int, bytes], bytes]
) -> None:
    fakes = Fakes({ANNA: old.store, BEN: old.store}, odd={ANNA: change})
    database = MemoryDatabase()
    assert await joining(fakes, database).run()
    assert set(fakes.blamed) == {ANNA}
    assert "chunk" in fakes.blamed[ANNA]
    check_joined(database, old, 3)


@virtual_time
async def test_a_peer_that_never_answers_holds_nobody_up(old: Old) -> None:
    fakes = Fakes({ANNA: old.store, BEN: old.store}, silent=(ANNA,))
    assert await joining(fakes, MemoryDatabase()).run()
    assert set(fakes.given) == {BEN}


@virtual_time
async def test_a_peer_that_lost_the_snapshot_is_left_alone(old: Old) -> None:
    def gone(index: int, data: bytes) -> bytes:
        raise PeerGone("it left")

    fakes = Fakes({ANNA: old.store, BEN: old.store}, odd={ANNA: gone})
    assert await joining(fakes, MemoryDatabase()).run()
    assert fakes.blamed == {}


@virtual_time
async def test_peers_that_give_nothing_by_turns_hold_nobody_up(old: Old) -> None:
    asked: list[PeerId] = []

    class Silent(Fakes):
        async def chunk(self, peer: PeerId, offer: SnapshotOffer, index: int) -> bytes:
            asked.append(peer)
            assert len(asked) < 50
            await trio.sleep(31)
            raise RequestTimeout("no answer")

    fakes = Silent({ANNA: old.store})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(joining(fakes, MemoryDatabase()).run)
        await trio.sleep(10)
        fakes.stores[BEN] = old.store


@virtual_time
async def test_a_later_peer_helps(old: Old) -> None:
    fakes = Fakes({ANNA: old.store}, silent=(ANNA,))
    database = MemoryDatabase()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(joining(fakes, database).run)
        await trio.sleep(1)
        fakes.stores[BEN] = old.store
    assert set(fakes.given) == {BEN}
    check_joined(database, old, 3)


def liars(manifest: SnapshotManifest) -> Iterator[SnapshotManifest]:
    """Manifests that are wrong, each in another way."""
    entries = manifest.chunks
    yield replace(manifest, chunks=entries[1:])
    yield replace(manifest, members=manifest.members[:-1])
    yield replace(manifest, next_members=manifest.members)
    proof = manifest.proof
    yield replace(manifest, proof=replace(proof, certificate=bytes(len(proof.certificate))))
    yield replace(manifest, proof=replace(proof, headers=proof.headers[:1]))


@pytest.mark.parametrize("which", range(5))
@virtual_time
async def test_who_tells_a_wrong_manifest_is_named(old: Old, which: int) -> None:
    def lie(manifest: SnapshotManifest) -> SnapshotManifest:
        return list(liars(manifest))[which]

    fakes = Fakes({ANNA: old.store, BEN: old.store}, odd_manifest={ANNA: lie})
    database = MemoryDatabase()
    assert await joining(fakes, database).run()
    assert set(fakes.blamed) <= {ANNA}
    check_joined(database, old, 3)
    assert not await joining(
        Fakes({ANNA: old.store}, odd_manifest={ANNA: lie}), MemoryDatabase()
    ).run()


@virtual_time
async def test_who_offers_a_snapshot_as_newer_than_it_is_is_named(old: Old) -> None:

    class Lying(Fakes):
        async def offers(self, peer: PeerId) -> tuple[SnapshotOffer, ...]:
            offers = await super().offers(peer)
            if peer != ANNA:
                return offers
            return 2 * tuple(replace(offer, height=2**50) for offer in offers)

    fakes, database = Lying({ANNA: old.store, BEN: old.store}), MemoryDatabase()
    assert await joining(fakes, database).run()
    assert "manifest" in fakes.blamed.pop(ANNA)
    assert (fakes.blamed, set(fakes.given)) == ({}, {BEN})
    check_joined(database, old, 3)


@virtual_time
async def test_a_manifest_that_its_chunks_disprove_is_given_up_and_its_teller_named(
    old: Old,
) -> None:
    def lie(manifest: SnapshotManifest) -> SnapshotManifest:
        first, *rest = manifest.chunks
        return replace(manifest, chunks=(replace(first, weight=first.weight + 1), *rest))

    fakes = Fakes({ANNA: old.store}, odd_manifest={ANNA: lie})
    database = MemoryDatabase()
    assert not await joining(fakes, database).run()
    assert "weighs" in fakes.blamed[ANNA]
    assert await joining(Fakes({BEN: old.store}), database).run()
    check_joined(database, old, 3)


@virtual_time
async def test_an_interrupted_joining_goes_on(old: Old) -> None:
    fakes, database = Fakes({ANNA: old.store}, stop_after=2), MemoryDatabase()
    with fakes.stopping:
        await joining(fakes, database).run()
    again = Fakes({ANNA: old.store})
    assert await joining(again, database).run()
    assert again.given[ANNA] == old.store.offers()[0].chunks - 2
    check_joined(database, old, 3)


@virtual_time
async def test_a_joining_that_was_given_up_is_not_gone_on_with(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows make way for genesis, and when that is interrupted too, some are gone."""
    monkeypatch.setattr(storage.state, "FIRST_STATE_CHUNK_ROWS", 8)
    for write in count(1):
        fakes, database = Fakes({ANNA: old.store}, stop_after=4), MemoryDatabase()
        with fakes.stopping:
            await joining(fakes, database).run()
        database.fail_at(write)
        try:
            Chain(GENESIS, database)
        except DatabaseError:
            database.kill()
        else:
            break
        database = database.reopen()
        assert await joining(Fakes({ANNA: old.store}), database).run()
        check_joined(database, old, 3)
    assert write > 8
    assert database.keys(IMPORT_ROW) == []


@virtual_time
async def test_the_newest_snapshot_is_taken_unless_another_was_begun(old: Old) -> None:
    fakes, database = Fakes({ANNA: old.store}, stop_after=2), MemoryDatabase()
    with fakes.stopping:
        await joining(fakes, database).run()
    old.grow(range(5, 8))
    assert len(old.store.offers()) == 2
    assert await joining(Fakes({ANNA: old.store}), database).run()
    check_joined(database, old, 3)
    fresh = MemoryDatabase()
    assert await joining(Fakes({ANNA: old.store}), fresh).run()
    check_joined(fresh, old, 6)


@virtual_time
async def test_a_snapshot_that_one_peer_alone_offers_is_not_waited_for(
    old: Old, tmp_path: Path
) -> None:
    ahead = SnapshotStore(tmp_path / "ahead")
    run_slots([old.chain], SEATS, range(5, 8))
    take_snapshot(ahead, old.database.snapshot())
    fakes = Fakes({ANNA: ahead, BEN: old.store, CARL: old.store}, silent=(ANNA,))
    database = MemoryDatabase()
    assert await joining(fakes, database).run()
    check_joined(database, old, 3)


@virtual_time
async def test_without_a_snapshot_it_says_so_or_waits(old: Old, tmp_path: Path) -> None:
    empty = SnapshotStore(tmp_path / "empty")
    assert not await joining(Fakes({}), MemoryDatabase()).run()
    assert not await joining(Fakes({ANNA: empty}), MemoryDatabase()).run()
    fakes, database = Fakes({ANNA: empty}), MemoryDatabase()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(joining(fakes, database, insists=True).run)
        await trio.sleep(20)
        fakes.stores[BEN] = old.store
    check_joined(database, old, 3)


@virtual_time
async def test_the_producer_sets_are_followed_from_genesis(tmp_path: Path) -> None:
    database = MemoryDatabase()
    chain = Chain(POOL_GENESIS, database, elected=ELECTIONS)
    run_epochs([chain], epochs(chain, 4))
    store = SnapshotStore(tmp_path / "pool")
    taken = take_snapshot(store, database.snapshot())
    assert taken.step_count > 1
    fresh = MemoryDatabase()
    assert await joining(Fakes({ANNA: store}), fresh, POOL_GENESIS).run()
    assert Chain(POOL_GENESIS, fresh, elected=ELECTIONS).durable_final.id == chain.durable_final.id

    def swapped(file: SnapshotFile) -> Sequence[DynastyStep]:
        first, second, *rest = file.steps()
        return [second, first, *rest]

    fakes = Fakes({ANNA: store}, steps_of=swapped)
    assert not await joining(fakes, MemoryDatabase(), POOL_GENESIS).run()
    assert "dynasty step 0" in fakes.blamed[ANNA]


@virtual_time
async def test_steps_are_proved_as_they_come(tmp_path: Path) -> None:
    """Or a peer could send more of them than there is memory for."""
    database = MemoryDatabase()
    chain = Chain(POOL_GENESIS, database, elected=ELECTIONS)
    run_epochs([chain], epochs(chain, 4))
    store = SnapshotStore(tmp_path / "pool")
    first, *_ = take_snapshot(store, database.snapshot()).steps()

    def endless(manifest: SnapshotManifest) -> SnapshotManifest:
        target = replace(manifest.proof.target, dynasty=2**50)
        return replace(manifest, proof=replace(manifest.proof, target=target))

    asked: list[int] = []

    class Endless(Fakes):
        async def steps(self, peer: PeerId, dynasty: int) -> Sequence[DynastyStep]:
            asked.append(dynasty)
            if len(asked) > 100:
                raise PeerGone("it never ends")
            return [first] * 2

    fakes = Endless({ANNA: store}, odd_manifest={ANNA: endless})
    assert not await joining(fakes, MemoryDatabase(), POOL_GENESIS).run()
    assert "dynasty step 1" in fakes.blamed[ANNA]
    assert asked == [0]


@virtual_time
async def test_an_answer_that_is_none_names_its_sender(old: Old) -> None:
    def nonsense(index: int, data: bytes) -> bytes:
        raise InvalidEncoding("not a chunk")

    fakes = Fakes({ANNA: old.store, BEN: old.store}, odd={ANNA: nonsense})
    assert await joining(fakes, MemoryDatabase()).run()
    assert set(fakes.blamed) == {ANNA}
