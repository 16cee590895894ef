"""From an imported snapshot to a chain that goes on: what must be proved, and what is written
beside the state. The blocks below are not there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from consensus.errors import InvalidProof
from consensus.finality_proof import FinalityProof
from consensus.light import DynastyStep, LightState, follow_dynasties, genesis_state
from consensus.light_rows import CONSTANTS_KEY, terms_of
from consensus.snapshot import SnapshotChunk, SnapshotManifest, check_manifest, read_chunk
from genesis.file import Genesis
from node.block_results import NO_RESULTS
from node.chain_point import ChainPoint
from node.failure import ProofFailed
from storage.blocks import BlockStore, ChainMeta
from storage.database import KeyValueStore, Write
from storage.history_store import history_writes
from storage.snapshot_file import SnapshotFile
from storage.state import FinalState
from vm.modules.chain import chain_progress


def genesis_anchor(genesis: Genesis) -> LightState:
    """What the holder of a genesis file knows as a light client."""
    constants = next(row.value for row in genesis.rows if row.key == CONSTANTS_KEY)
    return genesis_state(genesis.header, genesis.producer_set, terms_of(constants))


def doubt_about(manifest: SnapshotManifest) -> str:
    """What to tell people of a snapshot if the genesis file is older than the unbonding time: its
    producers have nothing to lose any more by signing a false chain."""
    return (
        "the genesis file is older than the chain's unbonding time: ask somebody who follows the "
        f"chain whether block {manifest.block_id} of height {manifest.height} is on it"
    )


def check_snapshot(
    anchor: LightState, steps: Iterable[DynastyStep], manifest: SnapshotManifest
) -> LightState:
    """The light client's state at the snapshot's block, to which the steps lead from `anchor`.

    Raises InvalidProof naming the step or the part of the manifest that proves nothing.
    """
    return check_manifest(manifest, follow_dynasties(anchor, steps))


def proved_file(path: Path, genesis: Genesis) -> SnapshotFile:
    """A snapshot's file whose manifest is proved from genesis on; its chunks are not read yet.

    Raises ProofFailed or SnapshotError naming the file, OSError.
    """
    found = SnapshotFile.open(path)
    with proving(path):
        check_snapshot(genesis_anchor(genesis), found.steps(), found.manifest)
    return found


def proved_chunks(file: SnapshotFile) -> Iterator[SnapshotChunk]:
    """All chunks of a proved file, each checked; raises ProofFailed naming the file, OSError."""
    for index in range(len(file.manifest.chunks)):
        with proving(file.path):
            chunk = read_chunk(file.manifest, index, file.chunk(index))
        yield chunk


@contextmanager
def proving(path: Path) -> Iterator[None]:
    """What proves nothing inside the `with` came from `path`: ProofFailed, naming it."""
    try:
        yield
    except InvalidProof as error:
        field = f"{path}: {error.field}" if error.field else str(path)
        raise ProofFailed(error.message, field=field, code=error.code) from error


def joined_writes(
    genesis: Genesis,
    database: KeyValueStore,
    manifest: SnapshotManifest,
    steps: Iterable[DynastyStep],
) -> list[Write]:
    """What makes an imported state, all of which is in the database, a chain's: what a chain that
    was run from genesis has beside its state, as far as it is needed to go on.

    `steps` are those from genesis to the manifest's dynasty, checked before. For
    `SnapshotImport.finish`; then `Chain(genesis, database)` goes on from the manifest's block.
    """
    blocks, proof, final = BlockStore(database), manifest.proof, manifest.final
    first, block_id = genesis.header, manifest.block_id
    writes = blocks.passed_writes(first.id(), 0, first.encode(), (), NO_RESULTS)
    for header in proof.headers:
        if header.height:
            writes += blocks.lineage_writes(header.id(), header.height, header.encode())
    point = ChainPoint(manifest.members, manifest.previous_members, manifest.next_members)
    meta = ChainMeta(block_id, final.height, final.state_root, point.encode())
    shown = FinalityProof(proof.target, proof.certificate, (final,))
    writes += blocks.newest_writes(meta, shown.encode())
    writes += blocks.first_writes(final.height + 1)
    for dynasty, step in enumerate([*steps, *_own_handover(manifest)]):
        writes += blocks.handover_writes(dynasty, step.encode())
    history = chain_progress(FinalState(database).view()).history
    return writes + history_writes(history) + history_writes(history.append(block_id))


def _own_handover(manifest: SnapshotManifest) -> list[DynastyStep]:
    """The step after those up to the final block, if that is the handover block itself: what
    makes it final is the proof that its set handed over."""
    proof = manifest.proof
    if proof.target.handover != manifest.block_id:
        return []
    return [DynastyStep(proof.target, proof.certificate, manifest.next_members)]
