"""A file's segment tree: a SHA-256 root over its bytes in segments of 1 KiB, so that one segment
with a short path shows that somebody has it (ECONOMIES T12).

The shape is that of RFC 6962 section 2.1. A segment hashes to H(0x02 ‖ segment), an inner node to
H(0x03 ‖ left ‖ right): no list of the chain (`consensus.merkle`) has the root of a file, and no
inner node passes for a segment. The last segment is as short as the file leaves it.

256 segments are a group: its hash is a node of the tree. Who keeps the hashes of a file's groups,
an 8192th of its bytes, proves any segment by reading one group.
"""

from collections.abc import Sequence
from typing import Annotated

from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.kinds import JSON_INTEGER_MAX, Bytes, Digest
from consensus.record import AtMost, Record, part

SEGMENT_BYTES = 1_024
GROUP_SEGMENTS = 256
GROUP_BYTES = GROUP_SEGMENTS * SEGMENT_BYTES
MAX_PATH = (JSON_INTEGER_MAX // SEGMENT_BYTES).bit_length()

SegmentBytes = Annotated[bytes, Bytes(SEGMENT_BYTES, 1)]


@part
class SegmentProof(Record):
    """A segment, and the hashes beside its way up to the root, from the segment upwards."""

    segment: SegmentBytes
    path: Annotated[tuple[Digest, ...], AtMost(MAX_PATH)]


def segment_count(size: int) -> int:
    """How many segments a file of `size` bytes has, which is at least 1."""
    return -(-size // SEGMENT_BYTES)


def verify_segment(root: bytes, size: int, index: int, proof: SegmentProof) -> None:
    """Raise InvalidProof unless the file of `size` bytes with this root has the proof's segment at
    `index` (RFC 9162 section 2.1.3.2)."""
    last = segment_count(size) - 1
    if not 0 <= index <= last:
        raise InvalidProof(f"a file of {size} bytes has no segment {index}", field="index")
    length = SEGMENT_BYTES if index < last else size - last * SEGMENT_BYTES
    if len(proof.segment) != length:
        raise InvalidProof(
            f"segment {index} has {length} bytes, not {len(proof.segment)}", field="segment"
        )
    node, used = segment_hash(proof.segment), 0
    while last:
        if index & 1 or index < last:
            if used == len(proof.path):
                raise InvalidProof("too short", field="path")
            sibling = proof.path[used]
            node = _inner_hash(sibling, node) if index & 1 else _inner_hash(node, sibling)
            used += 1
        index >>= 1
        last >>= 1
    if used != len(proof.path):
        raise InvalidProof(f"{len(proof.path) - used} hashes too many", field="path")
    if node != root:
        raise InvalidProof("the segment's path does not lead to the root", field="path")


class GroupTree:
    """A file's segment tree above its groups, from their hashes in order: there is one at least."""

    def __init__(self, groups: Sequence[bytes]) -> None:
        self._levels = _levels_above(groups)

    @property
    def root(self) -> bytes:
        """The file's root."""
        return self._levels[-1][0]

    def prove(self, index: int, group: bytes) -> SegmentProof:
        """The proof of the segment at `index`, from the bytes of the group that holds it. Raises
        IndexError if there is no such segment."""
        number, place = divmod(index, GROUP_SEGMENTS)
        if not 0 <= number < len(self._levels[0]) or place * SEGMENT_BYTES >= len(group):
            raise IndexError(f"no segment {index} here")
        segment = group[place * SEGMENT_BYTES : (place + 1) * SEGMENT_BYTES]
        inside = _levels_above(_segment_hashes(group))
        return SegmentProof(segment, (*_path(inside, place), *_path(self._levels, number)))


class SegmentHasher:
    """Computes a file's root from bytes as they come, in memory of one group and a hash a level.

    `feed` and `finish` give the hashes of the groups that are complete, for who wants to keep them.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._size = 0
        self._groups = 0
        self._nodes: list[bytes] = []  # of the complete subtrees, the largest first

    @property
    def size(self) -> int:
        """The bytes so far."""
        return self._size

    @property
    def root(self) -> bytes:
        """The root; only after `finish`, and of one byte at least."""
        if self._rest or not self._nodes:
            raise ValueError("the file is empty or not finished")
        node, *lower = reversed(self._nodes)
        for left in lower:
            node = _inner_hash(left, node)
        return node

    def feed(self, data: bytes) -> list[bytes]:
        """The hashes of the groups that these bytes complete."""
        self._size += len(data)
        self._rest += data
        whole = len(self._rest) - len(self._rest) % GROUP_BYTES
        found = [
            self._add_group(bytes(self._rest[start : start + GROUP_BYTES]))
            for start in range(0, whole, GROUP_BYTES)
        ]
        del self._rest[:whole]
        return found

    def finish(self) -> list[bytes]:
        """The hash of the last group if it is a shorter one."""
        found = [self._add_group(bytes(self._rest))] if self._rest else []
        self._rest.clear()
        return found

    def _add_group(self, group: bytes) -> bytes:
        node = top = group_hash(group)
        self._groups += 1
        count = self._groups
        while not count & 1:
            node = _inner_hash(self._nodes.pop(), node)
            count >>= 1
        self._nodes.append(node)
        return top


def group_hash(group: bytes) -> bytes:
    """The hash of a group, from its 1 to GROUP_BYTES bytes."""
    return _levels_above(_segment_hashes(group))[-1][0]


def segment_hash(segment: bytes) -> bytes:
    """The hash of a segment."""
    return sha256(b"\x02" + segment)


def _inner_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x03" + left + right)


def _segment_hashes(group: bytes) -> list[bytes]:
    return [
        segment_hash(group[start : start + SEGMENT_BYTES])
        for start in range(0, len(group), SEGMENT_BYTES)
    ]


def _levels_above(nodes: Sequence[bytes]) -> list[list[bytes]]:
    """These nodes and all above them, level by level up to the one that has all below it."""
    levels = [list(nodes)]
    while len(level := levels[-1]) > 1:
        pairs = [_inner_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        levels.append(pairs + level[-1:] if len(level) % 2 else pairs)
    return levels


def _path(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The siblings on the way from a node of the lowest level up."""
    siblings = [(level, (index >> height) ^ 1) for height, level in enumerate(levels[:-1])]
    return [level[place] for level, place in siblings if place < len(level)]
