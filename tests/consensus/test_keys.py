"""Signatures: what libsodium refuses and other verifiers accept."""

import hashlib

from nacl import bindings

from consensus.hashing import sha256
from consensus.keys import KeyPair, verifies

KEY = KeyPair.from_seed(bytes(range(32)))
MESSAGE = b"message"
ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = [
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
]


def scalar(text: str) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(sha256(text.encode()) + bytes(32))


def sign_with_point(nonce_point: bytes, nonce: bytes, secret: bytes, public: bytes) -> bytes:
    """The signature of the plain equation with a nonce point of one's own choice."""
    digest = hashlib.sha512(nonce_point + public + MESSAGE).digest()
    challenge = bindings.crypto_core_ed25519_scalar_reduce(digest)
    product = bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    return nonce_point + bindings.crypto_core_ed25519_scalar_add(nonce, product)


def test_a_signature_verifies_for_its_key_and_message_only() -> None:
    signature = KEY.sign(MESSAGE)
    assert verifies(KEY.public, MESSAGE, signature)
    assert not verifies(KEY.public, MESSAGE + b"!", signature)
    assert not verifies(KeyPair.from_seed(bytes(32)).public, MESSAGE, signature)
    for i in range(64):
        flipped = signature[:i] + bytes([signature[i] ^ 1]) + signature[i + 1 :]
        assert not verifies(KEY.public, MESSAGE, flipped)


def test_wrong_lengths_do_not_verify() -> None:
    signature = KEY.sign(MESSAGE)
    assert not verifies(KEY.public[:31], MESSAGE, signature)
    assert not verifies(KEY.public, MESSAGE, signature[:63])
    assert not verifies(KEY.public, MESSAGE, signature + b"\0")


def test_s_plus_l_is_refused() -> None:
    signature = KEY.sign(MESSAGE)
    malleated = int.from_bytes(signature[32:], "little") + ORDER
    assert not verifies(KEY.public, MESSAGE, signature[:32] + malleated.to_bytes(32, "little"))


def test_small_order_keys_are_refused_though_the_equation_holds() -> None:
    nonce = scalar("nonce")
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    for public in SMALL_ORDER:
        assert not verifies(public, MESSAGE, point + nonce)


def test_a_torsion_component_in_the_nonce_point_is_refused() -> None:
    secret, nonce = scalar("secret"), scalar("nonce")
    public = bindings.crypto_scalarmult_ed25519_base_noclamp(secret)
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    assert verifies(public, MESSAGE, sign_with_point(point, nonce, secret, public))
    for torsion in SMALL_ORDER[3:]:
        mixed = bindings.crypto_core_ed25519_add(point, torsion)
        assert not verifies(public, MESSAGE, sign_with_point(mixed, nonce, secret, public))
