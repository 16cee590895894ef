"""Addresses: bech32m with the prefix reel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.address import _BECH32M, ADDRESS_LENGTH, _polymod, format_address, parse_address
from consensus.errors import InvalidEncoding

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@given(st.binary(min_size=32, max_size=32))
def test_an_address_comes_back(account: bytes) -> None:
    text = format_address(account)
    assert len(text) == ADDRESS_LENGTH
    assert parse_address(text) == account


@given(st.binary(min_size=32, max_size=32), st.data())
def test_one_wrong_letter_is_always_noticed(account: bytes, data: st.DataObject) -> None:
    text = format_address(account)
    place = data.draw(st.integers(5, ADDRESS_LENGTH - 1))
    letter = data.draw(st.sampled_from([c for c in ALPHABET if c != text[place]]))
    with pytest.raises(InvalidEncoding):
        parse_address(text[:place] + letter + text[place + 1 :])


@pytest.mark.parametrize(
    "valid",
    [
        "a1lqfn3a",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ],
)
def test_the_checksum_is_that_of_bip_350(valid: str) -> None:
    prefix, _, letters = valid.rpartition("1")
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    assert _polymod(expanded + [ALPHABET.index(c) for c in letters]) == _BECH32M


def test_other_spellings_are_refused() -> None:
    text = format_address(bytes(range(32)))
    swapped = text[:10] + text[11] + text[10] + text[12:]
    for bad in (
        text.upper(),
        text[:-1],
        text + "q",
        "leer" + text[4:],
        text[:5] + "b" + text[6:],
        text[:5] + "ſ" + text[6:],
        swapped,
        " " + text[1:],
        "",
    ):
        with pytest.raises(InvalidEncoding):
            parse_address(bad)


def test_stray_padding_bits_are_refused() -> None:
    prefix = [ord(c) >> 5 for c in "reel"] + [0] + [ord(c) & 31 for c in "reel"]
    data = [0] * 51 + [1]
    check = _polymod([*prefix, *data, *[0] * 6]) ^ _BECH32M
    letters = data + [check >> (5 * i) & 31 for i in reversed(range(6))]
    with pytest.raises(InvalidEncoding, match="padding"):
        parse_address("reel1" + "".join(ALPHABET[v] for v in letters))
