"""Ed25519 by libsodium's rules, in every path (RFC 8032 with libsodium's stricter checks).

Other libraries accept signatures that libsodium refuses; docs/protocol.md lists the encodings
that any other verifier must reject first.
"""

from dataclasses import dataclass, field

from nacl import bindings
from nacl.exceptions import BadSignatureError

from consensus.errors import InvalidSignature
from consensus.kinds import KEY_BYTES, SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An Ed25519 key: `public` of 32 bytes and the secret, kept out of repr and comparison."""

    public: bytes
    _secret: bytes = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "KeyPair":
        """The key of a 32-byte seed."""
        if len(seed) != KEY_BYTES:
            raise ValueError(f"a seed has {KEY_BYTES} bytes")
        public, secret = bindings.crypto_sign_seed_keypair(seed)
        return cls(public, secret)

    @property
    def seed(self) -> bytes:
        """The 32-byte seed that the key was made from; secret."""
        return self._secret[:KEY_BYTES]

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over `message`."""
        return bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over `message`."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public)
    except (BadSignatureError, ValueError):
        return False
    return True


def check_signature(public: bytes, message: bytes, signature: bytes, *, field: str) -> None:
    """Raise InvalidSignature, naming `field`, unless the signature verifies."""
    if not verifies(public, message, signature):
        raise InvalidSignature(f"not a signature by {public.hex()}", field=field)
