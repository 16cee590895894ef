"""The largest records that their types allow, for the bounds on sizes."""

from consensus.block import MAX_CERTIFICATE_BYTES, MAX_SLOT, BlockRef, Header, Target
from consensus.cid import DAG_CBOR, cid_of
from consensus.evidence import DOUBLE_BLOCK, DOUBLE_VOTE, Evidence, Statement
from consensus.finality_proof import MAX_PROOF_HEADERS, FinalityProof
from consensus.kinds import JSON_INTEGER_MAX

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
