"""Blocks, votes and their ids (FINALITY: header fields that finality needs).

A block is IPLD: its id is the CID of its unsigned header, and `parent` is a link.
"""

from functools import lru_cache
from typing import Annotated

from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.codec import encode
from consensus.kinds import AccountId, Bytes, Counter, Digest, PublicKey, Signature, Uint
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part, record
from consensus.transaction import Transaction

VOTE_MESSAGES_KEPT = 256  # all members of a set vote for the same block
MAX_BLOCK_TRANSACTIONS = 16_384
MAX_BLOCK_BYTES = 4 * 1024 * 1024
MAX_CERTIFICATE_BYTES = (MAX_PRODUCERS + 7) // 8 + 64 * MAX_PRODUCERS

# With slots of at most a minute, the milliseconds from genesis stay below 2^52.
MAX_SLOT = 2**36
Slot = Annotated[int, Uint(MAX_SLOT)]


@part
class BlockRef(Record):
    """A block named by its id and slot."""

    id: Cid
    slot: Slot


@part
class Target(Record):
    """A certified block: id, slot and dynasty."""

    id: Cid
    slot: Slot
    dynasty: Counter

    @property
    def key(self) -> tuple[int, int]:
        """key(b) = (dynasty, slot), compared lexicographically."""
        return (self.dynasty, self.slot)


@record("header")
class Header(Record):
    """A block's header; every field is defined in FINALITY.md and docs/protocol.md.

    In the genesis header `chain`, `parent`, `producer`, `reveal`, `handover`, `base`,
    `qc_target` and `final_if_qc` are null, slot, height and dynasty 0.
    """

    chain: Digest | None
    parent: Cid | None
    height: Counter
    slot: Slot
    producer: AccountId | None
    reveal: Digest | None
    dynasty: Counter
    set_hash: Digest
    next_set_hash: Digest
    handover: Cid | None
    base: BlockRef | None
    qc_target: Target | None
    qc_hash: Digest
    final_if_qc: Cid | None
    state_root: Digest
    transactions_root: Digest
    receipts_root: Digest
    events_root: Digest

    def id(self) -> Cid:
        """The block id: CIDv1 (dag-cbor, sha2-256) of this header."""
        return cid_of(DAG_CBOR, self.encode())


@part
class Body(Record):
    """What a header commits to: the certificate's bytes for qc_target, and transactions."""

    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    transactions: Annotated[tuple[Transaction, ...], AtMost(MAX_BLOCK_TRANSACTIONS)]


@record("block")
class Block(Record):
    """A header, the producer's signature over the block id's bytes, and the body."""

    header: Header
    signature: Signature
    body: Body


@record("vote")
class Vote(Record):
    """A member's vote for a block; the source is a function of the block."""

    block_id: Cid
    key: PublicKey
    signature: Signature


@lru_cache(maxsize=VOTE_MESSAGES_KEPT)
def vote_message(chain: bytes, block_id: Cid) -> bytes:
    """What a vote signs: the encoding of ["vote", 1, chain, block id]."""
    return encode(["vote", 1, chain, block_id])
