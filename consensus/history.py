"""The history of a chain in a few hashes: a Merkle tree over the ids of its blocks, by height.

The tree is that of consensus/merkle.py (RFC 6962). Of a tree that only grows at its end, the
roots of its complete subtrees are enough to go on: one for each bit of the number of items, the
largest first. So each state can commit to every block below it, and any of them, however old, is
shown against a new header.
"""

from typing import Annotated, Self

from consensus.cid import Cid
from consensus.hashing import sha256
from consensus.kinds import Counter, Digest
from consensus.merkle import inner_hash, leaf_hash
from consensus.record import AtMost, Record, part

MAX_PEAKS = 53


@part
class History(Record):
    """The ids of the blocks of heights 0 to `blocks` - 1; `peaks` are the roots of the complete
    subtrees that they make, one for each bit of `blocks`, the largest first."""

    blocks: Counter
    peaks: Annotated[tuple[Digest, ...], AtMost(MAX_PEAKS)]

    def append(self, block_id: Cid) -> Self:
        """The history that goes on with this block."""
        node, peaks, count = leaf_hash(block_id.binary), list(self.peaks), self.blocks
        while count & 1:
            node = inner_hash(peaks.pop(), node)
            count >>= 1
        return type(self)(self.blocks + 1, (*peaks, node))

    @property
    def root(self) -> bytes:
        """The root of the tree (RFC 6962 section 2.1) over all ids."""
        if not self.peaks:
            return sha256(b"")
        *larger, node = self.peaks
        for peak in reversed(larger):
            node = inner_hash(peak, node)
        return node


NO_HISTORY = History(0, ())
