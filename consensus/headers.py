"""Headers: what one must say on its parent, and the check that it does (FINALITY: valid block).

Everything but the four roots is recomputed here; the roots are the transition's to compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from consensus.beacon import next_beacon
from consensus.block import BlockRef, Header
from consensus.certificate import Verify, check_certificate
from consensus.cid import Cid
from consensus.errors import InvalidBlock, InvalidHeader, InvalidSignature
from consensus.finality import (
    ChainBlock,
    ancestor_named,
    final_height,
    final_if_certified,
    source_of,
    succession,
)
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.keys import verifies
from consensus.merkle import merkle_root
from consensus.producers import Member, ProducerSet
from consensus.record import replace
from consensus.schedule import epoch_of, producer_at, schedule


@dataclass(frozen=True, slots=True)
class Rules:
    """What a chain fixes at genesis for its headers: its digest and the slots of an epoch."""

    chain: bytes
    epoch_slots: int

    def epoch(self, slot: int) -> int:
        """The epoch of a slot."""
        return epoch_of(slot, self.epoch_slots)


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots of the state after a block and of its transactions, receipts and events."""

    state: bytes
    transactions: bytes
    receipts: bytes
    events: bytes


@dataclass(frozen=True, slots=True)
class Duty:
    """One block to make or to check: its slot, producer, reveal and best certificate.

    `elected` is the set elected from the parent's state if the slot opens a later epoch.
    """

    slot: int
    producer: bytes
    reveal: bytes
    qc: ChainBlock
    certificate: bytes
    elected: ProducerSet | None


def genesis_block(header: Header, members: ProducerSet) -> ChainBlock:
    """The root of a chain: justified and final by definition, with the zero beacon."""
    return ChainBlock(
        id=header.id(),
        header=header,
        parent=None,
        qc=None,
        members=members,
        next_members=None,
        handover=None,
        handover_height=0,
        beacon=ZERO_DIGEST,
        epoch=0,
        epoch_beacon=ZERO_DIGEST,
        final_height=0,
    )


def scheduled(rules: Rules, parent: ChainBlock, slot: int) -> Member:
    """The member whose turn `slot` is on top of `parent`."""
    epoch = rules.epoch(slot)
    beacon = parent.epoch_beacon if epoch == parent.epoch else parent.beacon
    order = schedule(parent.members, beacon, epoch, parent.dynasty)
    return parent.members.members[producer_at(order, slot, rules.epoch_slots)]


def opens_epoch(rules: Rules, parent: ChainBlock, slot: int) -> bool:
    """Whether a child of `parent` in `slot` is the first block of a later epoch."""
    return rules.epoch(slot) > parent.epoch


def child_header(rules: Rules, parent: ChainBlock, duty: Duty, roots: Roots) -> Header:
    """The one valid header for this duty on top of `parent`."""
    inherited = succession(parent, duty.qc, duty.elected)
    target = duty.qc.target
    source = source_of(inherited.dynasty, target, inherited.base)
    final = final_if_certified(duty.slot, source, inherited.pending)
    return Header(
        chain=rules.chain,
        parent=parent.id,
        height=parent.height + 1,
        slot=duty.slot,
        producer=duty.producer,
        reveal=duty.reveal,
        dynasty=inherited.dynasty,
        set_hash=inherited.members.hash,
        next_set_hash=inherited.next_set_hash,
        handover=None if inherited.pending is None else inherited.pending.id,
        base=inherited.base,
        qc_target=target,
        qc_hash=sha256(duty.certificate),
        final_if_qc=None if final is None else final.id,
        state_root=roots.state,
        transactions_root=roots.transactions,
        receipts_root=roots.receipts,
        events_root=roots.events,
    )


def child_block(
    rules: Rules, parent: ChainBlock, duty: Duty, header: Header, block_id: Cid
) -> ChainBlock:
    """A checked header in its place on the chain.

    It shares objects with its parent's: in a long stall most fields are equal, and all blocks
    are held.
    """
    inherited = succession(parent, duty.qc, duty.elected)
    epoch = rules.epoch(duty.slot)
    handover, handover_height = inherited.pending, parent.handover_height
    if handover is None and inherited.next_members is not None:
        handover, handover_height = BlockRef(block_id, duty.slot), header.height
    return ChainBlock(
        id=block_id,
        header=replace(header.sharing(parent.header), parent=parent.id),
        parent=parent,
        qc=duty.qc,
        members=inherited.members,
        next_members=inherited.next_members,
        handover=handover,
        handover_height=handover_height,
        beacon=next_beacon(parent.beacon, duty.reveal),
        epoch=epoch,
        epoch_beacon=parent.epoch_beacon if epoch == parent.epoch else parent.beacon,
        final_height=final_height(parent, duty.qc),
    )


