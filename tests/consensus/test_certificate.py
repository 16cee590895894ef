"""Certificates: exact bytes, a quorum, and every signature."""

import json
from pathlib import Path
from typing import Any

import pytest

from consensus.block import MAX_CERTIFICATE_BYTES, vote_message
from consensus.certificate import (
    certificate_bytes,
    check_certificate,
    split_certificate,
    voters,
)
from consensus.cid import DAG_CBOR, cid_of, parse_cid
from consensus.errors import InvalidBlock, InvalidSignature
from consensus.keys import KeyPair
from consensus.producers import MAX_PRODUCERS, Member, ProducerSet, producer_set

CHAIN = bytes(range(32))
BLOCK_ID = cid_of(DAG_CBOR, b"block")
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "certificate.json").read_text())


def _set_of(count: int) -> tuple[ProducerSet, list[KeyPair]]:
    keys = [KeyPair.from_seed(bytes([i + 1]) * 32) for i in range(count)]
    members = [Member(bytes([i + 1]) * 32, key.public) for i, key in enumerate(keys)]
    return producer_set(members), keys


def _votes(keys: list[KeyPair], places: list[int]) -> dict[int, bytes]:
    message = vote_message(CHAIN, BLOCK_ID)
    return {place: keys[place].sign(message) for place in places}


def _check(data: bytes, producers: ProducerSet) -> tuple[int, ...]:
    return check_certificate(data, producers, CHAIN, BLOCK_ID, field="body.certificate")


@pytest.mark.parametrize("count", [4, 7, 8, 9, 16, 21])
def test_a_quorum_and_every_larger_vote_is_accepted(count: int) -> None:
    producers, keys = _set_of(count)
    for many in range(producers.quorum, count + 1):
        places = list(range(count - many, count))
        data = certificate_bytes(producers, _votes(keys, places))
        assert _check(data, producers) == tuple(places)


def test_the_bytes_are_bitmap_then_signatures_in_set_order() -> None:
    producers, keys = _set_of(9)
    votes = _votes(keys, [8, 0, 1, 2, 3, 5, 6])
    expected = bytes([0b0110_1111, 0b0000_0001]) + b"".join(
        votes[place] for place in (0, 1, 2, 3, 5, 6, 8)
    )
    assert certificate_bytes(producers, votes) == expected


def test_the_largest_certificate_has_the_declared_size() -> None:
    producers, keys = _set_of(MAX_PRODUCERS)
    data = certificate_bytes(producers, _votes(keys, list(range(MAX_PRODUCERS))))
    assert len(data) == MAX_CERTIFICATE_BYTES


def test_the_voters_are_the_members_whose_bits_are_set() -> None:
    producers, keys = _set_of(9)
    data = certificate_bytes(producers, _votes(keys, [8, 0, 1, 2, 3, 5, 6]))
    expected = tuple(producers.members[place].producer for place in (0, 1, 2, 3, 5, 6, 8))
    assert voters(data, producers) == expected
    assert voters(b"", producers) == ()


def test_one_vote_below_the_quorum_is_refused() -> None:
    producers, keys = _set_of(21)
    data = certificate_bytes(producers, _votes(keys, list(range(producers.quorum - 1))))
    with pytest.raises(InvalidBlock, match=r"body\.certificate: 14 votes where the quorum is 15"):
        _check(data, producers)


def test_padding_bits_must_be_zero() -> None:
    producers, keys = _set_of(4)
    data = bytearray(certificate_bytes(producers, _votes(keys, [0, 1, 2])))
    for bit in range(4, 8):
        data[0] |= 1 << bit
        with pytest.raises(InvalidBlock, match="padding"):
            _check(bytes(data), producers)
        data[0] &= 0xF


def test_the_length_is_exact() -> None:
    producers, keys = _set_of(4)
    data = certificate_bytes(producers, _votes(keys, [0, 1, 2]))
    for wrong in (b"", data[:-1], data + b"\0", data[:-64], data + data[-64:]):
        with pytest.raises(InvalidBlock):
            _check(wrong, producers)


