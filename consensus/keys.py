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


def is_public_key(public: bytes) -> bool:
    """Whether it is the canonical encoding of a point of the prime-order group, without the
    neutral one: what every key made from a seed is, and nothing that no one can sign with."""
    return len(public) == KEY_BYTES and bindings.crypto_core_ed25519_is_valid_point(public)


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


# A signature that satisfies the equation only after multiplication by the cofactor 8. Builds of
# libsodium differ on it, and a chain whose nodes disagree on one signature splits.
_COFACTOR_KEY = bytes.fromhex("24cda282d1081d1963438c0d8ba1642e153064c95b74a7c57d60d6eba2737d15")
_COFACTOR_MESSAGE = b"reelect"
_COFACTOR_SIGNATURE = bytes.fromhex(
    "eae79e4c90acd9b5aa1ea83de6928cab179ec1b6613dca955d9b4c2679688743"
    "06a5878579408e0ccd7e16e24943ddf32d6842698ddf9e89da6a09daa8879a01"
)

if verifies(_COFACTOR_KEY, _COFACTOR_MESSAGE, _COFACTOR_SIGNATURE):
    raise RuntimeError(
        "this build of libsodium accepts signatures that other nodes refuse; install PyNaCl's "
        "own wheel: pip install --force-reinstall --only-binary pynacl pynacl"
    )
