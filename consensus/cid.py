"""Content identifiers: CIDv1 over SHA-256, in exactly one binary and one text spelling."""

import base64

from msgspec import Struct

from consensus.errors import InvalidEncoding
from consensus.hashing import DIGEST_BYTES, sha256

RAW = 0x55
DAG_PB = 0x70
DAG_CBOR = 0x71
CODEC_NAMES = {RAW: "raw", DAG_PB: "dag-pb", DAG_CBOR: "dag-cbor"}

_VERSION = 0x01
_SHA2_256 = 0x12
CID_BYTES = 4 + DIGEST_BYTES
_TEXT_LENGTH = 59


class Cid(Struct, frozen=True, order=True):
    """A CIDv1: `0x01 codec 0x12 0x20 digest`, 36 bytes (multiformats CID specification).

    Only the codecs raw, dag-pb and dag-cbor and the hash sha2-256 exist on this chain.
    Ordered by bytes. Raises InvalidEncoding for any other bytes.
    """

    binary: bytes

    def __post_init__(self) -> None:
        data = self.binary
        if len(data) != CID_BYTES:
            raise InvalidEncoding(f"a CID here has {CID_BYTES} bytes, not {len(data)}")
        if data[0] != _VERSION or data[2] != _SHA2_256 or data[3] != DIGEST_BYTES:
            raise InvalidEncoding("not a CIDv1 with a sha2-256 multihash")
        if data[1] not in CODEC_NAMES:
            raise InvalidEncoding(f"unknown CID codec 0x{data[1]:02x}; raw, dag-pb or dag-cbor")

    @property
    def codec(self) -> int:
        """The multicodec number of the content: RAW, DAG_PB or DAG_CBOR."""
        return self.binary[1]

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the content, 32 bytes."""
        return self.binary[4:]

    def __str__(self) -> str:
        return "b" + base64.b32encode(self.binary).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return f"Cid({self})"


def cid_of(codec: int, content: bytes) -> Cid:
    """The CID of the bare bytes `content` under `codec`."""
    return Cid(bytes((_VERSION, codec, _SHA2_256, DIGEST_BYTES)) + sha256(content))


def parse_cid(text: str) -> Cid:
    """Read the canonical text form: multibase `b`, lower-case base32, no padding.

    Raises InvalidEncoding for every other spelling, also of a valid CID (upper case, other
    bases, CIDv0, stray trailing bits).
    """
    if not text.isascii() or not text.startswith("b") or len(text) != _TEXT_LENGTH:
        raise InvalidEncoding(
            f"not a CID in the accepted spelling: 'b' and 58 base32 characters, got {text[:80]!r}"
        )
    if not text.isalnum() or text != text.lower():
        raise InvalidEncoding("a CID is spelled in lower-case base32")
    try:
        cid = Cid(base64.b32decode(text[1:].upper() + "======"))
    except ValueError as error:
        raise InvalidEncoding("a CID is spelled in base32: a-z and 2-7") from error
    if str(cid) != text:
        raise InvalidEncoding("the CID's last character has stray bits; spell it canonically")
    return cid
