"""Chains without a state: real headers, stand-ins for roots and for the signature scheme."""

from consensus.block import Header, vote_message
from consensus.certificate import certificate_bytes
from consensus.cid import Cid
from consensus.finality import ChainBlock
from consensus.fork_choice import Finalized, ForkChoice
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.headers import (
    Duty,
    Roots,
    Rules,
    check_header,
    child_header,
    genesis_block,
    scheduled,
)
from consensus.producers import Member, ProducerSet, producer_set
from consensus.record import replace

CHAIN = b"c" * 32
RULES = Rules(CHAIN, epoch_slots=1_000)


def sign(key: bytes, message: bytes) -> bytes:
    """A fast stand-in: whoever knows the public key can sign."""
    return sha256(key + message) * 2


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `sign` made the signature."""
    return signature == sign(key, message)


def members(*numbers: int) -> ProducerSet:
    """The set of these seats; a seat's place in it is its number's place in order."""
    return producer_set([Member(bytes([i]) * 32, sha256(bytes([i]))) for i in numbers])


def genesis(first: ProducerSet) -> ChainBlock:
    """The root of a chain of this set."""
    header = Header(
        chain=None,
        parent=None,
        height=0,
        slot=0,
        producer=None,
        reveal=None,
        dynasty=0,
        set_hash=first.hash,
        next_set_hash=ZERO_DIGEST,
        handover=None,
        base=None,
        qc_target=None,
        qc_hash=sha256(b""),
        final_if_qc=None,
        state_root=ZERO_DIGEST,
        transactions_root=ZERO_DIGEST,
        receipts_root=ZERO_DIGEST,
        events_root=ZERO_DIGEST,
    )
    return genesis_block(header, first)


def vote_of(block: ChainBlock, place: int) -> bytes:
    """The signature of the member at a place of the block's set."""
    return sign(block.members.members[place].key, vote_message(CHAIN, block.id))


def certificate_of(block: ChainBlock, votes: int | None = None) -> bytes:
    """A certificate by the first members: a quorum unless `votes` says how many."""
    count = block.members.quorum if votes is None else votes
    return certificate_bytes(
        block.members, {place: vote_of(block, place) for place in range(count)}
    )


def embedded(parent: ChainBlock, qc: ChainBlock) -> bytes:
    """What the body of a child of `parent` that names `qc` must hold."""
    return b"" if qc.target == parent.qc_target else certificate_of(qc)


def make_header(
    parent: ChainBlock,
    slot: int,
    qc: ChainBlock,
    *,
    elected: ProducerSet | None = None,
    rules: Rules = RULES,
    certificate: bytes | None = None,
    salt: int = 0,
) -> Header:
    """The scheduled producer's header; `salt` tells siblings apart."""
    data = embedded(parent, qc) if certificate is None else certificate
    producer = scheduled(rules, parent, slot).producer
    duty = Duty(slot, producer, sha256(producer), qc, data, elected)
    return child_header(
        rules, parent, duty, Roots(bytes([salt]) * 32, ZERO_DIGEST, ZERO_DIGEST, ZERO_DIGEST)
    )


def place(
    parent: ChainBlock,
    header: Header,
    certificate: bytes,
    *,
    elected: ProducerSet | None = None,
    rules: Rules = RULES,
    block_id: Cid | None = None,
) -> ChainBlock:
    """The checked header in its place."""
    return check_header(
        rules,
        parent,
        header,
        certificate,
        elected,
        block_id=header.id() if block_id is None else block_id,
        verify=verify,
    )


def child(
    parent: ChainBlock,
    slot: int,
    qc: ChainBlock | None = None,
    *,
    elected: ProducerSet | None = None,
    rules: Rules = RULES,
    salt: int = 0,
) -> ChainBlock:
    """A valid child of `parent` that names `qc`, or else what its parent names."""
    named = qc or parent.qc or parent
    header = make_header(parent, slot, named, elected=elected, rules=rules, salt=salt)
    return place(parent, header, embedded(parent, named), elected=elected, rules=rules)


def altered(header: Header, **fields: object) -> Header:
    """The header with some fields replaced."""
    return replace(header, **fields)


def add(fork: ForkChoice, *blocks: ChainBlock) -> list[Finalized]:
    """Insert blocks with the bodies that their headers bind; returns the advances of finality."""
    advances: list[Finalized] = []
    for block in blocks:
        if block.parent is None or block.qc is None:
            raise ValueError("the block was cut off")
        finalized = fork.on_block(block, embedded(block.parent, block.qc))
        if finalized is not None:
            advances.append(finalized)
    return advances


def vote_all(fork: ForkChoice, block: ChainBlock, votes: int | None = None) -> Finalized | None:
    """Count the votes of the first members: a quorum unless `votes` says how many."""
    count = block.members.quorum if votes is None else votes
    made: Finalized | None = None
    for at in range(count):
        made = fork.on_vote(block, at, vote_of(block, at)) or made
    return made
