"""The state tree: a sparse Merkle tree that commits to every row of the state (DESIGN section 5).

**Hashing** (normative; all hashes are SHA-256, 32 bytes). A row's path is H(key). Bit i of a
path, for i from 0 to 255, is bit 7 - i mod 8 of byte i // 8: most significant bit first. Depth
counts bits from the root, which is at depth 0; the left child's next bit is 0. A subtree hashes
to

- 32 zero bytes, if it holds no row;
- H(0x00 ‖ path ‖ H(value)), if it holds exactly one row, however deep it would lie;
- H(0x01 ‖ left ‖ right) otherwise.

So the root is a function of the set of rows alone: neither order nor deleted rows leave a trace.

**Proofs** (normative). See StateProof and verify.

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
from typing import Annotated

from consensus.errors import InvalidProof
from consensus.hashing import DIGEST_BYTES, ZERO_DIGEST, sha256
from consensus.kinds import Bytes, Digest
from consensus.record import AtMost, Record, part, record

ReadPage = Callable[[bytes], bytes | None]

PATH_BITS = 8 * DIGEST_BYTES
ROOT_POSITION = b""
EMPTY_ROOT = ZERO_DIGEST

_LEVELS = 4
_SLOTS = 1 << _LEVELS
_MASK_BYTES = 2
_INNER_BYTES = DIGEST_BYTES
_LEAF_BYTES = 2 * DIGEST_BYTES
_MAX_POSITION = PATH_BITS // _LEVELS - 1

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


@part
class OtherLeaf(Record):
    """The only row of a subtree, shown to prove that another row is absent."""

    path: Digest
    value_hash: Digest


@record("state-proof")
class StateProof(Record):
    """Shows that a row is, or is not, in the tree with a given root.

    The proof descends from the root along the row's path until the subtree holds no row or one.
    Bit i of `bitmap` (most significant bit of a byte first) is set if the sibling at depth
    i + 1 holds any row; `siblings` are these siblings' hashes from the root downwards. The
    deepest sibling is never empty, so the last set bit of `bitmap` ends the way, and the last
    byte of `bitmap` is not zero. `other` is the only row where the way ends, if that is another
    row than the proved one, else null.
    """

    bitmap: Annotated[bytes, Bytes(DIGEST_BYTES)]
    siblings: Annotated[tuple[Digest, ...], AtMost(PATH_BITS)]
    other: OtherLeaf | None


def key_path(key: bytes) -> bytes:
    """The path of a row: SHA-256 of its key."""
    return sha256(key)


def root(read_page: ReadPage) -> bytes:
    """The root of the stored tree."""
    return _node_hash(_levels(_split(ROOT_POSITION, read_page(ROOT_POSITION)))[0][0])


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


def prove(read_page: ReadPage, path: bytes) -> StateProof:
    """The proof that the row at `path` is present, with its value, or absent.

    Raises DamagedTree.
    """
    siblings: list[bytes] = []
    position = ROOT_POSITION
    levels = _levels(_split(position, read_page(position)))
    while True:
        nibble = _nibble(path, len(position))
        for level in range(_LEVELS):
            node = levels[level][nibble >> (_LEVELS - level)]
            if len(node) != _INNER_BYTES:
                return _proof(path, node, siblings)
            siblings.append(levels[level + 1][nibble >> (_LEVELS - 1 - level) ^ 1])
        node = levels[_LEVELS][nibble]
        if len(node) != _INNER_BYTES:
            return _proof(path, node, siblings)
        position += bytes((nibble,))
        levels = _levels(_split(position, _stored(read_page, position)))


def verify(root: bytes, key: bytes, value: bytes | None, proof: StateProof) -> None:
    """Raise InvalidProof unless `proof` shows that the tree with this root holds exactly `value`
    under `key` (None: no row).

    The way starts at the depth of the last set bit of `bitmap`, plus 1 (0 if there is none),
    with the proved row's hash, or `other`'s, or the empty subtree's, and takes in the siblings
    from the deepest up to the root.
    """
    present = _present(proof)
    path = key_path(key)
    node = _start(path, value, proof.other, len(present))
    bits = int.from_bytes(path, "big")
    siblings = list(proof.siblings)
    for depth in reversed(range(len(present))):
        sibling = siblings.pop() if present[depth] else ZERO_DIGEST
        if bits >> (PATH_BITS - 1 - depth) & 1:
            node = _inner_hash(sibling, node)
        else:
            node = _inner_hash(node, sibling)
    if node != root:
        raise InvalidProof("the proof does not lead to the state root")


def _present(proof: StateProof) -> list[bool]:
    """For each depth of the way, whether the sibling is in the proof."""
    bitmap = proof.bitmap
    if bitmap[-1:] == b"\x00":
        raise InvalidProof("the last byte is zero", field="bitmap")
    bits = int.from_bytes(bitmap, "big")
    size = 8 * len(bitmap)
    present = [bool(bits >> (size - 1 - i) & 1) for i in range(size)]
    while present and not present[-1]:
        present.pop()
    if len(proof.siblings) != sum(present):
        raise InvalidProof(
            f"{len(proof.siblings)} hashes where the bitmap tells {sum(present)}", field="siblings"
        )
    if ZERO_DIGEST in proof.siblings:
        raise InvalidProof("an empty sibling is left out, not listed", field="siblings")
    return present


def _start(path: bytes, value: bytes | None, other: OtherLeaf | None, depth: int) -> bytes:
    """The hash of the subtree at `depth` where the way of the proof ends."""
    if value is not None:
        if other is not None:
            raise InvalidProof("a proof of presence has no other row", field="other")
        return _leaf_hash(path + sha256(value))
    if other is None:
        return ZERO_DIGEST
    apart = int.from_bytes(path, "big") ^ int.from_bytes(other.path, "big")
    if not apart:
        raise InvalidProof("shows that the row is present, not absent", field="other")
    if apart.bit_length() > PATH_BITS - depth:
        raise InvalidProof("lies in another subtree than the absent row", field="other")
    return _leaf_hash(other.path + other.value_hash)


def _proof(path: bytes, node: bytes, siblings: list[bytes]) -> StateProof:
    """The proof that ends at an empty or leaf `node`, from all siblings downwards."""
    bitmap = bytearray((len(siblings) + 7) // 8)
    for i, sibling in enumerate(siblings):
        if sibling:
            bitmap[i // 8] |= 0x80 >> i % 8
    alien = node and node[:DIGEST_BYTES] != path
    return StateProof(
        bytes(bitmap),
        tuple(_node_hash(sibling) for sibling in siblings if sibling),
        OtherLeaf(node[:DIGEST_BYTES], node[DIGEST_BYTES:]) if alien else None,
    )


def _change_page(
    read_page: ReadPage,
    pages: dict[bytes, bytes | None],
    position: bytes,
    stored: bytes | None,
    changes: _Changes,
) -> bytes:
    """The node that stands for the page at `position` after `changes`; notes changed pages."""
    slots = _split(position, stored)
    groups: dict[int, list[tuple[bytes, bytes | None]]] = {}
    for change in changes:
        groups.setdefault(_nibble(change[0], len(position)), []).append(change)
    for nibble, group in groups.items():
        below = position + bytes((nibble,))
        slots[nibble] = _change_slot(read_page, pages, below, slots[nibble], group)
    node = _levels(slots)[0][0]
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


def _levels(slots: list[bytes]) -> list[list[bytes]]:
    """The nodes of a page: levels 0 (its top, one node) to 4 (its slots)."""
    levels = [slots]
    while len(slots) > 1:
        slots = [_parent(slots[i], slots[i + 1]) for i in range(0, len(slots), 2)]
        levels.append(slots)
    return levels[::-1]


def _parent(left: bytes, right: bytes) -> bytes:
    if len(left) == len(right) == _INNER_BYTES:
        return _inner_hash(left, right)
    if not left and len(right) != _INNER_BYTES:
        return right
    if not right and len(left) != _INNER_BYTES:
        return left
    return _inner_hash(_node_hash(left), _node_hash(right))


def _node_hash(node: bytes) -> bytes:
    if len(node) == _LEAF_BYTES:
        return _leaf_hash(node)
    return node or ZERO_DIGEST


def _leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf)


def _inner_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def _nibble(path: bytes, index: int) -> int:
    """Nibble `index` of a path, most significant first."""
    byte = path[index >> 1]
    return byte & 15 if index & 1 else byte >> 4
