"""The codec: one encoding for each value, and every other refused."""

from collections.abc import Callable

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import CODEC_NAMES, Cid, cid_of
from consensus.codec import (
    INT64_MIN,
    MAX_DEPTH,
    UINT64_MAX,
    Wire,
    decode,
    decode_at,
    encode,
    items_at,
)
from consensus.errors import InvalidEncoding
from tests.consensus.builds import reference

LINKS = st.builds(cid_of, st.sampled_from(sorted(CODEC_NAMES)), st.binary(max_size=8))
LEAVES: st.SearchStrategy[Wire] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(INT64_MIN, UINT64_MAX),
    st.binary(max_size=300),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
    LINKS,
)
VALUES: st.SearchStrategy[Wire] = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=6))


REFERENCE = reference("codec")


def outcome(decoder: Callable[[bytes], Wire], data: bytes) -> object:
    """What a decoder makes of any bytes."""
    try:
        return decoder(data)
    except InvalidEncoding as error:
        return str(error)


@given(VALUES)
def test_both_builds_write_and_read_the_same(value: Wire) -> None:
    data = encode(value)
    assert data == REFERENCE.encode(value)
    assert decode(data) == REFERENCE.decode(data) == value


HEADS = st.builds(
    lambda major, width, value: (
        bytes((major << 5 | 24 + width,)) + value.to_bytes(8)[-(1 << width) :]
    ),
    st.integers(0, 7),
    st.integers(0, 3),
    st.integers(0, 63).map(lambda bits: (1 << bits) - 1) | st.integers(0, UINT64_MAX),
)


@given(st.one_of(st.binary(max_size=80), VALUES.map(encode), HEADS), st.data())
def test_both_builds_refuse_the_same_with_the_same_words(data: bytes, draw: st.DataObject) -> None:
    if data:
        place, byte = draw.draw(st.integers(0, len(data) - 1)), draw.draw(st.integers(0, 255))
        data = data[:place] + bytes((byte,)) + data[place + 1 :]
    assert outcome(decode, data) == outcome(REFERENCE.decode, data)


def as_cbor2(value: Wire) -> object:
    """What an ordinary decoder makes of the same bytes."""
    if isinstance(value, Cid):
        return cbor2.CBORTag(42, b"\x00" + value.binary)
    return [as_cbor2(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_what_is_encoded_comes_back(value: Wire) -> None:
    data = encode(value)
    back = decode(data)
    assert back == value
    assert type(back) is type(value)
    assert cbor2.loads(data) == as_cbor2(value)


@given(st.binary(max_size=60))
def test_what_decodes_is_the_one_encoding(data: bytes) -> None:
    try:
        value = decode(data)
    except InvalidEncoding:
        return
    assert encode(value) == data


@given(VALUES, st.data())
def test_a_changed_byte_is_refused_or_another_value(value: Wire, data: st.DataObject) -> None:
    raw = bytearray(encode(value))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode(bytes(raw))
    except InvalidEncoding:
        return
    assert encode(changed) == bytes(raw)
    assert (changed, type(changed)) != (value, type(value))


@given(VALUES)
def test_truncated_and_lengthened_input_is_refused(value: Wire) -> None:
    data = encode(value)
    for size in range(len(data)):
        with pytest.raises(InvalidEncoding):
            decode(data[:size])
    with pytest.raises(InvalidEncoding, match="after the end"):
        decode(data + b"\x00")


@given(VALUES, VALUES, st.binary(max_size=3))
def test_values_are_read_one_after_the_other(first: Wire, second: Wire, rest: bytes) -> None:
    data = encode(first) + encode(second) + rest
    value, position = decode_at(data, 0)
    assert encode(value) == encode(first) == data[:position]
    value, end = decode_at(data, position)
    assert encode(value) == encode(second) == data[position:end]
    assert data[end:] == rest


LINK = encode(cid_of(0x55, b""))


@pytest.mark.parametrize(
    "data",
    [
        b"\x18\x17",  # 23 in two bytes
        b"\x19\x00\xff",
        b"\x1a\x00\x00\xff\xff",
        b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x38\x17",
        b"\x58\x01a",
        b"\x78\x01a",
        b"\x98\x01\x00",
        b"\x1c",
        b"\x1f",
        b"\x5f\x41a\xff",  # indefinite lengths
        b"\x7f\x61a\xff",
        b"\x9f\x00\xff",
        b"\xbf\xff",
        b"\xff",
        b"\xa0",  # maps
        b"\xa1\x61a\x01",
        b"\xf9\x3c\x00",  # floats
        b"\xfa\x3f\x80\x00\x00",
        b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00",
        b"\xf7",  # undefined
        b"\xe0",
        b"\xf8\x18",
        b"\xf8\x14",
        b"\xc0\x60",  # dates, bignums, shared references, other tags
        b"\xc1\x00",
        b"\xc2\x41\x01",
        b"\xd8\x1c\x80",
        b"\xd8\x1d\x00",
        b"\xd8\x29" + LINK[2:],
        b"\xd9\x00\x2a" + LINK[2:],  # tag 42 in three bytes
        LINK[:4] + b"\x01" + LINK[5:],  # multibase byte
        LINK[:2] + b"\x78\x25" + LINK[4:],  # text in a link
        b"\xd8\x2a\x41\x00",
        b"\xd8\x2a\x00",
        b"\x3b\x80\x00\x00\x00\x00\x00\x00\x00",  # -2^63 - 1
        b"\x62\xc3\x28",  # not UTF-8
        b"\x63\xed\xa0\x80",  # a surrogate
        b"\x62\xc0\x80",  # overlong
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",  # lengths that lie
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x9a\x7f\xff\xff\xff\x00",
        b"",
    ],
)
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        decode(data)
    with pytest.raises(InvalidEncoding):
        decode(b"\x81" + data)


def test_the_edges_of_integers() -> None:
    for value in (0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, UINT64_MAX, -1, INT64_MIN):
        assert decode(encode(value)) == value


def test_depth_is_bounded() -> None:
    deepest = b"\x81" * MAX_DEPTH + b"\x00"
    assert encode(decode(deepest)) == deepest
    with pytest.raises(InvalidEncoding, match="deeper"):
        decode(b"\x81" * (MAX_DEPTH + 1) + b"\x00")
    with pytest.raises(InvalidEncoding, match="deeper"):
        decode(b"\x81" * 1_000_000)


@given(st.lists(VALUES, max_size=30), st.binary(max_size=5))
def test_the_items_of_an_array_come_with_their_own_bytes(items: list[Wire], before: bytes) -> None:
    data = before + encode(items)
    assert list(items_at(data, len(before))) == [(item, encode(item)) for item in items]
    with pytest.raises(InvalidEncoding, match="after the end"):
        list(items_at(data + b"\x00", len(before)))
    with pytest.raises(InvalidEncoding):
        list(items_at(data[:-1], len(before)))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x41\x00", b"\x98", b"\x98\x17", b"\x9f\xff"])
def test_what_is_no_array_has_no_items(data: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        list(items_at(data, 0))


@pytest.mark.parametrize("value", [1.5, {}, (), object(), [1, {}], UINT64_MAX + 1, INT64_MIN - 1])
def test_values_of_other_types_have_no_encoding(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "reason"), [(1.5, "floats"), ({}, "maps"), (2**64, "tag 2")])
def test_values_of_other_types_are_not_read(value: object, reason: str) -> None:
    with pytest.raises(InvalidEncoding, match=reason):
        decode(cbor2.dumps(value))
