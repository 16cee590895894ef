"""Sealed content: what was encrypted comes back, from any place; nothing else is taken for it."""

import hashlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import Invalid, InvalidEncoding, InvalidProof
from consensus.sealed import (
    CHUNK_LOG2,
    HEADER_BYTES,
    MAX_CHUNKS,
    TAG_BYTES,
    Header,
    SealedFile,
    is_sealed,
    read_header,
    seal,
    seal_chunk,
    unseal,
)
from consensus.sealed_key import commitment_to, open_sealed_key, viewing_key_of
from tests.vectors import generate_sealed

KEY, OTHER = b"k" * 32, b"o" * 32
SMALL = Header(10, b"n" * 19, commitment_to(KEY))
ROOM = 1024 - TAG_BYTES
FIRST = ROOM - HEADER_BYTES
VECTORS = json.loads(generate_sealed.FILE.read_text("utf-8"))


def content_of(size: int) -> bytes:
    return bytes(i % 251 for i in range(size))


def sealed(content: bytes, header: Header = SMALL, key: bytes = KEY) -> bytes:
    return b"".join(seal([content], header, key))


def opened(file: bytes, key: bytes = KEY) -> bytes:
    return b"".join(unseal([file], key))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


EDGES = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + ROOM - 1, FIRST + ROOM, FIRST + ROOM + 1]


@pytest.mark.parametrize("size", [*EDGES, FIRST + 5 * ROOM])
@pytest.mark.parametrize("piece", [1, 100, 1023, 1024, 10_000])
def test_what_is_sealed_comes_back_whatever_the_pieces(size: int, piece: int) -> None:
    content = content_of(size)
    file = b"".join(seal(cut(content, piece), SMALL, KEY))
    assert b"".join(unseal(cut(file, piece), KEY)) == content
    assert file == sealed(content)
    layout = SealedFile(read_header(file), len(file))
    assert (layout.content_bytes, is_sealed(file)) == (size, True)
    assert content[:FIRST] not in file or size < 3


@given(size=st.integers(0, 6_000), data=st.data())
def test_a_range_is_read_from_its_chunks_alone(size: int, data: st.DataObject) -> None:
    content = content_of(size)
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    file, asked = sealed(content), list[int]()

    def read_at(place: int, count: int) -> bytes:
        asked.append(place)
        return file[place : place + count]

    layout = SealedFile(SMALL, len(file))
    assert b"".join(layout.read(KEY, start, end, read_at)) == content[start:end]
    ends = [0, *range(FIRST, size, ROOM), size + 1]
    holding = [i for i in range(len(ends) - 1) if start < ends[i + 1] and end > ends[i]]
    assert asked == [i * 1024 or HEADER_BYTES for i in (holding if start < end else [])]


@pytest.mark.parametrize("size", [10, FIRST, FIRST + ROOM, FIRST + 2 * ROOM + 10])
def test_every_cut_is_seen(size: int) -> None:
    file = sealed(content_of(size))
    lengths = {*range(200), *range(0, len(file), 97), *range(0, len(file), 1024)}
    lengths |= {length - 1 for length in lengths if length}
    for length in sorted(lengths):
        if length < len(file):
            with pytest.raises(Invalid):
                opened(file[:length])


def test_every_flipped_byte_is_seen() -> None:
    file = sealed(content_of(FIRST + ROOM + 50))
    for place in range(0, len(file), 3):
        altered = bytearray(file)
        altered[place] ^= 0x10
        with pytest.raises(Invalid):
            opened(bytes(altered))


def test_what_was_put_behind_the_end_or_moved_is_seen() -> None:
    file = sealed(content_of(FIRST + 3 * ROOM))
    chunks = list(cut(file, 1024))
    swapped = [chunks[0], chunks[2], chunks[1], chunks[3]]
    for wrong in (
        [*chunks, b"\0"],
        [*chunks, chunks[1]],
        [*chunks, chunks[3]],
        swapped,
        [chunks[0], *chunks[2:]],
        chunks[:3],
        chunks[:1],
    ):
        with pytest.raises(InvalidProof) as caught:
            opened(b"".join(wrong))
        assert caught.value.field.startswith("chunks[")


