"""Segment trees: the root by definition, proofs that hold, and forged ones that do not."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.merkle import merkle_root
from consensus.record import replace
from consensus.segments import (
    GROUP_BYTES,
    SEGMENT_BYTES,
    GroupTree,
    SegmentHasher,
    SegmentProof,
    segment_count,
    segment_hash,
    verify_segment,
)
from tests.vectors.generate_segments import FILE, content, node, path, segments_of

VECTORS = json.loads(FILE.read_text("utf-8"))


def groups_of(data: bytes, piece: int = GROUP_BYTES) -> tuple[bytes, list[bytes]]:
    """Root and group hashes, the bytes fed in pieces."""
    hasher = SegmentHasher()
    groups = [
        group
        for start in range(0, len(data), piece)
        for group in hasher.feed(data[start : start + piece])
    ]
    groups += hasher.finish()
    assert hasher.size == len(data)
    return hasher.root, groups


def prove(data: bytes, index: int) -> SegmentProof:
    start = index * SEGMENT_BYTES // GROUP_BYTES * GROUP_BYTES
    return GroupTree(groups_of(data)[1]).prove(index, data[start : start + GROUP_BYTES])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["size"]))
def test_vectors(vector: dict[str, object]) -> None:
    data = content(int(str(vector["size"])))
    root, groups = groups_of(data)
    assert root.hex() == vector["root"]
    assert GroupTree(groups).root == root
    proofs = vector["proofs"]
    assert isinstance(proofs, list)
    for item in proofs:
        proof = prove(data, item["index"])
        assert proof.segment[:16].hex() == item["segment_begins"]
        assert [each.hex() for each in proof.path] == item["path"]
        verify_segment(root, len(data), item["index"], proof)


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 3 * GROUP_BYTES), piece=st.integers(1, 400_000), at=st.integers(0))
def test_any_size_in_any_pieces_has_the_root_of_the_definition(
    size: int, piece: int, at: int
) -> None:
    data = content(3 * GROUP_BYTES)[:size]
    root, groups = groups_of(data, max(piece, size // 50))
    segments = segments_of(data)
    assert root == node(segments) == GroupTree(groups).root
    index = at % segment_count(size)
    proof = prove(data, index)
    assert proof == SegmentProof(segments[index], tuple(path(segments, index)))
    verify_segment(root, size, index, proof)


DATA = content(5 * SEGMENT_BYTES + 7)
ROOT = groups_of(DATA)[0]


def refuse(proof: SegmentProof, index: int = 2, size: int = len(DATA)) -> str:
    with pytest.raises(InvalidProof) as caught:
        verify_segment(ROOT, size, index, proof)
    return caught.value.field


def test_forged_proofs_are_refused() -> None:
    good = prove(DATA, 2)
    verify_segment(ROOT, len(DATA), 2, good)
    flipped = bytes([good.segment[0] ^ 1]) + good.segment[1:]
    assert refuse(replace(good, segment=flipped)) == "path"
    assert refuse(replace(good, segment=good.segment[:-1])) == "segment"
    assert refuse(replace(good, segment=good.segment + b"x")) == "segment"
    assert refuse(replace(good, path=good.path[:-1])) == "path"
    assert refuse(replace(good, path=(*good.path, bytes(32)))) == "path"
    assert refuse(replace(good, path=good.path[::-1])) == "path"
    assert refuse(prove(DATA, 3)) == "path"
    other = content(6 * SEGMENT_BYTES)[::-1][: len(DATA)]
    assert refuse(prove(other, 2)) == "path"
    for index in (-1, 6):
        assert refuse(good, index) == "index"


def test_the_last_segment_has_the_bytes_that_are_left() -> None:
    last = prove(DATA, 5)
    assert last.segment == DATA[-7:]
    verify_segment(ROOT, len(DATA), 5, last)
    assert refuse(replace(last, segment=last.segment + b"\x00"), 5) == "segment"
    assert refuse(last, 5, len(DATA) + 1) == "segment"


def test_an_inner_node_passes_for_no_segment() -> None:
    """A second preimage: what two segments hash to, given as the one segment of a smaller file."""
    data = content(2 * SEGMENT_BYTES)
    left, right = map(segment_hash, segments_of(data))
    root, _ = groups_of(data)
    assert root == sha256(b"\x03" + left + right)
    for forged in (left + right, b"\x03" + left + right):
        with pytest.raises(InvalidProof):
            verify_segment(root, len(forged), 0, SegmentProof(forged, ()))


def test_no_list_of_the_chain_has_the_root_of_a_file() -> None:
    segments = segments_of(DATA)
    assert merkle_root(segments) != ROOT
    assert merkle_root(segments[:1]) != segment_hash(segments[0])


def test_the_hasher_keeps_one_group_and_a_hash_a_level() -> None:
    hasher = SegmentHasher()
    for _ in range(37):
        hasher.feed(bytes(GROUP_BYTES))
    assert len(hasher._nodes) == 3  # 37 = 32 + 4 + 1
    assert not hasher._rest


def test_an_unfinished_or_empty_file_has_no_root() -> None:
    hasher = SegmentHasher()
    with pytest.raises(ValueError, match="empty"):
        _ = hasher.root
    hasher.feed(b"x")
    with pytest.raises(ValueError, match="not finished"):
        _ = hasher.root
    hasher.finish()
    assert hasher.root == segment_hash(b"x")


def test_what_is_not_there_is_not_proved() -> None:
    _, groups = groups_of(DATA)
    for index in (6, 256, -1):
        with pytest.raises(IndexError):
            GroupTree(groups).prove(index, DATA)
