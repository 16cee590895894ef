"""Certificates: a quorum of a producer set's votes for one block (FINALITY: header fields).

The bytes are a bitmap of the set and the votes' signatures: ceil(n / 8) bytes in which member i
of the sorted set is the bit of value 2^(i mod 8) in byte floor(i / 8), bits n and above zero;
then the 64-byte signature of each member whose bit is set, in set order, and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from consensus.block import vote_message
from consensus.cid import Cid
from consensus.errors import InvalidBlock, InvalidSignature
from consensus.keys import verifies
from consensus.kinds import SIGNATURE_BYTES
from consensus.producers import ProducerSet

# Whether (public key, message, signature) verifies: libsodium, or a cache in front of it.
Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]


def certificate_bytes(producers: ProducerSet, signatures: Mapping[int, bytes]) -> bytes:
    """The certificate of these signatures, by place in the set; they are not verified here.

    Raises ValueError for a place outside the set or a signature of another length.
    """
    bitmap = bytearray(_bitmap_bytes(producers))
    for place, signature in signatures.items():
        if not 0 <= place < len(producers.members):
            raise ValueError(f"the set has no member {place}")
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError(f"a signature has {SIGNATURE_BYTES} bytes")
        bitmap[place >> 3] |= 1 << (place & 7)
    return bytes(bitmap) + b"".join(signatures[place] for place in sorted(signatures))


def split_certificate(data: bytes, producers: ProducerSet, *, field: str) -> dict[int, bytes]:
    """The signatures by place, in set order, not verified.

    Raises InvalidBlock, naming `field`, unless the shape is exact and a quorum is present.
    """
    size = _bitmap_bytes(producers)
    bitmap = int.from_bytes(data[:size], "little")
    if bitmap >> len(producers.members):
        raise InvalidBlock("the bitmap's padding bits must be zero", field=field)
    places = [place for place in range(len(producers.members)) if bitmap >> place & 1]
    if len(places) < producers.quorum:
        raise InvalidBlock(
            f"{len(places)} votes where the quorum is {producers.quorum}", field=field
        )
    if len(data) != size + SIGNATURE_BYTES * len(places):
        raise InvalidBlock(
            f"{len(data)} bytes do not hold exactly {len(places)} signatures", field=field
        )
    starts = range(size, len(data), SIGNATURE_BYTES)
    return {
        place: data[start : start + SIGNATURE_BYTES]
        for place, start in zip(places, starts, strict=True)
    }


def check_certificate(
    data: bytes,
    producers: ProducerSet,
    chain: bytes,
    block_id: Cid,
    *,
    field: str,
    verify: Verify = verifies,
) -> tuple[int, ...]:
    """The places of the members that voted for the block, ascending: a quorum, all verified.

    Raises InvalidBlock (shape, quorum) or InvalidSignature, naming `field`. The shape is
    checked before the first signature.
    """
    signatures = split_certificate(data, producers, field=field)
    message = vote_message(chain, block_id)
    for place, signature in signatures.items():
        if not verify(producers.members[place].key, message, signature):
            raise InvalidSignature(
                f"not a vote by member {place}'s consensus key for block {block_id}", field=field
            )
    return tuple(signatures)


def voters(certificate: bytes, producers: ProducerSet) -> tuple[bytes, ...]:
    """The producer ids of those whose votes a verified certificate holds, in order; none of an
    empty one, which a block carries that names no newer target than its parent.

    Raises InvalidBlock if it is not one of this set.
    """
    if not certificate:
        return ()
    places = split_certificate(certificate, producers, field="body.certificate")
    return tuple(producers.members[place].producer for place in places)


def _bitmap_bytes(producers: ProducerSet) -> int:
    return (len(producers.members) + 7) // 8
