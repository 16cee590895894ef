"""Fair draws: what is entered is frozen before anybody can know the beacon that decides (ECONOMIES
section 0).

A draw that is frozen in a block is decided by the beacon of the first block that is 2f + 1 higher
or more, of n producers f = floor((n - 1) / 3). If no more than f of them are silent or collude,
f + 1 different ones at least have made these blocks: none makes two in any n slots of an epoch, and
an epoch that ends between leaves f + 1 blocks on one of its sides. So one reveal at least is
unknown to all who collude. Who makes the last blocks can only withhold them, each for one more try
and at the price of its reward.
"""

from consensus.codec import Wire, encode
from consensus.hashing import sha256
from consensus.producers import MAX_PRODUCERS
from vm.context import BlockContext


def _blocks_between(producers: int) -> int:
    return 2 * ((producers - 1) // 3) + 1


MOST_BLOCKS_BETWEEN = _blocks_between(MAX_PRODUCERS)


def deciding_height(block: BlockContext) -> int:
    """The least height of a block whose beacon decides what is frozen in this one."""
    return block.height + _blocks_between(len(block.members.members))


def draw_seed(draw: str, beacon: bytes, *about: Wire) -> bytes:
    """The seed of one draw: H(enc([draw, 1, beacon, about…])). What is decided by one beacon must
    differ in the draw's name or in what it is about, or it comes out alike."""
    return sha256(encode([draw, 1, beacon, *about]))


def below(seed: bytes, place: int, count: int) -> int:
    """The number at a place, from 0, of a seed's numbers below `count`; one may come twice. It is
    H(seed ‖ place, 4 bytes) modulo count, so that none is likelier than another by over 2^-256."""
    return int.from_bytes(sha256(seed + place.to_bytes(4, "big")), "big") % count


def lot(seed: bytes, entry: bytes) -> bytes:
    """An entry's lot, H(seed ‖ entry): of several the smallest wins, whatever order they are in."""
    return sha256(seed + entry)
