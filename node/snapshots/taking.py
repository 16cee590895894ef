"""What a snapshot of a node's final state says beside the state: why that is final."""

from collections.abc import Callable, Iterator

from consensus.block import Header
from consensus.finality_proof import MAX_PROOF_HEADERS, FinalityProof
from consensus.snapshot import SnapshotManifest
from node.candidate import header_of
from node.chain_point import ChainPoint
from storage.blocks import ChainMeta, block_or_header, handover_step
from storage.database import META_ROW, PROOF_ROW, KeyValueReader
from storage.snapshot_file import SnapshotError, SnapshotFile
from storage.snapshots import SnapshotStore


def take_snapshot(
    store: SnapshotStore, reader: KeyValueReader, *, pause: Callable[[], None] = lambda: None
) -> SnapshotFile:
    """Take a snapshot of the final state that `reader` shows, which later blocks do not change.

    `pause` is called often, and may raise to give up. Raises SnapshotError if there can be none
    of this block, DatabaseError, OSError.
    """
    head = manifest_head(reader)
    return store.take(reader, head, _steps(reader, head.proof.target.dynasty), pause=pause)


def manifest_head(reader: KeyValueReader) -> SnapshotManifest:
    """The manifest of the final block that `reader` shows, its chunks still missing.

    Raises SnapshotError for genesis, for a block that no certificate names (it became final with
    one above it), and for one too far above its qc_target.
    """
    meta, proof = reader.get(META_ROW), reader.get(PROOF_ROW)
    if meta is None or proof is None:
        raise SnapshotError("nothing above genesis is final yet: a snapshot needs a final block")
    known, shown = ChainMeta.decode(meta), FinalityProof.decode(proof)
    if shown.final.id() != known.id:
        raise SnapshotError(
            f"no certificate is of the final block at height {known.height} itself: take the "
            "snapshot of a later one"
        )
    point = ChainPoint.decode(known.point)
    return SnapshotManifest(
        proof=FinalityProof(shown.target, shown.certificate, tuple(_lineage(reader, shown.final))),
        members=point.members,
        previous_members=point.previous_members,
        next_members=point.next_members,
        chunks=(),
    )


def _lineage(reader: KeyValueReader, final: Header) -> Iterator[Header]:
    """The headers from the final block's down to its qc_target's."""
    header, target = final, final.qc_target
    for _ in range(MAX_PROOF_HEADERS):
        yield header
        if target is None or header.id() == target.id:
            return
        raw = block_or_header(reader, header.height - 1)
        if raw is None:
            raise SnapshotError(f"the block at height {header.height - 1} is not kept here")
        header = header_of(raw)
    raise SnapshotError(
        f"the block at height {final.height} lies more than {MAX_PROOF_HEADERS} blocks above its "
        "qc_target: take the snapshot of a later one"
    )


def _steps(reader: KeyValueReader, dynasties: int) -> Iterator[bytes]:
    for dynasty in range(dynasties):
        step = handover_step(reader, dynasty)
        if step is None:
            raise SnapshotError(f"the proof that dynasty {dynasty} handed over is not kept here")
        yield step
