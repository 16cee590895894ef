"""CAR files: exact bytes, any pieces, and nothing but what the format allows."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.car import (
    MAX_HEADER_BYTES,
    MAX_ROOTS,
    MAX_SECTION_BYTES,
    CarReader,
    car_header,
    car_section,
)
from consensus.cid import DAG_CBOR, DAG_PB, RAW, Cid, cid_of
from consensus.codec import encode
from consensus.errors import Invalid, InvalidEncoding, InvalidProof
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from consensus.varint import encode_varint

ROOT = cid_of(RAW, b"x")
HEADER = car_header([ROOT])

blocks = st.builds(
    lambda codec, data: (cid_of(codec, data), data),
    st.sampled_from([RAW, DAG_PB, DAG_CBOR]),
    st.binary(max_size=300),
)


def framed(content: bytes) -> bytes:
    return encode_varint(len(content)) + content


def read(car: bytes) -> tuple[tuple[Cid, ...] | None, list[tuple[Cid, bytes]]]:
    reader = CarReader()
    found = reader.feed(car)
    reader.finish()
    return reader.roots, found


def test_a_car_has_these_bytes() -> None:
    link = b"\xd8\x2a\x58\x25\x00" + ROOT.binary
    assert car_header([ROOT]) == b"\x3a\xa2\x65roots\x81" + link + b"\x67version\x01"
    assert car_section(ROOT, b"x") == b"\x25" + ROOT.binary + b"x"
    assert car_section(ROOT, bytes(100)) == b"\x88\x01" + ROOT.binary + bytes(100)


def test_the_header_is_what_others_write() -> None:
    roots = [cid_of(DAG_PB, i.to_bytes(2)) for i in range(300)]
    links = [cbor2.CBORTag(42, b"\x00" + cid.binary) for cid in roots]
    header = cbor2.dumps({"version": 1, "roots": links}, canonical=True)
    assert car_header(roots) == framed(header)


@given(
    st.lists(blocks.map(lambda block: block[0]), min_size=1, max_size=3),
    st.lists(blocks, max_size=5),
    st.data(),
)
def test_a_car_comes_back_from_any_pieces(
    roots: list[Cid], content: list[tuple[Cid, bytes]], data: st.DataObject
) -> None:
    car = car_header(roots) + b"".join(car_section(*block) for block in content)
    reader = CarReader()
    found = []
    while car:
        size = data.draw(st.integers(1, len(car)))
        found += reader.feed(car[:size])
        car = car[size:]
    reader.finish()
    assert reader.roots == tuple(roots)
    assert found == content


@given(st.lists(blocks, max_size=3), st.data())
def test_a_changed_car_is_refused_or_is_another(
    content: list[tuple[Cid, bytes]], data: st.DataObject
) -> None:
    changed = bytearray(HEADER + b"".join(car_section(*block) for block in content))
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        roots, found = read(bytes(changed))
    except Invalid:
        return
    assert car_header(roots or ()) + b"".join(car_section(*block) for block in found) == changed


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_wait_for_more(data: bytes) -> None:
    for prefix in (b"", HEADER, HEADER + b"\x25" + ROOT.binary[:4]):
        try:
            read(prefix + data)
        except Invalid:
            continue


def test_every_truncation_is_seen() -> None:
    car = HEADER + car_section(ROOT, b"x")
    for size in range(len(car)):
        if size != len(HEADER):
            with pytest.raises(InvalidEncoding, match="truncated"):
                read(car[:size])


def test_the_largest_are_read_and_no_more() -> None:
    roots = [ROOT] * MAX_ROOTS
    largest = bytes(MAX_CONTENT_BLOCK_BYTES)
    cid = cid_of(RAW, largest)
    assert len(car_header(roots)) == MAX_HEADER_BYTES + 3
    assert read(car_header(roots) + car_section(cid, largest)) == (tuple(roots), [(cid, largest)])
    for count in (0, MAX_ROOTS + 1):
        with pytest.raises(InvalidEncoding, match="roots"):
            car_header([ROOT] * count)


def test_a_length_out_of_bounds_is_refused_before_it_comes() -> None:
    for start, size in ((b"", MAX_HEADER_BYTES + 1), (HEADER, MAX_SECTION_BYTES + 1)):
        with pytest.raises(InvalidEncoding, match="are allowed"):
            CarReader().feed(start + encode_varint(size))
    with pytest.raises(InvalidEncoding, match="are allowed"):
        CarReader().feed(HEADER + b"\x23")


LINKS = b"\x81\xd8\x2a\x58\x25\x00" + ROOT.binary
ROOTS, VERSION = b"\x65roots", b"\x67version"


@pytest.mark.parametrize(
    ("why", "header"),
    [
        ("empty", b""),
        ("no map", b"\x82" + ROOTS + LINKS + VERSION + b"\x01"),
        ("version alone", b"\xa1" + VERSION + b"\x01"),
        ("roots alone", b"\xa1" + ROOTS + LINKS),
        ("version first", b"\xa2" + VERSION + b"\x01" + ROOTS + LINKS),
        ("indefinite map", b"\xbf" + ROOTS + LINKS + VERSION + b"\x01\xff"),
        ("length of the map not shortest", b"\xb8\x02" + ROOTS + LINKS + VERSION + b"\x01"),
        ("another key", b"\xa3" + ROOTS + LINKS + VERSION + b"\x01\x61x\x01"),
        ("no roots", b"\xa2" + ROOTS + b"\x80" + VERSION + b"\x01"),
        ("roots no list", b"\xa2" + ROOTS + LINKS[1:] + VERSION + b"\x01"),
        ("a root that is no link", b"\xa2" + ROOTS + b"\x81\x01" + VERSION + b"\x01"),
        ("roots in a list", b"\xa2" + ROOTS + b"\x81" + LINKS + VERSION + b"\x01"),
        ("version not shortest", b"\xa2" + ROOTS + LINKS + VERSION + b"\x18\x01"),
        ("version 3", b"\xa2" + ROOTS + LINKS + VERSION + b"\x03"),
        ("bytes after the end", b"\xa2" + ROOTS + LINKS + VERSION + b"\x01\x00"),
        (
            "identity root",
            b"\xa2" + ROOTS + b"\x81\xd8\x2a\x45\x00\x01\x55\x00\x00" + VERSION + b"\x01",
        ),
    ],
)
def test_other_headers_are_refused(why: str, header: bytes) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        CarReader().feed(framed(header))
    assert caught.value.field.startswith("header")


def test_a_car_of_version_2_is_named() -> None:
    with pytest.raises(InvalidEncoding, match="version 2: convert"):
        CarReader().feed(framed(b"\xa1" + encode("version") + b"\x02") + bytes(40))


@pytest.mark.parametrize(
    ("why", "section"),
    [
        ("padding", b"\x00"),
        ("version 0", framed(b"\x12\x20" + bytes(34))),
        ("another hash", framed(b"\x01\x55\x1b\x20" + bytes(32))),
        ("another codec", framed(b"\x01\x51\x12\x20" + bytes(32))),
        ("length not shortest", b"\xa5\x00" + ROOT.binary + b"x"),
    ],
)
def test_other_sections_are_refused(why: str, section: bytes) -> None:
    reader = CarReader()
    assert len(reader.feed(HEADER + car_section(ROOT, b"x"))) == 1
    with pytest.raises(InvalidEncoding) as caught:
        reader.feed(section)
    assert caught.value.field.startswith("blocks[1]")


def test_a_false_block_is_refused() -> None:
    with pytest.raises(InvalidProof) as caught:
        read(HEADER + car_section(ROOT, b"y"))
    assert caught.value.field == "blocks[0]"
