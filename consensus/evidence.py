"""Evidence that a consensus key broke a rule: headers and signatures (FINALITY: Evidence).

It is judged by its bytes alone. The headers need not be valid blocks: an honest producer votes
for and signs nothing else.
"""

from typing import Annotated

from consensus.block import Header, vote_message
from consensus.certificate import Verify
from consensus.cid import Cid
from consensus.errors import InvalidEvidence
from consensus.finality import source_of
from consensus.keys import verifies
from consensus.kinds import PublicKey, Signature, Text
from consensus.record import Record, part, record

DOUBLE_VOTE = "double-vote"
SURROUND = "surround"
DOUBLE_BLOCK = "double-block"
OFFENCES = (DOUBLE_VOTE, SURROUND, DOUBLE_BLOCK)

OffenceName = Annotated[str, Text(12, 8, f"({'|'.join(OFFENCES)})")]


@part
class Statement(Record):
    """A header and a signature: over the vote message of its block or over the block id's bytes."""

    header: Header
    signature: Signature


@record("evidence")
class Evidence(Record):
    """Two statements of one key that no honest holder of it makes.

    `offence` is "double-vote" (votes for different blocks of one slot), "surround" (votes with
    source1 < source2 < target2 < target1 by slot, both targets in one dynasty) or "double-block"
    (different blocks of one slot). `first` is the vote that surrounds, else the block of the
    lower id: two statements have one encoding.
    """

    offence: OffenceName
    key: PublicKey
    first: Statement
    second: Statement


def source_slot(header: Header) -> int | None:
    """The slot of source(b), which is a function of the header; None for a header that names
    neither a qc_target nor a base, as only genesis may."""
    if header.qc_target is None or header.base is None:
        return None
    return source_of(header.dynasty, header.qc_target, header.base).slot


def surrounds(outer: Header, inner: Header) -> bool:
    """Whether a vote for `outer` surrounds one for `inner`."""
    if outer.dynasty != inner.dynasty:
        return False
    source1, source2 = source_slot(outer), source_slot(inner)
    if source1 is None or source2 is None:
        return False
    return source1 < source2 < inner.slot < outer.slot


def evidence_of_votes(key: bytes, one: Statement, other: Statement) -> Evidence | None:
    """The evidence that two votes of a key are, if they are; signatures are not verified."""
    if surrounds(one.header, other.header):
        return Evidence(SURROUND, key, one, other)
    if surrounds(other.header, one.header):
        return Evidence(SURROUND, key, other, one)
    return _of_one_slot(DOUBLE_VOTE, key, one, other)


def evidence_of_blocks(key: bytes, one: Statement, other: Statement) -> Evidence | None:
    """The evidence that two blocks of a key are, if they are; signatures are not verified."""
    return _of_one_slot(DOUBLE_BLOCK, key, one, other)


def _of_one_slot(offence: str, key: bytes, one: Statement, other: Statement) -> Evidence | None:
    if one.header.slot != other.header.slot:
        return None
    low, high = one.header.id(), other.header.id()
    if low == high:
        return None
    return Evidence(offence, key, *((one, other) if low < high else (other, one)))


def check_evidence(evidence: Evidence, chain: bytes, verify: Verify = verifies) -> None:
    """Raise InvalidEvidence, naming the field, unless the key's holder broke the rule on `chain`.

    Nothing is read but the evidence; the two signatures are verified last.
    """
    for name, statement in _named(evidence):
        if statement.header.chain != chain:
            raise InvalidEvidence("is not of this chain", field=f"{name}.header.chain")
    ids = (evidence.first.header.id(), evidence.second.header.id())
    if evidence.offence == SURROUND:
        _check_surround(evidence)
    elif evidence.offence in OFFENCES:
        _check_one_slot(evidence, ids)
    else:
        raise InvalidEvidence(f"known are {', '.join(OFFENCES)}", field="offence")
    for (name, statement), block_id in zip(_named(evidence), ids, strict=True):
        message = _signed_message(evidence.offence, chain, block_id)
        if not verify(evidence.key, message, statement.signature):
            raise InvalidEvidence("is not the key's over this block", field=f"{name}.signature")


def _named(evidence: Evidence) -> tuple[tuple[str, Statement], tuple[str, Statement]]:
    return ("first", evidence.first), ("second", evidence.second)


def _signed_message(offence: str, chain: bytes, block_id: Cid) -> bytes:
    return block_id.binary if offence == DOUBLE_BLOCK else vote_message(chain, block_id)


def _check_one_slot(evidence: Evidence, ids: tuple[Cid, Cid]) -> None:
    first, second = evidence.first.header, evidence.second.header
    if first.slot != second.slot:
        raise InvalidEvidence(
            f"is {second.slot}, the first block's is {first.slot}: no offence",
            field="second.header.slot",
        )
    if not ids[0] < ids[1]:
        raise InvalidEvidence(
            "must be another block than the first, of a greater id", field="second.header"
        )


def _check_surround(evidence: Evidence) -> None:
    first, second = evidence.first.header, evidence.second.header
    if first.dynasty != second.dynasty:
        raise InvalidEvidence(
            f"is {second.dynasty}, the first block's is {first.dynasty}: no offence",
            field="second.header.dynasty",
        )
    for name, statement in _named(evidence):
        if source_slot(statement.header) is None:
            raise InvalidEvidence("a vote's block has both", field=f"{name}.header.qc_target")
    if not surrounds(first, second):
        raise InvalidEvidence(
            f"source {source_slot(first)} < source {source_slot(second)} < slot {second.slot} "
            f"< slot {first.slot} does not hold: no offence",
            field="second.header.slot",
        )
