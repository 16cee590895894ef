"""All rows of a range, proved against a state root (docs/protocol.md section 7).

A range is the rows whose paths begin with the bits of a prefix: a subtree of the state tree. Its
rows give its hash, and the siblings on the way up to the root show that it is this subtree, so
none of its rows can be missing, added or changed. Ranges whose prefixes cover all paths hold the
whole state.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from consensus.errors import InvalidEncoding, InvalidProof
from consensus.hashing import DIGEST_BYTES, ZERO_DIGEST, sha256
from consensus.kinds import Bytes, Digest, Uint
from consensus.record import AtMost, Record, part, record
from consensus.tree import PATH_BITS, ReadPage, Subtree, inner_hash, key_path, leaf_hash

MAX_PREFIX_BITS = PATH_BITS - 1


@part
class Prefix(Record):
    """The first `depth` bits of paths, most significant first; unused bits of `bits` are zero.

    Making one that breaks this raises InvalidEncoding.
    """

    depth: Annotated[int, Uint(MAX_PREFIX_BITS)]
    bits: Annotated[bytes, Bytes(DIGEST_BYTES)]

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= MAX_PREFIX_BITS:
            raise InvalidEncoding(f"a prefix has 0 to {MAX_PREFIX_BITS} bits", field="depth")
        if len(self.bits) != (self.depth + 7) // 8:
            raise InvalidEncoding(f"not as many bytes as {self.depth} bits take", field="bits")
        if int.from_bytes(self.bits, "big") & ((1 << -self.depth % 8) - 1):
            raise InvalidEncoding("the unused bits are not zero", field="bits")

    @property
    def first(self) -> int:
        """The first path of the range, as a number."""
        return int.from_bytes(self.bits, "big") << (PATH_BITS - 8 * len(self.bits))

    @property
    def end(self) -> int:
        """The path after the last one of the range, as a number; may be 2^256."""
        return self.first + (1 << (PATH_BITS - self.depth))

    def holds(self, path: bytes) -> bool:
        """Whether a path begins with this prefix."""
        return self.first <= int.from_bytes(path, "big") < self.end

    def halves(self) -> tuple["Prefix", "Prefix"]:
        """The two prefixes that are one bit longer; raises InvalidEncoding at the longest."""
        depth = self.depth + 1
        size = (depth + 7) // 8
        left = self.bits.ljust(size, b"\x00")
        right = int.from_bytes(left, "big") | 1 << (8 * size - depth)
        return Prefix(depth, left), Prefix(depth, right.to_bytes(size, "big"))


WHOLE = Prefix(0, b"")


@record("range-proof")
class RangeProof(Record):
    """Shows that a range is a subtree of the tree with a given root.

    Bit i of `bitmap` (most significant first, as many as the prefix has, padded with zeros) is
    set if the sibling at depth i + 1 holds any row; `siblings` are these siblings' hashes from
    the root downwards.
    """

    bitmap: Annotated[bytes, Bytes(DIGEST_BYTES)]
    siblings: Annotated[tuple[Digest, ...], AtMost(MAX_PREFIX_BITS)]


def prove_range(read_page: ReadPage, prefix: Prefix) -> RangeProof:
    """The proof of all rows under `prefix`.

    There is one if the prefix is empty or the prefix without its last bit holds two rows or
    more: raises ValueError if not. Raises DamagedTree if the stored tree is damaged.
    """
    bits, size = 0, len(prefix.bits)
    siblings: list[bytes] = []
    subtree = Subtree.whole(read_page)
    for depth in range(prefix.depth):
        if subtree.leaf is not None:
            raise ValueError(f"fewer than two rows under the first {depth} bits of the prefix")
        subtrees = subtree.halves()
        side = prefix.bits[depth // 8] >> (7 - depth % 8) & 1
        subtree = subtrees[side]
        if (sibling := subtrees[1 - side].hash) != ZERO_DIGEST:
            bits |= 1 << (8 * size - 1 - depth)
            siblings.append(sibling)
    return RangeProof(bits.to_bytes(size, "big"), tuple(siblings))


def verify_range(
    root: bytes, prefix: Prefix, rows: Sequence[tuple[bytes, bytes]], proof: RangeProof
) -> None:
    """Raise InvalidProof unless `rows` (key, value) are exactly the rows under `prefix` of the
    tree with this root, in ascending order of their paths."""
    leaves = [(key_path(key), sha256(value)) for key, value in rows]
    node = range_hash(prefix, leaves)
    for right, sibling in _siblings(prefix, proof):
        node = inner_hash(sibling, node) if right else inner_hash(node, sibling)
    if node != root:
        raise InvalidProof("the rows and the proof do not lead to the state root")


def range_hash(prefix: Prefix, leaves: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The hash of the subtree under `prefix` that holds exactly `leaves` (path, value hash).

    Raises InvalidProof unless they ascend by path and all lie under the prefix. One pass over
    the leaves, which holds one hash a depth.
    """
    if not leaves:
        return ZERO_DIGEST
    if not (prefix.holds(leaves[0][0]) and prefix.holds(leaves[-1][0])):
        raise InvalidProof("a row lies outside the range", field="rows")
    lefts: list[tuple[int, bytes]] = []
    bits, leaf = -1, b""
    for path, value_hash in leaves:
        following = int.from_bytes(path, "big")
        if following <= bits:
            raise InvalidProof("not in ascending order of their paths", field="rows")
        if leaf:
            parting = PATH_BITS - (bits ^ following).bit_length()
            lefts.append((parting, _joined(lefts, bits, leaf, parting + 1)))
        bits, leaf = following, leaf_hash(path + value_hash)
    return _joined(lefts, bits, leaf, prefix.depth)


def _joined(lefts: list[tuple[int, bytes]], bits: int, leaf: bytes, depth: int) -> bytes:
    """The hash of the subtree at `depth` whose last row is `leaf`, with the path `bits`.

    `lefts` are the left halves, each with the depth of its whole, from which the way to the
    leaf goes right; those at `depth` and below are taken away. On the rest of the way nothing
    lies beside it.
    """
    node, at = leaf, 0  # a subtree of one row has the same hash at any depth
    while True:
        parts = bool(lefts) and lefts[-1][0] >= depth
        top = lefts[-1][0] + 1 if parts else depth
        for above in range(at - 1, top - 1, -1):
            if bits >> (PATH_BITS - 1 - above) & 1:
                node = inner_hash(ZERO_DIGEST, node)
            else:
                node = inner_hash(node, ZERO_DIGEST)
        if not parts:
            return node
        at, left = lefts.pop()
        node = inner_hash(left, node)


def _siblings(prefix: Prefix, proof: RangeProof) -> Iterator[tuple[bool, bytes]]:
    """From the deepest up: whether the way of the prefix goes right, and the sibling there."""
    size = 8 * len(prefix.bits)
    bitmap, spare = int.from_bytes(proof.bitmap, "big"), size - prefix.depth
    if len(proof.bitmap) != len(prefix.bits) or bitmap & ((1 << spare) - 1):
        raise InvalidProof(f"not the {prefix.depth} bits of the prefix", field="bitmap")
    if len(proof.siblings) != bitmap.bit_count():
        raise InvalidProof("not as many as the bitmap has set bits", field="siblings")
    if ZERO_DIGEST in proof.siblings:
        raise InvalidProof("an empty subtree has a bit, not a hash", field="siblings")
    bits, siblings = int.from_bytes(prefix.bits, "big"), list(proof.siblings)
    for place in range(spare, size):
        sibling = siblings.pop() if bitmap >> place & 1 else ZERO_DIGEST
        yield bool(bits >> place & 1), sibling
