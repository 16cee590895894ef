"""CIDs: one spelling each, cross-checked with the multiformats package."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID, multibase

from consensus.cid import CODEC_NAMES, DAG_CBOR, DAG_PB, RAW, Cid, cid_of, parse_cid
from consensus.errors import InvalidEncoding

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
BINARY = parse_cid(EMPTY).binary


@given(st.sampled_from(sorted(CODEC_NAMES)), st.binary(max_size=100))
def test_multiformats_reads_the_same_cid(codec: int, content: bytes) -> None:
    cid = cid_of(codec, content)
    theirs = CID.decode(str(cid))
    assert bytes(theirs) == cid.binary
    assert (theirs.version, theirs.codec.name) == (1, CODEC_NAMES[codec])
    assert theirs.raw_digest == cid.digest
    assert str(theirs) == str(cid)
    assert parse_cid(str(cid)) == cid


def test_the_empty_content_has_its_known_cid() -> None:
    assert str(cid_of(RAW, b"")) == EMPTY
    assert repr(cid_of(RAW, b"")) == f"Cid({EMPTY})"


def test_codec_and_order_are_of_the_bytes() -> None:
    cids = [cid_of(codec, b"x") for codec in (DAG_CBOR, RAW, DAG_PB)]
    assert [cid.codec for cid in sorted(cids)] == [RAW, DAG_PB, DAG_CBOR]


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("empty", ""),
        ("upper case", EMPTY.upper()),
        ("multibase of upper case", "B" + EMPTY[1:].upper()),
        ("one upper-case letter", EMPTY[:-1] + EMPTY[-1].upper()),
        ("base58", multibase.encode(BINARY, "base58btc")),
        ("base16", multibase.encode(BINARY, "base16")),
        ("base64url", multibase.encode(BINARY, "base64url")),
        ("version 0", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        ("padding", EMPTY + "======"),
        ("padding in place of letters", EMPTY[:-2] + "=="),
        ("stray bits", EMPTY[:-1] + "v"),
        ("truncated", EMPTY[:-1]),
        ("too long", EMPTY + "a"),
        ("not base32", EMPTY[:10] + "1" + EMPTY[11:]),
        ("not alphanumeric", EMPTY[:10] + "-" + EMPTY[11:]),
        ("white space", EMPTY[:-1] + "\n"),
        ("no ASCII", EMPTY[:-1] + "ü"),
        ("a path", "/ipfs/" + EMPTY),
    ],
)
def test_other_spellings_are_refused(why: str, text: str) -> None:
    with pytest.raises(InvalidEncoding):
        parse_cid(text)


@pytest.mark.parametrize("changed", range(1, 32))
def test_only_one_last_character_is_accepted(changed: int) -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    last = alphabet[(alphabet.index(EMPTY[-1]) + changed) % 32]
    try:
        accepted = parse_cid(EMPTY[:-1] + last)
    except InvalidEncoding:
        return
    assert accepted.binary != BINARY
    assert str(accepted) == EMPTY[:-1] + last


@pytest.mark.parametrize(
    ("why", "binary"),
    [
        ("empty", b""),
        ("identity hash", b"\x01\x55\x00\x05hello"),
        ("identity hash of 32 bytes", b"\x01\x55\x00\x20" + bytes(32)),
        ("sha2-512", b"\x01\x55\x13\x40" + bytes(64)),
        ("sha3-256", b"\x01\x55\x16\x20" + bytes(32)),
        ("another length", b"\x01\x55\x12\x1f" + bytes(31)),
        ("length that lies", b"\x01\x55\x12\x1f" + bytes(32)),
        ("version 0", b"\x12\x20" + bytes(32)),
        ("version 2", b"\x02" + BINARY[1:]),
        ("unknown codec", b"\x01\x70\x12\x20".replace(b"\x70", b"\x72") + bytes(32)),
        ("version not in shortest form", b"\x81\x00" + BINARY[1:]),
        ("one byte more", BINARY + b"\x00"),
        ("one byte less", BINARY[:-1]),
    ],
)
def test_other_bytes_are_refused(why: str, binary: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        Cid(binary)
    with pytest.raises(InvalidEncoding):
        parse_cid("b" + base64.b32encode(binary).decode().lower().rstrip("="))
