"""From an imported snapshot to a chain that goes on: what must be proved, and what is written
beside the state. The blocks below are not there."""

from collections.abc import Iterable

from consensus.finality_proof import FinalityProof
from consensus.light import DynastyStep, LightState, follow_dynasties, genesis_state
from consensus.light_rows import CONSTANTS_KEY, terms_of
from consensus.snapshot import SnapshotManifest, check_manifest
from genesis.file import Genesis
from node.candidate import NO_RESULTS
from node.chain_point import ChainPoint
from storage.blocks import BlockStore, ChainMeta
from storage.database import KeyValueStore, Write
from storage.history_store import HistoryStore, history_writes
from storage.snapshot_import import SnapshotImport
from storage.state import FinalState
from vm.modules.chain import chain_progress


def genesis_anchor(genesis: Genesis) -> LightState:
    """What the holder of a genesis file knows as a light client."""
    constants = next(row.value for row in genesis.rows if row.key == CONSTANTS_KEY)
    return genesis_state(genesis.header, genesis.producer_set, terms_of(constants))


def check_snapshot(
    anchor: LightState, steps: Iterable[DynastyStep], manifest: SnapshotManifest
) -> LightState:
    """The light client's state at the snapshot's block, to which the steps lead from `anchor`.

    Raises InvalidProof naming the step or the part of the manifest that proves nothing.
    """
    return check_manifest(manifest, follow_dynasties(anchor, steps))


def finish_import(
    genesis: Genesis,
    database: KeyValueStore,
    imported: SnapshotImport,
    steps: Iterable[DynastyStep],
) -> None:
    """Make the imported state, of which no chunk is missing, a chain's that is open from then on
    by `Chain(genesis, database)`. `steps` are those from genesis, checked before.

    Raises DatabaseError.
    """
    manifest = imported.manifest
    database.write(_handovers(database, steps), sync=False)
    progress = chain_progress(FinalState(database).view())
    database.write(history_writes(progress.history), sync=False)
    imported.finish(lambda: _first_writes(genesis, database, manifest))


def _handovers(database: KeyValueStore, steps: Iterable[DynastyStep]) -> list[Write]:
    blocks = BlockStore(database)
    writes: list[Write] = []
    for dynasty, step in enumerate(steps):
        writes += blocks.handover_writes(dynasty, step.encode())
    return writes


def _first_writes(
    genesis: Genesis, database: KeyValueStore, manifest: SnapshotManifest
) -> list[Write]:
    """What a chain that was run from genesis would have beside the state, as far as it is needed
    to go on."""
    blocks, proof, final = BlockStore(database), manifest.proof, manifest.final
    first = genesis.header
    writes = blocks.passed_writes(first.id(), 0, first.encode(), (), NO_RESULTS.encode())
    for header in proof.headers:
        if header.height:
            writes += blocks.lineage_writes(header.id(), header.height, header.encode())
    point = ChainPoint(manifest.members, manifest.previous_members, manifest.next_members)
    meta = ChainMeta(manifest.block_id, final.height, final.state_root, point.encode())
    shown = FinalityProof(proof.target, proof.certificate, (final,))
    writes += blocks.newest_writes(meta, shown.encode())
    writes += blocks.first_writes(final.height + 1)
    return writes + HistoryStore(database).writes(final.height, [manifest.block_id])
