"""SHA-256, the only hash of the protocol."""

import hashlib

DIGEST_BYTES = 32
ZERO_DIGEST = bytes(DIGEST_BYTES)


def sha256(data: bytes) -> bytes:
    """The 32-byte SHA-256 digest of `data` (FIPS 180-4)."""
    return hashlib.sha256(data).digest()
