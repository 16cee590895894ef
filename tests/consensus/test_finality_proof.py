"""Proofs of finality: a quorum's certificate and headers below it, and nothing else will do."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from consensus.block import Header
from consensus.certificate import certificate_bytes
from consensus.errors import Invalid, InvalidEncoding, InvalidProof
from consensus.finality import ChainBlock
from consensus.finality_proof import (
    MAX_FINALITY_PROOF_BYTES,
    MAX_HEADER_BYTES,
    MAX_PROOF_HEADERS,
    FinalityProof,
    check_finality,
)
from consensus.producers import ProducerSet
from consensus.record import replace
from tests.consensus.chains import (
    CHAIN,
    altered,
    certificate_of,
    child,
    genesis,
    members,
    verify,
    vote_of,
)
from tests.consensus.largest import FINALITY_PROOF, HEADER

SET, OTHERS = members(1, 2, 3, 4, 5), members(3, 4, 5, 6, 7)


def chain_of(slots: range, start: ChainBlock) -> list[ChainBlock]:
    """Blocks one on the other, each naming its parent's certificate."""
    made = [start]
    for slot in slots:
        made.append(child(made[-1], slot, made[-1]))
    return made


BLOCKS = chain_of(range(1, 7), genesis(SET))
TARGET = BLOCKS[6]
GOOD = FinalityProof(
    TARGET.header, certificate_of(TARGET), tuple(BLOCKS[i].header for i in (5, 4, 3))
)


def check(proof: FinalityProof, chain: bytes = CHAIN, producers: ProducerSet = SET) -> None:
    check_finality(proof, chain, producers, verify=verify)


def field_at_fault(proof: FinalityProof) -> str:
    with pytest.raises(Invalid) as caught:
        check(proof)
    return caught.value.field


def test_a_quorum_makes_the_first_header_final_and_those_below_with_it() -> None:
    check(GOOD)
    assert (GOOD.final, GOOD.lowest) == (BLOCKS[5].header, BLOCKS[3].header)
    check(replace(GOOD, headers=GOOD.headers[:1]))
    check(FinalityProof.decode(GOOD.encode()))


def test_it_may_reach_down_to_genesis() -> None:
    check(replace(GOOD, headers=tuple(BLOCKS[i].header for i in range(5, -1, -1))))


def test_another_chain_or_another_set_is_refused() -> None:
    with pytest.raises(InvalidProof) as caught:
        check(GOOD, chain=b"x" * 32)
    assert caught.value.field == "target.chain"
    with pytest.raises(InvalidProof) as caught:
        check(GOOD, producers=OTHERS)
    assert caught.value.field == "target.set_hash"


def test_a_block_that_is_not_the_targets_final_one_is_refused() -> None:
    for wrong in (GOOD.headers[1:], (TARGET.header, *GOOD.headers)):
        assert field_at_fault(replace(GOOD, headers=wrong)) == "headers[0]"
    late = child(TARGET, 8, TARGET)  # not in the slot after its source: it makes nothing final
    assert late.header.final_if_qc is None
    proof = FinalityProof(late.header, certificate_of(late), (TARGET.header,))
    assert field_at_fault(proof) == "headers[0]"


def test_headers_must_be_a_chain() -> None:
    top, middle, low = GOOD.headers
    for wrong, place in (((top, low), 1), ((top, middle, middle), 2), ((top, top), 1)):
        assert field_at_fault(replace(GOOD, headers=wrong)) == f"headers[{place}]"
    twin = child(BLOCKS[2], 3, BLOCKS[2], salt=1).header
    assert field_at_fault(replace(GOOD, headers=(top, middle, twin))) == "headers[2]"


def votes_for_target(*places: int) -> bytes:
    return certificate_bytes(SET, {place: vote_of(TARGET, place) for place in places})


def stolen() -> bytes:
    """A certificate of which one signature is another member's."""
    signatures = {place: vote_of(TARGET, place) for place in range(4)}
    return certificate_bytes(SET, signatures | {3: signatures[2]})


@pytest.mark.parametrize(
    "certificate",
    [
        b"",
        votes_for_target(0, 1, 2),
        votes_for_target(0, 1, 2, 3) + bytes(64),
        certificate_of(BLOCKS[5]),
        stolen(),
    ],
    ids=["none", "no quorum", "too long", "of another block", "a signature twice"],
)
def test_only_a_certificate_of_a_quorum_for_the_target_will_do(certificate: bytes) -> None:
    assert field_at_fault(replace(GOOD, certificate=certificate)) == "certificate"


@pytest.mark.parametrize(
    "change",
    [
        lambda header: altered(header, state_root=b"x" * 32),
        lambda header: altered(header, height=header.height + 1),
        lambda header: altered(header, slot=header.slot + 1),
        lambda header: altered(header, parent=BLOCKS[0].id),
    ],
)
def test_no_field_of_any_header_can_be_changed(change: Callable[[Header], Header]) -> None:
    assert field_at_fault(replace(GOOD, target=change(GOOD.target))) == "certificate"
    for i in range(len(GOOD.headers)):
        headers = list(GOOD.headers)
        headers[i] = change(headers[i])
        assert field_at_fault(replace(GOOD, headers=tuple(headers))) == f"headers[{i}]"


def test_no_byte_can_be_changed() -> None:
    data = GOOD.encode()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with suppress(InvalidEncoding):
            field_at_fault(FinalityProof.decode(bytes(changed)))


def test_a_proof_has_a_header_and_not_too_many() -> None:
    for headers in ((), (GOOD.final,) * (MAX_PROOF_HEADERS + 1)):
        with pytest.raises(InvalidEncoding):
            replace(GOOD, headers=headers).encode()


def test_the_largest_header_and_proof_are_within_their_bounds() -> None:
    assert len(HEADER.encode()) <= MAX_HEADER_BYTES
    assert len(FINALITY_PROOF.encode()) <= MAX_FINALITY_PROOF_BYTES