def test_a_signature_counts_for_its_own_member_only() -> None:
    producers, keys = _set_of(4)
    votes = _votes(keys, [0, 1, 2])
    swapped = {0: votes[1], 1: votes[0], 2: votes[2]}
    with pytest.raises(InvalidSignature, match=r"body\.certificate: .*member 0"):
        _check(certificate_bytes(producers, swapped), producers)
    repeated = {0: votes[0], 1: votes[0], 2: votes[0]}
    with pytest.raises(InvalidSignature, match="member 1"):
        _check(certificate_bytes(producers, repeated), producers)


def test_a_vote_counts_for_its_chain_and_block_only() -> None:
    producers, keys = _set_of(4)
    data = certificate_bytes(producers, _votes(keys, [0, 1, 2]))
    with pytest.raises(InvalidSignature):
        check_certificate(data, producers, bytes(32), BLOCK_ID, field="c")
    with pytest.raises(InvalidSignature):
        check_certificate(data, producers, CHAIN, cid_of(DAG_CBOR, b"other"), field="c")


def test_every_changed_byte_is_refused() -> None:
    producers, keys = _set_of(4)
    data = certificate_bytes(producers, _votes(keys, [0, 1, 2]))
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1 << i % 8
        with pytest.raises((InvalidBlock, InvalidSignature)):
            _check(bytes(changed), producers)


def test_shape_is_checked_before_the_first_signature() -> None:
    producers, keys = _set_of(4)
    data = certificate_bytes(producers, _votes(keys, [0, 1, 2]))

    def never(key: bytes, message: bytes, signature: bytes) -> bool:
        raise AssertionError("verified a certificate of a bad shape")

    with pytest.raises(InvalidBlock):
        check_certificate(data[:-1], producers, CHAIN, BLOCK_ID, field="c", verify=never)


def test_the_injected_verifier_decides() -> None:
    producers, _ = _set_of(4)
    data = certificate_bytes(producers, {0: bytes(64), 1: bytes(64), 3: b"\1" * 64})
    asked: list[tuple[bytes, bytes, bytes]] = []

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        asked.append((key, message, signature))
        return True

    places = check_certificate(data, producers, CHAIN, BLOCK_ID, field="c", verify=verify)
    assert places == (0, 1, 3)
    message = vote_message(CHAIN, BLOCK_ID)
    expected = split_certificate(data, producers, field="c")
    assert asked == [(producers.members[i].key, message, expected[i]) for i in places]


def test_signatures_that_do_not_fit_the_set_are_a_bug_of_the_caller() -> None:
    producers, _ = _set_of(4)
    for place, signature in ((4, bytes(64)), (-1, bytes(64)), (0, bytes(63))):
        with pytest.raises(ValueError):
            certificate_bytes(producers, {place: signature})


@pytest.mark.parametrize(
    "vector", VECTORS["certificates"], ids=lambda vector: str(len(vector["members"]))
)
def test_the_certificate_is_the_vectors(vector: dict[str, Any]) -> None:
    producers = producer_set(
        [
            Member(bytes.fromhex(item["producer"]), bytes.fromhex(item["key"]))
            for item in vector["members"]
        ]
    )
    assert producers.hash.hex() == vector["set_hash"]
    assert producers.quorum == vector["quorum"]
    data = bytes.fromhex(vector["certificate"])
    chain, block_id = bytes.fromhex(vector["chain"]), parse_cid(vector["block_id"])
    places = check_certificate(data, producers, chain, block_id, field="certificate")
    signatures = split_certificate(data, producers, field="certificate")
    assert {str(i): signature.hex() for i, signature in signatures.items()} == vector["signatures"]
    assert places == tuple(signatures)
    assert certificate_bytes(producers, signatures) == data
