"""A chain that goes on from a snapshot is the chain that it was taken of, from there on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import consensus.snapshot
from consensus.block import BlockRef
from consensus.cid import RAW, cid_of
from consensus.errors import InvalidProof
from consensus.light import DynastyStep
from consensus.merkle import verify_merkle
from consensus.record import replace
from consensus.snapshot import SnapshotManifest
from genesis.file import Genesis
from node.chain import Chain
from node.finality_proofs import proof_above
from node.snapshots.proving import check_snapshot, genesis_anchor, joined_writes
from node.snapshots.taking import manifest_head, take_snapshot
from storage.snapshot_file import SnapshotError, SnapshotFile
from storage.snapshot_import import SnapshotImport
from storage.snapshots import SnapshotStore
from tests.node.handovers import ELECTIONS, GENESIS, epochs, members_of, run_epochs
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from vm.modules.chain import chain_progress
from vm.modules.tokens import balance_of

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
PLAIN = make_genesis_of(SEATS.values(), [ALICE])


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", 1_000)


@dataclass
class Node:
    """A chain, what it is stored in, and a way to start again."""

    genesis: Genesis
    database: MemoryDatabase
    chain: Chain

    @classmethod
    def begin(cls, genesis: Genesis, database: MemoryDatabase | None = None) -> "Node":
        """On what is stored; a new chain without."""
        stored = database or MemoryDatabase()
        chain = Chain(genesis, stored, elected=ELECTIONS) if genesis is GENESIS else None
        return cls(genesis, stored, chain or Chain(genesis, stored))

    def restarted(self) -> "Node":
        """The next process."""
        self.database.kill()
        made = Node.begin(self.genesis, self.database.reopen())
        made.chain.replay()
        return made

    def snapshot(self) -> SnapshotFile:
        """A snapshot of the final state."""
        store = SnapshotStore(Path("/snapshots"), MemoryDisk())
        return take_snapshot(store, self.chain.state.view().reader)


def joined(genesis: Genesis, file: SnapshotFile) -> Node:
    """A new node from genesis and a snapshot."""
    steps = [*file.steps()]
    check_snapshot(genesis_anchor(genesis), steps, file.manifest)
    database = MemoryDatabase()
    imported = SnapshotImport(database, file.manifest)
    for index in imported.missing:
        imported.add(index, file.chunk(index))
    imported.finish(lambda: joined_writes(genesis, database, file.manifest, steps))
    return Node.begin(genesis, database)


# Joining


@pytest.mark.parametrize("blocks", range(2, 13))
def test_a_node_that_joins_at_any_block_of_a_change_goes_on_as_all_do(blocks: int) -> None:
    old = Node.begin(GENESIS)
    slots = epochs(old.chain, 4)
    run_epochs([old.chain], slots[:blocks])
    new = joined(GENESIS, old.snapshot())
    assert new.chain.durable_final.id == old.chain.durable_final.id
    assert new.chain.final_proof() == old.chain.final_proof()
    for block in old.chain.head_chain():
        take_block(new.chain, block.raw)
    for slot in slots[blocks : blocks + 6]:
        run_epochs([old.chain, new.chain], [slot])
        new = new.restarted()
        ours, theirs = new.chain.durable_final, old.chain.durable_final
        assert (ours.id, ours.next_members) == (theirs.id, theirs.next_members)
        assert new.chain.fork.head.id == old.chain.fork.head.id
    dynasties = range(old.chain.durable_final.dynasty)
    assert [new.chain.blocks.handover(dynasty) for dynasty in dynasties] == [
        old.chain.blocks.handover(dynasty) for dynasty in dynasties
    ]
    assert new.chain.durable_final.height > blocks


def test_payments_go_on_and_states_stay_equal() -> None:
    old = Node.begin(PLAIN)
    for slot in range(1, 8):
        run_slots([old.chain], SEATS, [slot], [transfer(old.chain, ALICE, BOB.public, 5, slot - 1)])
    new = joined(PLAIN, old.snapshot())
    assert balance_of(new.chain.state.view(), BOB.public, "REEL") == 30
    for block in old.chain.head_chain():
        take_block(new.chain, block.raw)
    for slot in range(8, 12):
        pending = transfer(old.chain, ALICE, BOB.public, 5, slot - 1)
        run_slots([new.chain, old.chain], SEATS, [slot], [pending])
    assert new.chain.durable_final.id == old.chain.durable_final.id
    assert balance_of(new.chain.state.view(), BOB.public, "REEL") == 50
    again = new.snapshot()
    assert again.manifest.cut == old.snapshot().manifest.cut  # from another history
    assert again.manifest.proof == old.snapshot().manifest.proof


def test_a_node_that_has_just_joined_knows_what_has_passed() -> None:
    """Or more than f of them, in a network that stands still, would wait for each other."""
    old = Node.begin(PLAIN)
    run_slots([old.chain], SEATS, range(1, 9))
    new = joined(PLAIN, old.snapshot())
    final, target = new.chain.durable_final, new.chain.durable_final.qc_target
    assert target.slot > 1
    for height in range(final.height + 1):
        block_id = old.chain.blocks.id_at(height)
        assert block_id is not None
        assert new.chain.has_passed(BlockRef(block_id, height))
    unknown = cid_of(RAW, b"another block")
    slots = (target.slot, final.slot, final.slot + 1)
    assert not any(new.chain.has_passed(BlockRef(unknown, slot)) for slot in slots)


def test_a_joined_node_has_no_block_below_and_says_so() -> None:
    old = Node.begin(PLAIN)
    run_slots([old.chain], SEATS, range(1, 9))
    new = joined(PLAIN, old.snapshot())
    for block in old.chain.head_chain():
        take_block(new.chain, block.raw)
    run_slots([old.chain, new.chain], SEATS, range(9, 15))
    blocks, height = new.chain.blocks, 7
    assert blocks.first_height() == height + 1
    assert blocks.at(0) == PLAIN.header.encode()
    assert all(blocks.at(below) is None for below in range(1, height + 1))
    assert blocks.final_blocks(1, 99) == old.chain.blocks.final_blocks(height + 1, 99)
    assert blocks.id_at(height) == old.chain.blocks.id_at(height)
    for below in range(1, height):
        assert proof_above(new.chain, below) is None
    for above in range(height + 1, 13):
        assert proof_above(new.chain, above) == proof_above(old.chain, above)


def test_a_joined_node_shows_what_is_above_in_the_history_and_nothing_below() -> None:
    old = Node.begin(PLAIN)
    run_slots([old.chain], SEATS, range(1, 9))
    new = joined(PLAIN, old.snapshot())
    for block in old.chain.head_chain():
        take_block(new.chain, block.raw)
    run_slots([old.chain, new.chain], SEATS, range(9, 30))
    history = chain_progress(new.chain.state.view()).history
    for height in range(history.blocks):
        proof = new.chain.history.proof(height, history.blocks)
        if height < 7:
            assert proof is None or height == 6  # the id of its parent is in the snapshot's header
            continue
        assert proof == old.chain.history.proof(height, history.blocks)
        assert proof is not None
        block_id = new.chain.blocks.id_at(height)
        assert block_id is not None
        verify_merkle(history.root, block_id.binary, height, history.blocks, proof)


# What has no snapshot


def test_genesis_and_blocks_that_no_certificate_names_have_none() -> None:
    node = Node.begin(PLAIN)
    with pytest.raises(SnapshotError, match="nothing above genesis"):
        manifest_head(node.chain.state.view().reader)
    run_slots([node.chain], SEATS, [1, 2, 4])
    assert manifest_head(node.chain.state.view().reader).height == 1
    # Block 3 makes 2 final with it, in a batch that ends at 2: only the last has a proof.
    bound = 20
    for slot in range(5, bound):
        take_block(node.chain, make_block(node.chain, SEATS, slot, []).raw)
    pending = [transfer(node.chain, ALICE, BOB.public, 1, 0)]
    heads: list[str] = []
    persist = node.chain._persist

    def watched(part: object) -> None:
        persist(part)  # type: ignore[arg-type]
        try:
            heads.append(str(manifest_head(node.chain.state.view().reader).height))
        except SnapshotError as error:
            heads.append(str(error))

    node.chain._persist = watched  # type: ignore[method-assign]
    block = make_block(node.chain, SEATS, bound, pending)
    take_block(node.chain, block.raw)
    take_votes(node.chain, votes_for(node.chain, SEATS.values(), block))
    for slot in (bound + 1, bound + 2):
        run_slots([node.chain], SEATS, [slot])
    assert "no certificate is of" in heads[0]
    assert heads[-1] == str(node.chain.durable_final.height)


# What is refused


@pytest.fixture
def taken() -> tuple[SnapshotManifest, list[DynastyStep]]:
    """A snapshot of the first block of a dynasty, whose qc_target is of the one before."""
    node = Node.begin(GENESIS)
    slots = epochs(node.chain, 3)
    run_epochs([node.chain], slots[:8])
    while not node.snapshot().manifest.previous_members:
        run_epochs([node.chain], [node.chain.fork.head.slot + 1])
    file = node.snapshot()
    return file.manifest, [*file.steps()]


Change = Callable[[SnapshotManifest], SnapshotManifest]
OTHERS = members_of(range(4)).members


def _with_proof(**fields: object) -> Change:
    return lambda manifest: replace(manifest, proof=replace(manifest.proof, **fields))


def _without_lowest(manifest: SnapshotManifest) -> SnapshotManifest:
    return replace(manifest, proof=replace(manifest.proof, headers=manifest.proof.headers[:-1]))


def _one_lower(manifest: SnapshotManifest) -> SnapshotManifest:
    proof = manifest.proof
    extra = replace(proof.lowest, height=proof.lowest.height - 1)
    return replace(manifest, proof=replace(proof, headers=(*proof.headers, extra)))


def _other_root(manifest: SnapshotManifest) -> SnapshotManifest:
    first, *rest = manifest.proof.headers
    headers = (replace(first, state_root=bytes(32)), *rest)
    return replace(manifest, proof=replace(manifest.proof, headers=headers))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_with_proof(certificate=b""), "certificate"),
        (_with_proof(certificate=bytes(65)), "certificate"),
        (_other_root, "final header"),
        (_without_lowest, "manifest.headers"),
        (_one_lower, "manifest.headers"),
        (lambda made: replace(made, members=OTHERS), "manifest.members"),
        (lambda made: replace(made, members=made.members[::-1]), "manifest.members"),
        (lambda made: replace(made, previous_members=()), "manifest.previous_members"),
        (lambda made: replace(made, previous_members=OTHERS), "manifest.previous_members"),
        (lambda made: replace(made, next_members=OTHERS), "manifest.next_members"),
        (lambda made: replace(made, chunks=made.chunks[1:]), "manifest.chunks"),
        (lambda made: replace(made, chunks=made.chunks[::-1]), "manifest.chunks"),
    ],
)
def test_each_altered_part_of_a_manifest_is_named(
    taken: tuple[SnapshotManifest, list[DynastyStep]], change: Change, field: str
) -> None:
    manifest, steps = taken
    reached = check_snapshot(genesis_anchor(GENESIS), steps, manifest)
    assert reached.final.id == manifest.block_id
    with pytest.raises(InvalidProof) as caught:
        check_snapshot(genesis_anchor(GENESIS), steps, change(manifest))
    assert caught.value.field == field


def test_steps_that_are_missing_or_altered_are_named(
    taken: tuple[SnapshotManifest, list[DynastyStep]],
) -> None:
    manifest, steps = taken
    anchor = genesis_anchor(GENESIS)
    cases = [
        ([], "certificate"),
        ([replace(steps[0], members=OTHERS), *steps[1:]], "dynasty step 0"),
        ([*steps, steps[-1]], f"dynasty step {len(steps)}"),
    ]
    for altered, field in cases:
        with pytest.raises(InvalidProof) as caught:
            check_snapshot(anchor, altered, manifest)
        assert caught.value.field == field
    with pytest.raises(InvalidProof):
        check_snapshot(genesis_anchor(PLAIN), steps, manifest)
