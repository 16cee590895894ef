"""A fast stand-in for libsodium: whoever knows a public key can sign, and nobody here does.

It replaces the functions that `consensus.keys` calls, so that every path runs the production
code; one seed in twenty is run on libsodium itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from nacl.exceptions import BadSignatureError

import consensus.keys
from consensus.hashing import sha256

SIGNATURE_BYTES = 64


class FastBindings:
    """The three calls of nacl.bindings, from one hash each."""

    @staticmethod
    def crypto_sign_seed_keypair(seed: bytes) -> tuple[bytes, bytes]:
        """Public key, and the secret that holds seed and public key."""
        public = sha256(b"public" + seed)
        return public, seed + public

    @staticmethod
    def crypto_sign(message: bytes, secret: bytes) -> bytes:
        """The signature and the message."""
        return sha256(secret[32:] + message) * 2 + message

    @staticmethod
    def crypto_sign_open(signed: bytes, public: bytes) -> bytes:
        """The message; raises BadSignatureError."""
        message = signed[SIGNATURE_BYTES:]
        if signed[:SIGNATURE_BYTES] != sha256(public + message) * 2:
            raise BadSignatureError
        return message


@contextmanager
def fast_signatures() -> Iterator[None]:
    """The stand-in's signatures instead of libsodium's."""
    with patch.object(consensus.keys, "bindings", FastBindings):
        yield
