"""What a node says that it holds: provider records, signed by its identity (sans-I/O)."""

from itertools import pairwise
from typing import Annotated

from consensus.cid import Cid
from consensus.codec import encode
from consensus.errors import InvalidEncoding
from consensus.keys import KeyPair, check_signature
from consensus.kinds import Bytes, Counter, Digest, PublicKey, Signature, Uint
from consensus.record import AtMost, Record, part, record

MAX_HOPS = 15  # over so many nodes a provider is reached at most
MAX_ROOTS = 1_024
MAX_PROVIDERS = 256
MAX_RECORD_BYTES = 41 * MAX_ROOTS + 256
LIFE_MS = 30 * 60 * 1000
EARLY_MS = 60 * 1000  # by how much the maker's clock may be ahead


@record("provider")
class ProviderRecord(Record):
    """The files that a node holds whole, by their roots in strict order, and how many bytes of
    replicas it still takes (0: it takes none). Of one node's records the one that was made last
    counts (`made_ms`, Unix milliseconds of the maker's clock), for LIFE_MS."""

    chain: Digest
    peer: PublicKey
    made_ms: Counter
    room_bytes: Counter
    roots: Annotated[tuple[Cid, ...], AtMost(MAX_ROOTS)]
    signature: Signature

    def check(self, chain: bytes) -> None:
        """Raise InvalidSignature or InvalidEncoding for a record that nobody may pass on."""
        if self.chain != chain:
            raise InvalidEncoding("is of another chain", field="chain")
        if any(first >= second for first, second in pairwise(self.roots)):
            raise InvalidEncoding("roots must be distinct and in order", field="roots")
        check_signature(self.peer, _message(self), self.signature, field="signature")

    def is_timely(self, now_ms: int) -> bool:
        """Whether it counts now."""
        return now_ms - LIFE_MS < self.made_ms <= now_ms + EARLY_MS


@part
class KnownProvider(Record):
    """Whose record somebody has, when that was made, and over how many nodes the sender reaches
    the provider: 0 is itself, 1 a neighbour."""

    peer: PublicKey
    made_ms: Counter
    hops: Annotated[int, Uint(MAX_HOPS)]


@part
class CarriedProvider(Record):
    """An encoded provider record, and over how many nodes its sender reaches the provider."""

    hops: Annotated[int, Uint(MAX_HOPS)]
    record: Annotated[bytes, Bytes(MAX_RECORD_BYTES)]


def sign_provider(
    key: KeyPair, chain: bytes, made_ms: int, room_bytes: int, roots: tuple[Cid, ...]
) -> ProviderRecord:
    """The record of the node with this identity; `roots` in strict order."""
    unsigned = ProviderRecord(chain, key.public, made_ms, room_bytes, roots, bytes(64))
    signature = key.sign(_message(unsigned))
    return ProviderRecord(chain, key.public, made_ms, room_bytes, roots, signature)


def _message(provider: ProviderRecord) -> bytes:
    """The encoding without the signature."""
    return encode(provider.pack()[:-1])