def check_producer(
    rules: Rules,
    parent: ChainBlock,
    header: Header,
    signature: bytes,
    block_id: Cid,
    *,
    verify: Verify = verifies,
) -> None:
    """Raise InvalidHeader or InvalidSignature unless the slot's producer signed this header."""
    if header.slot <= parent.slot:
        raise InvalidHeader(
            f"slot {header.slot} does not follow the parent's {parent.slot}", field="header.slot"
        )
    member = scheduled(rules, parent, header.slot)
    if header.producer != member.producer:
        raise InvalidHeader(
            f"slot {header.slot} belongs to producer {member.producer.hex()}",
            field="header.producer",
        )
    if not verify(member.key, block_id.binary, signature):
        raise InvalidSignature("not the scheduled producer's over the block id", field="signature")


def check_body_bound(header: Header, certificate: bytes, transaction_ids: Sequence[bytes]) -> None:
    """Raise InvalidBlock (code body-mismatch) unless the body is the one the header names.

    A body that does not match is its sender's fault, never the block's.
    """
    check_certificate_bound(header, certificate)
    if not names_transactions(header, transaction_ids):
        raise InvalidBlock(
            "the transactions are not the header's",
            field="header.transactions_root",
            code="body-mismatch",
        )


def check_certificate_bound(header: Header, certificate: bytes) -> None:
    """Raise InvalidBlock (code body-mismatch) unless the header names these bytes."""
    if sha256(certificate) != header.qc_hash:
        raise InvalidBlock(
            "the certificate is not the header's", field="header.qc_hash", code="body-mismatch"
        )


def names_transactions(header: Header, transaction_ids: Sequence[bytes]) -> bool:
    """Whether the header names the transactions of these ids, in this order."""
    return merkle_root(transaction_ids) == header.transactions_root


def _refuse_difference(header: Header, expected: Header) -> NoReturn:
    """Raise InvalidHeader for the first field that is not as it must be."""
    for field in Header.fields:
        found, wanted = getattr(header, field.name), getattr(expected, field.name)
        if found != wanted:
            raise InvalidHeader(f"is {found}, must be {wanted}", field=f"header.{field.name}")
    raise ValueError("the headers are equal")


def check_header(
    rules: Rules,
    parent: ChainBlock,
    header: Header,
    certificate: bytes,
    elected: ProducerSet | None,
    *,
    block_id: Cid,
    verify: Verify = verifies,
) -> ChainBlock:
    """The block in its place, if every field that follows from the chain is right.

    The producer's signature and the binding of `certificate` to the header are checked
    before, by check_producer and check_body_bound. Raises InvalidHeader, or InvalidBlock or
    InvalidSignature for the certificate.
    """
    target = header.qc_target
    if target is None or header.producer is None or header.reveal is None:
        raise InvalidHeader("only genesis has no qc_target, producer or reveal", field="header")
    qc = ancestor_named(parent, target)
    if qc is None:
        raise InvalidHeader("names no ancestor", field="header.qc_target")
    if qc.key < parent.qc_target.key:
        raise InvalidHeader("is worse than the parent's", field="header.qc_target")
    if qc.target == parent.qc_target:
        if certificate:
            raise InvalidBlock("must be empty: qc_target is the parent's", field="body.certificate")
    else:
        check_certificate(
            certificate, qc.members, rules.chain, qc.id, field="body.certificate", verify=verify
        )
    duty = Duty(header.slot, header.producer, header.reveal, qc, certificate, elected)
    roots = Roots(
        header.state_root, header.transactions_root, header.receipts_root, header.events_root
    )
    expected = child_header(rules, parent, duty, roots)
    if header != expected:
        _refuse_difference(header, expected)
    return child_block(rules, parent, duty, header, block_id)
