"""Signatures at the edges of docs/protocol.md section 3, made by whoever holds the keys."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl import bindings

from consensus.keys import KeyPair

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
SIGN = 1 << 255
ORDER_8 = [
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]
TORSION = ORDER_8[0]  # generates the points of small order


def little(number: int) -> bytes:
    """32 bytes, the least significant first."""
    return number.to_bytes(32, "little")


def numbered(data: bytes) -> int:
    """The number that these bytes are, the least significant first."""
    return int.from_bytes(data, "little")


# All encodings of points of small order: each y, below p or not, with both signs of x.
SMALL_ORDER = [
    little(y | sign) for y in (1, P + 1, P - 1, 0, P, *map(numbered, ORDER_8)) for sign in (0, SIGN)
]


def base(scalar: int) -> bytes:
    """[scalar]B."""
    return bindings.crypto_scalarmult_ed25519_base_noclamp(little(scalar % L))


def torsion(times: int) -> bytes:
    """[times]T of the point of order 8; not for multiples of 8."""
    point = TORSION
    for _ in range(times % 8 - 1):
        point = bindings.crypto_core_ed25519_add(point, TORSION)
    return point


def with_torsion(point: bytes, times: int) -> bytes:
    """point + [times]T."""
    return bindings.crypto_core_ed25519_add(point, torsion(times)) if times % 8 else point


def challenge(nonce_point: bytes, key: bytes, message: bytes) -> int:
    """h of section 3, rule 5."""
    return numbered(hashlib.sha512(nonce_point + key + message).digest()) % L


def secret_of(pair: KeyPair) -> int:
    """The scalar of a key."""
    clamped = bytearray(hashlib.sha512(pair.seed).digest()[:32])
    clamped[0] &= 248
    clamped[31] = clamped[31] & 127 | 64
    return numbered(bytes(clamped))


def plus_order(signature: bytes, times: int = 1) -> bytes:
    """The same R with S + times·L."""
    return signature[:32] + little(numbered(signature[32:]) + times * L)


def by_small_order_key(key: bytes, message: bytes) -> bytes:
    """A signature by a key of small order that satisfies the equation: h is a multiple of 8."""
    for nonce in count(1):
        point = base(nonce)
        if challenge(point, key, message) % 8 == 0:
            return point + little(nonce)
    raise AssertionError


def with_small_order_nonce(secret: int, message: bytes) -> bytes:
    """A signature with R = 0 that satisfies the equation, by the key's owner."""
    nonce_point = SMALL_ORDER[0]
    return nonce_point + little(challenge(nonce_point, base(secret), message) * secret % L)


def openssl_accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    """What a verifier says that knows nothing of section 3."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True)
class Case:
    """A signature, and whether section 3 accepts it."""

    name: str
    key: bytes
    message: bytes
    signature: bytes
    accepted: bool


def cases() -> Iterator[Case]:
    """Signatures of all kinds that section 3 names."""
    pair, message = KeyPair.from_seed(bytes(range(32))), b"message"
    good = pair.sign(message)
    yield Case("good", pair.public, message, good, True)
    yield Case("another message", pair.public, b"messages", good, False)
    yield Case("a short key", pair.public[:31], message, good, False)
    yield Case("a short signature", pair.public, message, good[:63], False)
    yield Case("a long signature", pair.public, message, good + b"\0", False)
    for times in range(1, 15):
        yield Case(f"S + {times}L", pair.public, message, plus_order(good, times), False)
    for key in SMALL_ORDER:
        yield Case("small A", key, message, by_small_order_key(key, message), False)
        yield Case("small R", pair.public, message, key + good[32:], False)
    secret = secret_of(pair)
    yield Case("R = 0", base(secret), message, with_small_order_nonce(secret, message), False)
    for y in range(P, 2**255):
        for sign in (0, SIGN):
            yield Case("y ≥ p as A", little(y | sign), message, good, False)
            yield Case("y ≥ p as R", pair.public, message, little(y | sign) + good[32:], False)
    for y in range(2, 30):
        yield Case("any y as A", little(y), message, good, False)
    yield from _mixed_order(secret)


def _mixed_order(secret: int) -> Iterator[Case]:
    """Keys and nonce points with a component of small order: rule 5 alone decides, but for a
    nonce point that is of small order itself."""
    key = with_torsion(base(secret), 1)
    for number, part in ((i, j) for i in range(24) for j in range(8)):
        message = f"mixed {number}".encode()
        nonce = 1000 + number
        point = with_torsion(base(nonce), part)
        h = challenge(point, key, message)
        signature = point + little((nonce + h * secret) % L)
        satisfied = (h + part) % 8 == 0  # −[h]T is then the component of R
        yield Case("mixed order", key, message, signature, satisfied)
        pure = challenge(point, base(secret), message)
        without = point + little((nonce + pure * secret) % L)
        yield Case("R of mixed order", base(secret), message, without, part == 0)
        if part:
            small = torsion(part)
            s = little(challenge(small, key, message) * secret % L)
            yield Case("small R, key of mixed order", key, message, small + s, False)
