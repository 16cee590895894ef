"""dag-pb and UnixFS messages: exact bytes, and nothing but the canonical encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import DAG_PB, RAW, Cid, cid_of
from consensus.codec import UINT64_MAX
from consensus.dagpb import (
    DIRECTORY,
    FILE,
    PBLink,
    PBNode,
    UnixfsData,
    decode_node,
    decode_unixfs,
    encode_node,
    encode_unixfs,
)
from consensus.errors import Invalid, InvalidEncoding

HASH = cid_of(RAW, b"x").binary
LINK = b"\x0a\x24" + HASH  # 38 bytes

numbers = st.one_of(st.integers(0, 300), st.integers(0, UINT64_MAX))
links = st.builds(
    PBLink,
    st.builds(cid_of, st.sampled_from([RAW, DAG_PB]), st.binary(max_size=4)),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.none() | numbers,
)
nodes = st.builds(
    PBNode,
    st.lists(links, max_size=4).map(
        lambda many: tuple(sorted(many, key=lambda link: (link.name or "").encode()))
    ),
    st.none() | st.binary(max_size=200),
)
messages = st.one_of(
    st.just(UnixfsData(DIRECTORY)),
    st.lists(st.integers(0, 2**40), max_size=5).map(lambda sizes: UnixfsData(FILE, tuple(sizes))),
)


def test_a_node_has_these_bytes() -> None:
    node = PBNode((PBLink(Cid(HASH), "", 1), PBLink(Cid(HASH), "a", 300)), b"\x08\x01")
    first = b"\x12\x2a" + LINK + b"\x12\x00" + b"\x18\x01"
    second = b"\x12\x2c" + LINK + b"\x12\x01a" + b"\x18\xac\x02"
    assert encode_node(node) == first + second + b"\x0a\x02\x08\x01"
    assert encode_node(PBNode((), None)) == b""
    assert (
        encode_node(PBNode((PBLink(Cid(HASH), None, None),), b"")) == b"\x12\x26" + LINK + b"\n\0"
    )


def test_a_message_has_these_bytes() -> None:
    assert encode_unixfs(UnixfsData(DIRECTORY)) == b"\x08\x01"
    assert encode_unixfs(UnixfsData(FILE)) == b"\x08\x02\x18\x00"
    message = UnixfsData(FILE, (262144, 1))
    assert encode_unixfs(message) == b"\x08\x02\x18\x81\x80\x10\x20\x80\x80\x10\x20\x01"
    assert message.filesize == 262145


@given(nodes)
def test_nodes_come_back(node: PBNode) -> None:
    assert decode_node(encode_node(node)) == node


@given(messages)
def test_messages_come_back(message: UnixfsData) -> None:
    assert decode_unixfs(encode_unixfs(message)) == message


@given(nodes, st.data())
def test_a_changed_node_is_refused_or_is_another_canonical_one(
    node: PBNode, data: st.DataObject
) -> None:
    changed = bytearray(encode_node(node) or b"\x00")
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        accepted = decode_node(bytes(changed))
    except Invalid:
        return
    assert encode_node(accepted) == changed


@given(st.binary(max_size=12))
def test_random_messages_are_refused_or_canonical(data: bytes) -> None:
    for prefix in (b"", b"\x08\x01", b"\x08\x02\x18", b"\x08\x02\x18\x05\x20"):
        try:
            accepted = decode_unixfs(prefix + data)
        except InvalidEncoding:
            continue
        assert encode_unixfs(accepted) == prefix + data


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("data before links", b"\x0a\x01d" + b"\x12\x26" + LINK),
        ("data twice", b"\x0a\x01d\x0a\x01d"),
        ("unknown field", b"\x0a\x01d\x1a\x01x"),
        ("wire type of data", b"\x08\x01"),
        ("link without hash", b"\x12\x02\x12\x00"),
        ("empty link", b"\x12\x00"),
        ("hash twice", b"\x12\x4c" + LINK + LINK),
        ("name before hash", b"\x12\x28\x12\x00" + LINK),
        ("size before name", b"\x12\x2a" + LINK + b"\x18\x01\x12\x00"),
        ("name twice", b"\x12\x2a" + LINK + b"\x12\x00\x12\x00"),
        ("size twice", b"\x12\x2a" + LINK + b"\x18\x01\x18\x01"),
        ("unknown field of a link", b"\x12\x28" + LINK + b"\x20\x01"),
        ("name not UTF-8", b"\x12\x29" + LINK + b"\x12\x01\xff"),
        ("hash of version 0", b"\x12\x24\x0a\x22\x12\x20" + bytes(32)),
        ("identity hash", b"\x12\x07\x0a\x05\x01\x55\x00\x01x"),
        ("length not shortest", b"\x0a\x81\x00d"),
        ("zero not shortest", b"\x0a\x80\x00"),
        ("size not shortest", b"\x12\x29" + LINK + b"\x18\x81\x00"),
        ("size of 65 bits", b"\x12\x31" + LINK + b"\x18" + b"\xff" * 9 + b"\x02"),
        ("size that never ends", b"\x12\x32" + LINK + b"\x18" + b"\xff" * 11),
        ("truncated data", b"\x0a\x02d"),
        ("truncated length", b"\x0a\x80"),
        ("truncated link", b"\x12\x26" + LINK[:-1]),
        ("length beyond memory", b"\x0a" + b"\xff" * 9 + b"\x01"),
        ("key alone", b"\x12"),
        (
            "links out of order",
            b"\x12\x29" + LINK + b"\x12\x01b" + b"\x12\x29" + LINK + b"\x12\x01a",
        ),
    ],
)
def test_other_nodes_are_refused(why: str, data: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        decode_node(data)


@pytest.mark.parametrize("data", [b"\x0a\x02d", b"\x0a\x80", b"\x0a", b"\x12\x26" + LINK[:-1]])
def test_truncation_is_called_so(data: bytes) -> None:
    with pytest.raises(InvalidEncoding, match="truncated"):
        decode_node(data)


def test_a_bad_link_is_named() -> None:
    good = b"\x12\x26" + LINK
    with pytest.raises(InvalidEncoding) as caught:
        decode_node(good + b"\x12\x29" + LINK + b"\x12\x01\xff")
    assert caught.value.field == "links[1].name"


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("empty", b""),
        ("raw", b"\x08\x00"),
        ("metadata", b"\x08\x03"),
        ("symbolic link", b"\x08\x04\x12\x01x"),
        ("sharded directory", b"\x08\x05\x28\x22\x30\x80\x02"),
        ("unknown type", b"\x08\x06"),
        ("type not shortest", b"\x08\x82\x00\x18\x00"),
        ("type twice", b"\x08\x01\x08\x01"),
        ("size before type", b"\x18\x00\x08\x02"),
        ("file without size", b"\x08\x02"),
        ("inline content", b"\x08\x02\x12\x01x\x18\x01"),
        ("directory with a size", b"\x08\x01\x18\x00"),
        ("permissions", b"\x08\x02\x18\x00\x38\xa4\x03"),
        ("sizes below the file's", b"\x08\x02\x18\x03\x20\x01\x20\x01"),
        ("sizes above the file's", b"\x08\x02\x18\x01\x20\x01\x20\x01"),
        ("packed sizes", b"\x08\x02\x18\x02\x22\x02\x01\x01"),
        ("sizes around 64 bits", b"\x08\x02\x18\x00\x20" + b"\xff" * 9 + b"\x01\x20\x01"),
    ],
)
def test_other_messages_are_refused(why: str, data: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        decode_unixfs(data)


def test_values_out_of_range_are_not_encoded() -> None:
    for tsize in (-1, UINT64_MAX + 1):
        with pytest.raises(InvalidEncoding):
            encode_node(PBNode((PBLink(Cid(HASH), "", tsize),), None))
    with pytest.raises(InvalidEncoding):
        encode_node(PBNode((PBLink(Cid(HASH), "b", 1), PBLink(Cid(HASH), "a", 1)), None))
    with pytest.raises(InvalidEncoding):
        encode_unixfs(UnixfsData(FILE, (UINT64_MAX, 1)))
