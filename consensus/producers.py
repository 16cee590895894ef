"""Producer sets: who may produce and vote in a dynasty (FINALITY: words)."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from consensus.codec import encode
from consensus.errors import InvalidEncoding
from consensus.hashing import sha256
from consensus.kinds import AccountId, PublicKey
from consensus.record import Record, part

MAX_PRODUCERS = 21
MIN_PRODUCERS = 4


@part
class Member(Record):
    """A seat: the producer's account id and its consensus key."""

    producer: AccountId
    key: PublicKey


@dataclass(frozen=True)
class ProducerSet:
    """The members of a dynasty in ascending order of producer id; all weigh the same."""

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        ids = [member.producer for member in self.members]
        if not MIN_PRODUCERS <= len(ids) <= MAX_PRODUCERS:
            raise InvalidEncoding(
                f"a set has {MIN_PRODUCERS} to {MAX_PRODUCERS} producers, not {len(ids)}"
            )
        if any(low >= high for low, high in pairwise(ids)):
            raise InvalidEncoding("producers must be distinct and in order of their ids")
        if len({member.key for member in self.members}) != len(ids):
            raise InvalidEncoding("two producers share a consensus key")

    @cached_property
    def hash(self) -> bytes:
        """set_hash: SHA-256 of the encoding of [[producer id, consensus key]…]."""
        return sha256(encode([member.pack() for member in self.members]))

    @property
    def max_faulty(self) -> int:
        """f = floor((n - 1) / 3)."""
        return (len(self.members) - 1) // 3

    @cached_property
    def quorum(self) -> int:
        """q = n - f."""
        return len(self.members) - self.max_faulty

    @cached_property
    def index(self) -> dict[bytes, int]:
        """Each producer id's place in the set, which is its bit in certificates."""
        return {member.producer: i for i, member in enumerate(self.members)}

    @cached_property
    def place_of_key(self) -> dict[bytes, int]:
        """The place in the set of each consensus key."""
        return {member.key: i for i, member in enumerate(self.members)}

    def key_of(self, producer: bytes) -> bytes | None:
        """The consensus key of a producer, or None if it is not a member."""
        place = self.index.get(producer)
        return None if place is None else self.members[place].key


def producer_set(members: list[Member]) -> ProducerSet:
    """The set of these members, sorted."""
    return ProducerSet(tuple(sorted(members, key=lambda member: member.producer)))