def test_chunks_of_another_file_under_the_same_key_do_not_fit() -> None:
    other = Header(10, b"m" * 19, SMALL.commitment)
    file, strange = sealed(content_of(3_000)), sealed(content_of(3_000), other)
    with pytest.raises(InvalidProof):
        opened(file[:1024] + strange[1024:])
    with pytest.raises(InvalidProof):
        opened(other.encode() + file[HEADER_BYTES:])


def test_an_empty_chunk_at_the_end_is_not_taken() -> None:
    """Else a content would have two sealed files."""
    header = SMALL.encode()
    whole = seal_chunk(SMALL, KEY, 0, content_of(FIRST), last=False)
    empty = seal_chunk(SMALL, KEY, 1, b"", last=True)
    with pytest.raises(InvalidProof):
        opened(header + whole + empty)
    with pytest.raises(InvalidEncoding):
        SealedFile(SMALL, len(header + whole + empty))


@pytest.mark.parametrize("key", [OTHER, b"", KEY + b"\0"])
def test_another_key_is_refused_before_anything_is_decrypted(key: bytes) -> None:
    file = sealed(content_of(10))
    with pytest.raises(InvalidProof) as caught:
        next(unseal([file], key))
    assert caught.value.field == "key"
    with pytest.raises(InvalidProof):
        next(seal([b""], SMALL, key))
    with pytest.raises(InvalidProof):
        next(SealedFile(SMALL, len(file)).read(key, 0, 1, lambda place, size: b""))


@pytest.mark.parametrize(
    "start",
    [b"", b"\x85\x6esealed.content\x01", b"\x00\x00\x00\x18ftypmp42" + bytes(100), bytes(200)],
)
def test_what_has_no_header_is_no_sealed_file(start: bytes) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        opened(start)
    assert caught.value.field == "header"


def test_other_versions_and_sizes_of_chunks_are_named() -> None:
    file = bytearray(sealed(b""))
    version, log2 = 16, 17
    for place, field in ((version, "header"), (log2, "header.chunk_log2")):
        changed = bytearray(file)
        changed[place] = 9
        assert is_sealed(bytes(changed))
        with pytest.raises(InvalidEncoding) as caught:
            opened(bytes(changed))
        assert caught.value.field == field


@pytest.mark.parametrize("size", [0, 87, 1024 + 16, 2048 + 1, 2048 + 16, 1024 * MAX_CHUNKS + 17])
def test_sizes_that_no_sealed_file_has(size: int) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        SealedFile(SMALL, size)
    assert caught.value.field == "size"


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 11), (11, 11), (5, 4)])
def test_ranges_beyond_the_content(start: int, end: int) -> None:
    file = sealed(content_of(10))
    with pytest.raises(InvalidEncoding) as caught:
        list(SealedFile(SMALL, len(file)).read(KEY, start, end, lambda place, size: b""))
    assert caught.value.field == "range"


def test_a_nonce_has_no_place_for_more_chunks() -> None:
    with pytest.raises(InvalidEncoding):
        seal_chunk(SMALL, KEY, MAX_CHUNKS, b"", last=True)


def test_memory_is_that_of_a_piece_and_a_chunk() -> None:
    """The chunks come out as soon as one more byte is there."""
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1024)

    sealing = seal(pieces(), SMALL, KEY)
    for chunk in range(1, 50):
        next(sealing)
        assert taken <= chunk + 1


def test_the_vectors() -> None:
    assert generate_sealed.cases() == VECTORS
    for case in VECTORS["files"]:
        key, content = bytes.fromhex(case["key"]), content_of(case["content_bytes"])
        prefix = bytes.fromhex(case["nonce_prefix"])
        header = Header(case["chunk_log2"], prefix, commitment_to(key))
        file = sealed(content, header, key)
        assert (len(file), file[:104].hex()) == (case["sealed_bytes"], case["start"])
        assert hashlib.sha256(file).hexdigest() == case["sha256"]
        assert opened(file, key) == content
    assert {case["chunk_log2"] for case in VECTORS["files"]} == {CHUNK_LOG2, 10}
    for case in VECTORS["keys"]:
        secret = bytes.fromhex(case["secret"])
        assert viewing_key_of(secret).hex() == case["viewing_key"]
        found = open_sealed_key(bytes.fromhex(case["sealed"]), secret)
        assert (None if found is None else found.hex()) == case["key"]
