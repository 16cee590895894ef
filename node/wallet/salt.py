"""The secret salt of a commitment to publish something, made from a key: a file with it need not
be kept, and who knows the content id cannot tell that the account has committed to it."""

import hmac

from consensus.cid import Cid
from consensus.codec import encode
from consensus.keys import KeyPair


def commitment_salt(key: KeyPair, chain: bytes, cid: Cid) -> bytes:
    """The salt by which this key's account commits to a content id: HMAC-SHA256, under the key's
    seed, of the DAG-CBOR of `["content.salt", 1, chain, cid]`."""
    return hmac.digest(key.seed, encode(["content.salt", 1, chain, cid]), "sha256")
