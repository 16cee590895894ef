"""Content keys, what commits to them, and how they are sealed for one reader.

A content key has 32 bytes. It is sealed to a viewing key (X25519, RFC 7748) as libsodium's
`crypto_box_seal` does it, which anybody can do and only the viewing key's secret undoes. To make a
sealed key takes randomness and is no part of the protocol; to open one is, as disputes are decided
by it.
"""

from typing import Annotated

from nacl import bindings
from nacl.exceptions import CryptoError

from consensus.codec import encode
from consensus.hashing import sha256
from consensus.kinds import Bytes

CONTENT_KEY_BYTES = 32
SEALED_KEY_BYTES = 80  # one-off public key, Poly1305 tag, the 32 bytes

SealedKey = Annotated[bytes, Bytes(SEALED_KEY_BYTES, SEALED_KEY_BYTES)]
ViewingKey = Annotated[bytes, Bytes(32, 32)]

if bindings.crypto_box_SEALBYTES + CONTENT_KEY_BYTES != SEALED_KEY_BYTES:
    raise ValueError("a sealed key is a sealed box of a content key")


def commitment_to(key: bytes) -> bytes:
    """The 32 bytes that commit to a content key and say nothing about it, as keys are drawn from
    2^256: SHA-256 of the key's tagged encoding."""
    return sha256(encode(["sealed.key", 1, key]))


def viewing_key_of(secret: bytes) -> bytes:
    """The viewing key of its 32-byte secret."""
    return bindings.crypto_scalarmult_base(secret)


def open_sealed_key(sealed: bytes, secret: bytes) -> bytes | None:
    """What was sealed to the viewing key of this secret; None if it was not, or was altered."""
    try:
        return bindings.crypto_box_seal_open(sealed, viewing_key_of(secret), secret)
    except CryptoError:
        return None
