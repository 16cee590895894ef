"""Keys of sealed content, and viewing keys, from an account's own key: nothing else is to be kept.

Each is HMAC-SHA256 (RFC 2104) of a tagged record under the account's 32-byte seed, so that whoever
has the mnemonic has them all, and none tells of another. The header of a sealed file has all that
its owner needs to find its key again.
"""

import hmac
from dataclasses import dataclass, field

from nacl import bindings
from nacl.exceptions import CryptoError

from consensus.cid import Cid
from consensus.codec import Wire, encode
from consensus.errors import InvalidEncoding
from consensus.sealed import CHUNK_LOG2, NONCE_PREFIX_BYTES, Header
from consensus.sealed_key import commitment_to, viewing_key_of

GRANTS = 0  # the number of the viewing key to which a video is granted; purchases have others


@dataclass(frozen=True, slots=True)
class Sealing:
    """The header of a sealed file and its content key."""

    header: Header
    key: bytes = field(repr=False)


def _derive(seed: bytes, *record: Wire) -> bytes:
    return hmac.digest(seed, encode(list(record)), "sha256")


def new_sealing(seed: bytes, content_digest: bytes, edition: int) -> Sealing:
    """How an owner seals the content of this SHA-256. The same content is sealed to the same file
    again, unless its `edition` is another, which gives it another key."""
    drawn = _derive(seed, "viewing.nonce_prefix", 1, content_digest, edition)
    prefix = drawn[:NONCE_PREFIX_BYTES]
    key = content_key(seed, prefix)
    return Sealing(Header(CHUNK_LOG2, prefix, commitment_to(key)), key)


def content_key(seed: bytes, nonce_prefix: bytes) -> bytes:
    """The key of what was sealed by `new_sealing` of this seed with this prefix."""
    return _derive(seed, "viewing.content_key", 1, nonce_prefix)


def viewing_secret(seed: bytes, video: Cid, number: int) -> bytes:
    """The secret of an account's viewing key for a video. Each purchase has a number of its own: a
    dispute makes the secret public. It is the same on a chain that goes on from another's state,
    so that what was bought stays readable there."""
    return _derive(seed, "viewing.secret", 1, video, number)


def account_viewing_secret(seed: bytes) -> bytes:
    """The secret of the viewing key that follows from an account's key itself, by libsodium's
    conversion of Ed25519 to X25519. Never to be shown to anybody."""
    _, secret = bindings.crypto_sign_seed_keypair(seed)
    return bindings.crypto_sign_ed25519_sk_to_curve25519(secret)


def account_viewing_key(public: bytes) -> bytes:
    """The viewing key that follows from the key of an account, to which anybody can grant it a
    video; raises InvalidEncoding if it is no key that anybody can have."""
    try:
        return bindings.crypto_sign_ed25519_pk_to_curve25519(public)
    except CryptoError:
        raise InvalidEncoding("not a key that anybody can have") from None


def find_secret(seeds: list[bytes], video: Cid, viewing_key: bytes, last: int) -> bytes | None:
    """The secret of a viewing key for a video, if it is one of these seeds' with a number up to
    `last`."""
    for seed in seeds:
        if viewing_key_of(account_viewing_secret(seed)) == viewing_key:
            return account_viewing_secret(seed)
        for number in range(last, -1, -1):
            secret = viewing_secret(seed, video, number)
            if viewing_key_of(secret) == viewing_key:
                return secret
    return None


def seal_key(key: bytes, viewing_key: bytes) -> bytes:
    """A content key sealed to a viewing key; raises InvalidEncoding for a viewing key that nobody
    has the secret of."""
    try:
        return bindings.crypto_box_seal(key, viewing_key)
    except CryptoError:
        raise InvalidEncoding("nobody has the secret of this viewing key") from None
