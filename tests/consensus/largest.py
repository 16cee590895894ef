"""The largest records that their types allow, for the bounds on sizes."""

from consensus.block import MAX_CERTIFICATE_BYTES, MAX_SLOT, BlockRef, Header, Target
from consensus.cid import DAG_CBOR, cid_of
from consensus.evidence import DOUBLE_BLOCK, DOUBLE_VOTE, Evidence, Statement
from consensus.finality_proof import MAX_PROOF_HEADERS, FinalityProof
from consensus.kinds import JSON_INTEGER_MAX
from consensus.light import DynastyStep
from consensus.producers import MAX_PRODUCERS, Member
from consensus.snapshot import (
    CHUNK_BYTES,
    MAX_CHUNK_ENCODED_BYTES,
    MAX_CHUNKS,
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    ROW_OVERHEAD_BYTES,
    ChunkEntry,
    SnapshotChunk,
    SnapshotManifest,
    SnapshotRow,
)
from consensus.tree_range import MAX_PREFIX_BITS, Prefix, RangeProof

MOST = JSON_INTEGER_MAX
CID = cid_of(DAG_CBOR, b"")
DIGEST = b"\xff" * 32

HEADER = Header(
    chain=DIGEST,
    parent=CID,
    height=MOST,
    slot=MAX_SLOT,
    producer=DIGEST,
    reveal=DIGEST,
    dynasty=MOST,
    set_hash=DIGEST,
    next_set_hash=DIGEST,
    handover=CID,
    base=BlockRef(CID, MAX_SLOT),
    qc_target=Target(CID, MAX_SLOT, MOST),
    qc_hash=DIGEST,
    final_if_qc=CID,
    state_root=DIGEST,
    transactions_root=DIGEST,
    receipts_root=DIGEST,
    events_root=DIGEST,
)
EVIDENCE = Evidence(
    max(DOUBLE_BLOCK, DOUBLE_VOTE, key=len),
    DIGEST,
    Statement(HEADER, bytes(64)),
    Statement(HEADER, bytes(64)),
)
FINALITY_PROOF = FinalityProof(HEADER, bytes(MAX_CERTIFICATE_BYTES), (HEADER,) * MAX_PROOF_HEADERS)

SET = (Member(DIGEST, DIGEST),) * MAX_PRODUCERS
DYNASTY_STEP = DynastyStep(HEADER, bytes(MAX_CERTIFICATE_BYTES), SET)
PREFIX = Prefix(MAX_PREFIX_BITS, b"\xff" * 31 + b"\xfe")
SNAPSHOT_MANIFEST = SnapshotManifest(
    FINALITY_PROOF,
    SET,
    SET,
    SET,
    (ChunkEntry(PREFIX, CHUNK_BYTES, MAX_CHUNK_ENCODED_BYTES),) * MAX_CHUNKS,
)
_LARGEST_ROW = SnapshotRow(b"k" * MAX_KEY_BYTES, b"v" * MAX_VALUE_BYTES)
_REST = CHUNK_BYTES - 3 * (MAX_KEY_BYTES + MAX_VALUE_BYTES) - 4 * ROW_OVERHEAD_BYTES
SNAPSHOT_CHUNK = SnapshotChunk(
    PREFIX,
    (_LARGEST_ROW,) * 3 + (SnapshotRow(b"k" * MAX_KEY_BYTES, b"v" * (_REST - MAX_KEY_BYTES)),),
    RangeProof(DIGEST, (DIGEST,) * MAX_PREFIX_BITS),
)
