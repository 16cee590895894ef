"""Ethereum's signed messages: published and other libraries' vectors, a textbook, and any bytes."""

import json
from pathlib import Path
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consensus.errors import InvalidEncoding, InvalidSignature
from consensus.ethereum import (
    format_ethereum_address,
    keccak256,
    parse_ethereum_address,
    recover_signer,
    signed_digest,
)
from tests.consensus.textbook_secp256k1 import N, recover, sign

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "ethereum.json").read_text("utf-8")
)
SIGNED = cast(list[dict[str, str]], [*VECTORS["published"], *VECTORS["signed"], VECTORS["claim"]])
GOOD = bytes.fromhex(SIGNED[0]["signature"])
TEXT, ADDRESS = SIGNED[0]["text"], SIGNED[0]["address"]


def signer(text: str, signature: bytes) -> str:
    return format_ethereum_address(recover_signer(text, signature))


def by_the_textbook(text: str, signature: bytes) -> bytes | None:
    """The signer, or None for what is refused."""
    parity = {0: 0, 1: 1, 27: 0, 28: 1}.get(signature[64])
    if parity is None or int.from_bytes(signature[32:64], "big") > N // 2:
        return None
    key = recover(signed_digest(text), signature[:64] + bytes([parity]))
    if key is None:
        return None
    return keccak256(b"".join(each.to_bytes(32, "big") for each in key))[12:]


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["text"][:12])
def test_who_signed_is_who_other_implementations_say(vector: dict[str, str]) -> None:
    assert signed_digest(vector["text"]).hex() == vector["digest"]
    assert signer(vector["text"], bytes.fromhex(vector["signature"])) == vector["address"]


def test_keccak_is_the_one_from_before_sha_3() -> None:
    """The digest of nothing, as the yellow paper has it for accounts without code."""
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"").hex() == empty


def test_v_is_0_or_1_with_or_without_27() -> None:
    assert GOOD[64] == 28
    assert signer(TEXT, GOOD[:64] + b"\x01") == ADDRESS
    for parity in (0, 27):
        assert signer(TEXT, GOOD[:64] + bytes([parity])) != ADDRESS


@pytest.mark.parametrize("v", [2, 3, 4, 26, 29, 30, 31, 35, 37, 255])
def test_every_other_v_is_refused(v: int) -> None:
    with pytest.raises(InvalidSignature, match=f"v, is {v}"):
        recover_signer(TEXT, GOOD[:64] + bytes([v]))


def test_the_other_s_of_a_signature_is_refused() -> None:
    """libsecp256k1 would recover the same address from it."""
    s = int.from_bytes(GOOD[32:64], "big")
    other = GOOD[:32] + (N - s).to_bytes(32, "big") + b"\x00"
    with pytest.raises(InvalidSignature, match="higher"):
        recover_signer(TEXT, other)


@pytest.mark.parametrize("size", [0, 64, 66])
def test_another_length_is_refused(size: int) -> None:
    with pytest.raises(InvalidSignature, match=f"{size} bytes"):
        recover_signer(TEXT, GOOD.ljust(66, b"\0")[:size])


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (N, 1), (2**256 - 1, 1), (5, 1)], ids=lambda n: hex(n)[:6]
)
def test_what_no_key_can_have_made_is_refused(r: int, s: int) -> None:
    """5 is the x of no point of the curve."""
    with pytest.raises(InvalidSignature, match="no key"):
        recover_signer(TEXT, r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b")


NUMBERS = st.one_of(
    st.integers(0, 8), st.integers(N - 2, N + 2), st.integers(0, N // 2), st.integers(0, 2**256 - 1)
)


@given(
    st.text(max_size=40),
    NUMBERS,
    NUMBERS,
    st.one_of(st.sampled_from([0, 1, 27, 28]), st.integers(0, 255)),
)
@example("", 1, N // 2, 27)
@example("", 1, N // 2 + 1, 27)
def test_any_bytes_recover_what_the_textbook_says_or_are_refused(
    text: str, r: int, s: int, v: int
) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
    try:
        found = recover_signer(text, signature)
    except InvalidSignature:
        found = None
    assert found == by_the_textbook(text, signature)


@given(st.text(max_size=40), st.integers(1, N - 1), st.integers(1, N - 1))
def test_what_a_key_has_signed_recovers_it(text: str, secret: int, nonce: int) -> None:
    signature = sign(signed_digest(text), secret, nonce)
    assert recover_signer(text, signature) == by_the_textbook(text, signature)


@pytest.mark.parametrize("text", VECTORS["eip55"])
def test_checksums_are_those_of_eip_55(text: str) -> None:
    address = parse_ethereum_address(text)
    for spelling in (text, text.lower(), "0x" + text[2:].upper()):
        assert parse_ethereum_address(spelling) == address
    if text != text.lower():
        assert format_ethereum_address(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        ADDRESS[2:],
        ADDRESS[:-1],
        f"{ADDRESS}0",
        f"{ADDRESS}\n",
        "0X" + ADDRESS[2:],
        ADDRESS[:-1] + "g",
        "０x" + ADDRESS[2:],
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match="40 hex digits"):
        parse_ethereum_address(text)


def test_a_mistyped_digit_does_not_pass_the_checksum() -> None:
    with pytest.raises(InvalidEncoding, match="EIP-55"):
        parse_ethereum_address(ADDRESS[:-1] + "4")
    with pytest.raises(InvalidEncoding, match="EIP-55"):
        parse_ethereum_address(ADDRESS.replace("E", "e", 1))
