"""A second, naive reading of the state tree's rules in docs/protocol.md section 7.

Imports nothing of the project, so that an error there is not repeated here. A tree is a dict of
its leaves, path → hash of the value; a prefix is a string of the digits 0 and 1.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence

EMPTY = bytes(32)


def h(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def bit(path: bytes, depth: int) -> int:
    return path[depth // 8] >> (7 - depth % 8) & 1


def model_root(leaves: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """The hash of the subtree at `depth` that holds `leaves` (path → value hash)."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        ((path, value_hash),) = leaves.items()
        return h(b"\x00", path, value_hash)
    halves = _halves(leaves, depth)
    return h(b"\x01", model_root(halves[0], depth + 1), model_root(halves[1], depth + 1))


def _halves(leaves: Mapping[bytes, bytes], depth: int) -> list[dict[bytes, bytes]]:
    return [{p: v for p, v in leaves.items() if bit(p, depth) == side} for side in (0, 1)]


def model_proof(leaves: Mapping[bytes, bytes], asked: Collection[bytes]) -> bytes:
    """The encoding of ["state-proof", 2, shape, siblings, others]."""
    return state_proof(*_walk(leaves, asked, 0))


Walk = tuple[str, list[bytes], list[tuple[bytes, bytes]]]


def _walk(leaves: Mapping[bytes, bytes], asked: Collection[bytes], depth: int) -> Walk:
    """The bits, siblings and other rows that describe the subtree at `depth`."""
    if not asked:
        return ("1", [model_root(leaves, depth)], []) if leaves else ("0", [], [])
    if len(leaves) > 1:
        walks = [
            _walk(half, [path for path in asked if bit(path, depth) == side], depth + 1)
            for side, half in enumerate(_halves(leaves, depth))
        ]
        bits, siblings, others = (left + right for left, right in zip(*walks, strict=True))
        return "1" + bits, siblings, others
    if not leaves:
        return "00", [], []
    (leaf,) = leaves.items()
    return ("0", [], []) if leaf[0] in asked else ("01", [], [leaf])


def state_proof(
    bits: str, siblings: Sequence[bytes], others: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """The encoding of a state proof with this shape."""
    items = [b"\x82" + _cbor(2, path) + _cbor(2, value_hash) for path, value_hash in others]
    return b"".join(
        (
            b"\x85" + _cbor(3, b"state-proof") + b"\x02" + _cbor(2, packed(bits)),
            _head(4, len(siblings)) + b"".join(_cbor(2, sibling) for sibling in siblings),
            _head(4, len(others)) + b"".join(items),
        )
    )


def packed(bits: str) -> bytes:
    """Bits as bytes, the first in the most significant place, padded with zeros."""
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def under(leaves: Mapping[bytes, bytes], prefix: str) -> dict[bytes, bytes]:
    """The leaves whose paths begin with these bits, in ascending order."""
    return {p: v for p, v in sorted(leaves.items()) if spelled(p).startswith(prefix)}


def spelled(path: bytes) -> str:
    """The bits of a path."""
    return "".join(f"{byte:08b}" for byte in path)


def model_range_proof(leaves: Mapping[bytes, bytes], prefix: str) -> bytes:
    """The encoding of ["range-proof", 1, bitmap, siblings] for a prefix given as bits."""
    beside = [prefix[:i] + "10"[int(prefix[i])] for i in range(len(prefix))]
    hashes = [model_root(under(leaves, sibling), len(sibling)) for sibling in beside]
    return range_proof(
        "".join("0" if sibling == EMPTY else "1" for sibling in hashes),
        [sibling for sibling in hashes if sibling != EMPTY],
    )


def range_proof(bits: str, siblings: Sequence[bytes]) -> bytes:
    """The encoding of a range proof with these bits in its bitmap."""
    head = b"\x84" + _cbor(3, b"range-proof") + b"\x01" + _cbor(2, packed(bits))
    return head + _head(4, len(siblings)) + b"".join(_cbor(2, sibling) for sibling in siblings)


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    if argument < 256:
        return bytes([major << 5 | 24, argument])
    return bytes([major << 5 | 25]) + argument.to_bytes(2, "big")


def _cbor(major: int, string: bytes) -> bytes:
    return _head(major, len(string)) + string


def model_leaves(rows: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The leaves of rows (key → value)."""
    return {h(key): h(value) for key, value in rows.items()}


def model_pages(leaves: Mapping[bytes, bytes], position: bytes = b"") -> dict[bytes, bytes]:
    """The pages of a tree whose rows all lie below `position`."""
    if len(leaves) < (1 if position == b"" else 2):
        return {}
    pages: dict[bytes, bytes] = {}
    occupied = leaf = 0
    slots = b""
    for nibble in range(16):
        below = position + bytes([nibble])
        inside = {p: v for p, v in leaves.items() if p.hex()[len(position)] == f"{nibble:x}"}
        pages |= model_pages(inside, below)
        occupied |= (0x8000 >> nibble) * bool(inside)
        leaf |= (0x8000 >> nibble) * (len(inside) == 1)
        if len(inside) == 1:
            slots += next(path + value_hash for path, value_hash in inside.items())
        elif inside:
            slots += model_root(inside, 4 * len(below))
    pages[position] = occupied.to_bytes(2, "big") + leaf.to_bytes(2, "big") + slots
    return pages


def alike(count: int, bits: int) -> list[bytes]:
    """Keys whose paths begin with the same `bits` bits as the path of `key 0`."""
    prefix = h(b"key 0")
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        key = b"key %d" % number
        if all(bit(h(key), i) == bit(prefix, i) for i in range(bits)):
            found.append(key)
        number += 1
    return found
