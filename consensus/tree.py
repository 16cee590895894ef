# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""The state tree: a sparse Merkle tree that commits to every row of the state (DESIGN section 5).

**Hashing** (normative; all hashes are SHA-256, 32 bytes). A row's path is H(key). Bit i of a
path, for i from 0 to 255, is bit 7 - i mod 8 of byte i // 8: most significant bit first. Depth
counts bits from the root, which is at depth 0; the left child's next bit is 0. A subtree hashes
to

- 32 zero bytes, if it holds no row;
- H(0x00 ‖ path ‖ H(value)), if it holds exactly one row, however deep it would lie;
- H(0x01 ‖ left ‖ right) otherwise.

So the root is a function of the set of rows alone: neither order nor deleted rows leave a trace.
Proofs of rows are in tree_proof.py, those of all rows under a prefix in tree_range.py.

**Pages** (of this machine's database only; no other node sees them). Four levels make a page,
named by its position: the path's first nibbles (most significant first), one byte of 0 to 15
each, empty for the root page. A page's bytes are two 16-bit big-endian masks, most significant
bit for slot 0, and the occupied slots in order:

    occupied mask ‖ leaf mask ‖ (leaf: path ‖ H(value), 64 bytes | inner: hash, 32 bytes)…

An inner slot stands for the page at position ‖ slot, a leaf slot for the only row below it. A
page exists exactly if its subtree holds two rows or more, the root page if there is any row; so
the pages, too, are a function of the set of rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from consensus.hashing import DIGEST_BYTES, ZERO_DIGEST, sha256

ReadPage = Callable[[bytes], bytes | None]

PATH_BITS = 8 * DIGEST_BYTES
ROOT_POSITION = b""
EMPTY_ROOT = ZERO_DIGEST

_SLOTS = 16
_MASK_BYTES = 2
_INNER_BYTES = DIGEST_BYTES
_LEAF_BYTES = 2 * DIGEST_BYTES
_MAX_POSITION = PATH_BITS // 4 - 1

# A node is b"" (empty), a leaf (path and value hash, 64 bytes) or an inner hash (32 bytes).
_Changes = Sequence[tuple[bytes, bytes | None]]


class DamagedTree(Exception):
    """A stored page is missing or malformed: the database is damaged."""


@dataclass(frozen=True, slots=True)
class TreeUpdate:
    """What a set of changes makes of a tree.

    `root` is the new root; `pages` holds the new bytes of each page that changed, by position,
    None for a page that is gone.
    """

    root: bytes
    pages: dict[bytes, bytes | None]


@dataclass(slots=True)
class Subtree:
    """A subtree of a stored tree: the slots of the page at `position` from the slot `first` on,
    a power of two."""

    read_page: ReadPage
    position: bytes
    first: int
    slots: list[bytes]

    @classmethod
    def whole(cls, read_page: ReadPage) -> Self:
        """The whole tree; raises DamagedTree, as `halves` does."""
        slots = _split(ROOT_POSITION, read_page(ROOT_POSITION))
        return cls(read_page, ROOT_POSITION, 0, slots)

    @property
    def leaf(self) -> bytes | None:
        """Path and value hash of the only row, b"" if there is none; None if there are more."""
        nodes = list(filter(None, self.slots))
        if not nodes:
            return b""
        return nodes[0] if len(nodes) == 1 and len(nodes[0]) == _LEAF_BYTES else None

    @property
    def hash(self) -> bytes:
        """The subtree's hash."""
        return _node_hash(_node_above(self.slots))

    def halves(self) -> tuple[Self, Self]:
        """The left and the right half of a subtree of two rows or more."""
        position, first, slots = self.position, self.first, self.slots
        if len(slots) == 1:
            position, first = position + bytes((first,)), 0
            slots = _split(position, _stored(self.read_page, position))
        middle = len(slots) // 2
        left = type(self)(self.read_page, position, first, slots[:middle])
        return left, type(self)(self.read_page, position, first + middle, slots[middle:])


def key_path(key: bytes) -> bytes:
    """The path of a row: SHA-256 of its key."""
    return sha256(key)


def root(read_page: ReadPage) -> bytes:
    """The root of the stored tree."""
    return Subtree.whole(read_page).hash


def update(read_page: ReadPage, changes: Mapping[bytes, bytes | None]) -> TreeUpdate:
    """The tree after `changes`: path → hash of the new value, or None to delete the row.

    Reads each page on the way of a change once and writes nothing: the caller stores the
    returned pages. Deleting an absent row and writing the present value change nothing. The
    work is in proportion to the pages touched; recursion is at most 64 deep. Raises
    DamagedTree.
    """
    for path, value_hash in changes.items():
        if len(path) != DIGEST_BYTES or (
            value_hash is not None and len(value_hash) != DIGEST_BYTES
        ):
            raise ValueError("paths and value hashes have 32 bytes")
    pages: dict[bytes, bytes | None] = {}
    stored = read_page(ROOT_POSITION)
    node = _change_page(read_page, pages, ROOT_POSITION, stored, tuple(changes.items()))
    return TreeUpdate(_node_hash(node), pages)


def read_way(read_page: ReadPage, path: bytes) -> None:
    """Read the pages that an update at `path` reads, for whoever keeps what was read."""
    position = ROOT_POSITION
    while (page := read_page(position)) is not None:
        slot = _nibble(path, len(position))
        masks = int.from_bytes(page[: 2 * _MASK_BYTES], "big")
        is_used, is_leaf = masks >> (31 - slot) & 1, masks >> (15 - slot) & 1
        if is_leaf or not is_used:
            return
        position += bytes((slot,))


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a subtree of one row: `leaf` is its path and the hash of its value."""
    return sha256(b"\x00" + leaf)


def inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a subtree of two rows or more, from those of its halves."""
    return sha256(b"\x01" + left + right)


def _change_page(
    read_page: ReadPage,
    pages: dict[bytes, bytes | None],
    position: bytes,
    stored: bytes | None,
    changes: _Changes,
) -> bytes:
    """The node that stands for the page at `position` after `changes`; notes changed pages."""
    if len(position) > _MAX_POSITION:  # rows in their places have parted by here
        raise DamagedTree(f"the state tree has a row beside its place at {position[:-1].hex()}")
    slots = _split(position, stored)
    groups: dict[int, list[tuple[bytes, bytes | None]]] = {}
    for change in changes:
        groups.setdefault(_nibble(change[0], len(position)), []).append(change)
    for nibble, group in groups.items():
        below = position + bytes((nibble,))
        slots[nibble] = _change_slot(read_page, pages, below, slots[nibble], group)
    node = _node_above(slots)
    collapses = len(node) != _INNER_BYTES and (not node or position != ROOT_POSITION)
    page = None if collapses else _join(slots)
    if page != stored:
        pages[position] = page
    return node


def _change_slot(
    read_page: ReadPage,
    pages: dict[bytes, bytes | None],
    position: bytes,
    node: bytes,
    changes: _Changes,
) -> bytes:
    """The node that `changes` make of a slot; `position` is its page's, should it have one."""
    if len(node) == _INNER_BYTES:
        stored = _stored(read_page, position)
        return _change_page(read_page, pages, position, stored, changes)
    leaves = {node[:DIGEST_BYTES]: node[DIGEST_BYTES:]} if node else {}
    for path, value_hash in changes:
        if value_hash is None:
            leaves.pop(path, None)
        else:
            leaves[path] = value_hash
    if len(leaves) > 1:
        return _change_page(read_page, pages, position, None, tuple(leaves.items()))
    return b"".join(path + value_hash for path, value_hash in leaves.items())


def _stored(read_page: ReadPage, position: bytes) -> bytes:
    page = read_page(position)
    if page is None or len(position) > _MAX_POSITION:
        raise DamagedTree(f"the state tree lacks its page {position.hex()}")
    return page


def _split(position: bytes, page: bytes | None) -> list[bytes]:
    """The 16 slots of a page, as nodes; all empty for a page that does not exist."""
    slots = [b""] * _SLOTS
    if page is None:
        return slots
    masks = int.from_bytes(page[: 2 * _MASK_BYTES], "big")
    start = 2 * _MASK_BYTES
    for nibble in range(_SLOTS):
        if masks >> (31 - nibble) & 1:
            size = _LEAF_BYTES if masks >> (15 - nibble) & 1 else _INNER_BYTES
            slots[nibble] = page[start : start + size]
            start += size
    if start != len(page) or start == 2 * _MASK_BYTES:
        raise DamagedTree(f"the state tree's page {position.hex()} is malformed")
    return slots


def _join(slots: list[bytes]) -> bytes:
    """The bytes of a page."""
    masks = 0
    for nibble, node in enumerate(slots):
        if node:
            masks |= 1 << (31 - nibble)
            if len(node) == _LEAF_BYTES:
                masks |= 1 << (15 - nibble)
    return masks.to_bytes(2 * _MASK_BYTES, "big") + b"".join(slots)


def _node_above(slots: list[bytes]) -> bytes:
    """The node above some slots of a page, a power of two."""
    while len(slots) > 1:
        above: list[bytes] = []
        for i in range(0, len(slots), 2):
            left, right = slots[i], slots[i + 1]
            if not right and len(left) != _INNER_BYTES:
                above.append(left)
            elif not left and len(right) != _INNER_BYTES:
                above.append(right)
            else:
                above.append(inner_hash(_node_hash(left), _node_hash(right)))
        slots = above
    return slots[0]


def _node_hash(node: bytes) -> bytes:
    if len(node) == _LEAF_BYTES:
        return leaf_hash(node)
    return node or ZERO_DIGEST


def _nibble(path: bytes, index: int) -> int:
    """Nibble `index` of a path, most significant first."""
    byte = path[index >> 1]
    return byte & 15 if index & 1 else byte >> 4
