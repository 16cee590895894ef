"""Who produces in which slot: one permutation of the set an epoch (DESIGN section 3).

Exactly, with H = SHA-256 and all integers big-endian:

- epoch = floor(slot / epoch_slots).
- seed = H(encoding of ["schedule", 1, beacon, epoch, dynasty]); the beacon is the one after the
  parent of the epoch's first block on this chain, the dynasty is the parent's.
- The stream is H(seed ‖ uint64 0) ‖ H(seed ‖ uint64 1) ‖ …, read as uint32 words.
- below(k) takes words until one is less than the largest multiple of k that is ≤ 2^32, and is
  that word mod k: every value is equally likely.
- order = [0, …, n-1]; for i = n-1 down to 1: j = below(i + 1), swap order[i] and order[j].
- The producer of a slot is the member at place order[(slot - epoch · epoch_slots) mod n] of the
  set sorted by producer id.
"""

from collections.abc import Iterator
from functools import lru_cache

from consensus.codec import encode
from consensus.hashing import sha256
from consensus.producers import MAX_PRODUCERS, ProducerSet

# Three producers in a row from one permutation end a stall (FINALITY: Timing), within 2n + 1
# slots when an epoch holds at least three rounds.
MIN_EPOCH_ROUNDS = 3
DEFAULT_EPOCH_ROUNDS = 6
DEFAULT_EPOCH_SLOTS = DEFAULT_EPOCH_ROUNDS * MAX_PRODUCERS
if DEFAULT_EPOCH_ROUNDS < MIN_EPOCH_ROUNDS:
    raise ValueError("the default epoch is shorter than the shortest")

# One order serves every block of an epoch on a branch; few branches matter at a time.
ORDERS_KEPT = 256
_WORD_BYTES = 4
_WORDS = 2 ** (8 * _WORD_BYTES)


def min_epoch_slots(producers: int) -> int:
    """The fewest slots that an epoch may have in a chain of up to so many producers."""
    return MIN_EPOCH_ROUNDS * producers


def epoch_of(slot: int, epoch_slots: int) -> int:
    """The epoch that a slot lies in; slot 0 begins epoch 0."""
    return slot // epoch_slots


def schedule_seed(beacon: bytes, epoch: int, dynasty: int) -> bytes:
    """The seed of an epoch's permutation for a dynasty's set."""
    return sha256(encode(["schedule", 1, beacon, epoch, dynasty]))


def schedule(producers: ProducerSet, beacon: bytes, epoch: int, dynasty: int) -> tuple[int, ...]:
    """The places in the set in the order in which the members produce, repeated all epoch."""
    return _order(len(producers.members), beacon, epoch, dynasty)


def producer_at(order: tuple[int, ...], slot: int, epoch_slots: int) -> int:
    """The place in the set of the slot's producer, given the order of the slot's epoch."""
    return order[slot % epoch_slots % len(order)]


@lru_cache(maxsize=ORDERS_KEPT)
def _order(count: int, beacon: bytes, epoch: int, dynasty: int) -> tuple[int, ...]:
    return shuffle(count, schedule_seed(beacon, epoch, dynasty))


def shuffle(count: int, seed: bytes) -> tuple[int, ...]:
    """An unbiased permutation of 0 … count-1 (Fisher–Yates over the stream of `seed`)."""
    order = list(range(count))
    words = _words(seed)
    for i in range(count - 1, 0, -1):
        j = _below(i + 1, words)
        order[i], order[j] = order[j], order[i]
    return tuple(order)


def _words(seed: bytes) -> Iterator[int]:
    counter = 0
    while True:
        block = sha256(seed + counter.to_bytes(8, "big"))
        for start in range(0, len(block), _WORD_BYTES):
            yield int.from_bytes(block[start : start + _WORD_BYTES], "big")
        counter += 1


def _below(bound: int, words: Iterator[int]) -> int:
    limit = _WORDS - _WORDS % bound
    return next(word for word in words if word < limit) % bound
