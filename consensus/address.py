"""Addresses: account ids as bech32m text with the prefix `reel` (BIP-173, BIP-350)."""

from functools import lru_cache

from consensus.errors import InvalidEncoding

PREFIX = "reel"
ACCOUNT_ID_BYTES = 32
ADDRESSES_KEPT = 1024  # one answer names few accounts, often

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M = 0x2BC830A3
_CHECKSUM_LETTERS = 6
_DATA_LETTERS = 52
ADDRESS_LENGTH = len(PREFIX) + 1 + _DATA_LETTERS + _CHECKSUM_LETTERS
_EXPANDED_PREFIX = [ord(c) >> 5 for c in PREFIX] + [0] + [ord(c) & 31 for c in PREFIX]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for i in range(5):
            if (top >> i) & 1:
                checksum ^= _GENERATOR[i]
    return checksum


@lru_cache(maxsize=ADDRESSES_KEPT)
def format_address(account_id: bytes) -> str:
    """The address of a 32-byte account id."""
    if len(account_id) != ACCOUNT_ID_BYTES:
        raise InvalidEncoding(f"an account id has {ACCOUNT_ID_BYTES} bytes")
    number = int.from_bytes(account_id, "big") << 4  # 256 bits in 52 letters of 5
    data = [number >> (5 * i) & 31 for i in reversed(range(_DATA_LETTERS))]
    checksum = _polymod([*_EXPANDED_PREFIX, *data, *[0] * _CHECKSUM_LETTERS]) ^ _BECH32M
    data += [checksum >> (5 * i) & 31 for i in reversed(range(_CHECKSUM_LETTERS))]
    return PREFIX + "1" + "".join(_ALPHABET[value] for value in data)


def parse_address(text: str) -> bytes:
    """The account id of an address in lower case; raises InvalidEncoding for any other text."""
    if len(text) != ADDRESS_LENGTH or not text.startswith(PREFIX + "1"):
        raise InvalidEncoding(
            f"not an address: '{PREFIX}1' and 58 letters are expected, got {text[:80]!r}"
        )
    try:
        values = [_VALUES[letter] for letter in text[len(PREFIX) + 1 :]]
    except KeyError as error:
        raise InvalidEncoding(f"an address has no letter {error.args[0]!r}") from None
    if _polymod(_EXPANDED_PREFIX + values) != _BECH32M:
        raise InvalidEncoding("the address has a typing error: its checksum does not match")
    number = 0
    for value in values[:_DATA_LETTERS]:
        number = number << 5 | value
    if number & 15:
        raise InvalidEncoding("the address has stray padding bits")
    return (number >> 4).to_bytes(ACCOUNT_ID_BYTES, "big")
