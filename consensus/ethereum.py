"""Ethereum's addresses and signed messages: Keccak-256, EIP-55 and EIP-191 (personal_sign).

`recover_signer` is total and says the same everywhere: libsecp256k1 sees only signatures whose form
was checked here, and each recovers one address or none.
"""

import re

from coincurve import PublicKey
from Crypto.Hash import keccak

from consensus.errors import InvalidEncoding, InvalidSignature

ADDRESS_BYTES = 20
SIGNATURE_BYTES = 65
# The order of secp256k1's group: of the two values of s that verify, only the lower one counts
# (EIP-2), as anybody can make the other from it.
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PARITIES = {0: 0, 1: 1, 27: 0, 28: 1}  # by v: wallets add 27, some hardware does not

_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


def keccak256(data: bytes) -> bytes:
    """Keccak-256, with the padding from before SHA-3."""
    return keccak.new(digest_bits=256, data=data).digest()


def signed_digest(text: str) -> bytes:
    """What a wallet signs when it is asked to sign this text (EIP-191, version 0x45)."""
    message = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def recover_signer(text: str, signature: bytes) -> bytes:
    """The address whose key signed a text, by the signature r ‖ s ‖ v of 65 bytes.

    Raises InvalidSignature for a v other than 0, 1, 27 and 28, for an s that is not the lower of
    the two, and for what no key can have signed. Another text recovers another address.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature(f"{len(signature)} bytes where r, s and v have {SIGNATURE_BYTES}")
    parity = _PARITIES.get(signature[64])
    if parity is None:
        raise InvalidSignature(f"its last byte, v, is {signature[64]}, not 27, 28, 0 or 1")
    if int.from_bytes(signature[32:64], "big") > _ORDER // 2:
        raise InvalidSignature("its s is the higher of the two that verify; wallets give the lower")
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([parity]), signed_digest(text), hasher=None
        )
    except ValueError:
        raise InvalidSignature("no key can have made it") from None
    return keccak256(key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def format_ethereum_address(address: bytes) -> str:
    """An address with the checksum in its letters' case (EIP-55)."""
    digits = address.hex()
    nibbles = keccak256(digits.encode()).hex()
    cased = (
        digit.upper() if nibble >= "8" else digit
        for digit, nibble in zip(digits, nibbles, strict=False)
    )
    return "0x" + "".join(cased)


def parse_ethereum_address(text: str) -> bytes:
    """The 20 bytes of an address; raises InvalidEncoding for another form, and if letters of both
    cases are not as EIP-55 has them. Of one case it has no checksum."""
    if not _ADDRESS.fullmatch(text):
        raise InvalidEncoding(f"0x and 40 hex digits are expected, got {text[:80]!r}")
    address, digits = bytes.fromhex(text[2:]), text[2:]
    has_checksum = digits not in (digits.lower(), digits.upper())
    if has_checksum and format_ethereum_address(address) != text:
        raise InvalidEncoding(
            f"a digit of {text} is wrong: its letters' case does not fit (EIP-55)"
        )
    return address
