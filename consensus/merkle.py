"""Merkle trees over lists: the roots of a block's transactions, receipts and events.

RFC 6962 section 2.1 with SHA-256: an item hashes to H(0x00 ‖ item), an inner node to
H(0x01 ‖ left ‖ right), where the left part holds the largest power of two items that is smaller
than the whole; the empty list has the root H("").
"""

from collections.abc import Sequence

from consensus.errors import InvalidProof
from consensus.hashing import sha256


def merkle_root(items: Sequence[bytes]) -> bytes:
    """The root of a list."""
    if not items:
        return sha256(b"")
    level = [leaf_hash(item) for item in items]
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def merkle_proof(items: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of the item at `index` (RFC 6962 section 2.1.1), from the item upwards.

    Raises IndexError if there is no such item.
    """
    if not 0 <= index < len(items):
        raise IndexError(f"no item {index} among {len(items)}")
    level = [leaf_hash(item) for item in items]
    path: list[bytes] = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _next_level(level)
        index >>= 1
    return tuple(path)


def verify_merkle(root: bytes, item: bytes, index: int, size: int, proof: Sequence[bytes]) -> None:
    """Raise InvalidProof unless `proof` shows that the list of `size` items with this root has
    `item` at `index` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise InvalidProof(f"a list of {size} items has no item {index}", field="index")
    remaining = list(reversed(proof))
    node = leaf_hash(item)
    last = size - 1
    while last:
        if index & 1 or index < last:
            if not remaining:
                raise InvalidProof("too short", field="proof")
            sibling = remaining.pop()
            node = inner_hash(sibling, node) if index & 1 else inner_hash(node, sibling)
        index >>= 1
        last >>= 1
    if remaining:
        raise InvalidProof(f"{len(remaining)} hashes too many", field="proof")
    if node != root:
        raise InvalidProof("the proof does not lead to the root")


def _next_level(level: list[bytes]) -> list[bytes]:
    pairs = [inner_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + level[-1:] if len(level) % 2 else pairs


def leaf_hash(item: bytes) -> bytes:
    """The hash of an item."""
    return sha256(b"\x00" + item)


def inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two others."""
    return sha256(b"\x01" + left + right)
