"""The spellings of CIDs that clients of IPFS send, and the one that this node answers to.

Source: multiformats CID and multibase specifications. Ours is lower-case base32 of version 1
(consensus/cid.py); others are read only to send their reader there.
"""

import base64
import string

from consensus.cid import DAG_PB, Cid, parse_cid
from consensus.errors import InvalidEncoding
from consensus.hashing import DIGEST_BYTES

MAX_SPELLING = 128

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE36 = string.digits + string.ascii_lowercase
_VERSION_0 = b"\x12\x20"  # a bare sha2-256 multihash, of dag-pb
_VERSION_0_LENGTH = 46


def read_cid(text: str) -> Cid:
    """The CID that any usual spelling stands for: base32, base36, base58btc, base16, version 0.

    Raises InvalidEncoding for other text, and for CIDs of other codecs and hashes than ours.
    """
    if len(text) > MAX_SPELLING or not text.isascii():
        raise InvalidEncoding(f"not a CID: {text[:80]!r}", field="cid")
    try:
        return _read(text)
    except (InvalidEncoding, ValueError) as error:
        raise InvalidEncoding(
            f"{text[:80]!r} is no CID that is served here ({error}): give one of raw, dag-pb or "
            "dag-cbor with sha2-256, best in base32 (b…)",
            field="cid",
        ) from None


def _read(text: str) -> Cid:
    if text.startswith("Qm") and len(text) == _VERSION_0_LENGTH:
        multihash = _positional(text, _BASE58)
        if multihash[:2] != _VERSION_0 or len(multihash) != 2 + DIGEST_BYTES:
            raise InvalidEncoding("not a CID of version 0")
        return Cid(bytes((1, DAG_PB)) + multihash)
    base, rest = text[:1], text[1:]
    if base == "b":
        return parse_cid(text)
    if base == "B":
        return parse_cid(text.lower())
    if base == "z":
        return Cid(_positional(rest, _BASE58))
    if base in "kK":
        return Cid(_positional(rest.lower(), _BASE36))
    if base in "fF":
        return Cid(base64.b16decode(rest, casefold=True))
    raise InvalidEncoding("unknown multibase")


def _positional(text: str, alphabet: str) -> bytes:
    """The bytes that a number in some base stands for; CIDs begin with no zero byte."""
    number = 0
    for character in text:
        number = number * len(alphabet) + alphabet.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
