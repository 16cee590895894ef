"""Makes state-tree.json: a second, naive reading of the state tree's rules in docs/protocol.md.

Imports nothing of the project, so that an error there is not repeated here. Run once:
`python -m tests.vectors.generate_state_tree`; the tests compare the checked-in file, and use
these functions as the model of the tree. In state-tree.json each case has rows (key, value) in
hex, their root, and proofs: the proved key, its value or null for absence, the encoded proof.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("state-tree.json")
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


def model_proof(leaves: Mapping[bytes, bytes], path: bytes) -> bytes:
    """The encoding of ["state-proof", 1, bitmap, siblings, other]."""
    siblings: list[bytes] = []
    while len(leaves) > 1:
        depth = len(siblings)
        halves = _halves(leaves, depth)
        siblings.append(model_root(halves[1 - bit(path, depth)], depth + 1))
        leaves = halves[bit(path, depth)]
    bits = "".join("0" if sibling == EMPTY else "1" for sibling in siblings)
    bits += "0" * (-len(bits) % 8)
    bitmap = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    listed = [sibling for sibling in siblings if sibling != EMPTY]
    other = b"\xf6"
    for other_path, value_hash in leaves.items():
        if other_path != path:
            other = b"\x82" + _cbor(2, other_path) + _cbor(2, value_hash)
    return b"".join(
        (
            b"\x85" + _cbor(3, b"state-proof") + b"\x01" + _cbor(2, bitmap),
            _head(4, len(listed)) + b"".join(_cbor(2, sibling) for sibling in listed),
            other,
        )
    )


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


def _case(name: str, keys: list[bytes], absent: list[bytes]) -> dict[str, object]:
    rows = {key: b"value of " + key for key in keys}
    leaves = model_leaves(rows)
    return {
        "name": name,
        "rows": [[key.hex(), value.hex()] for key, value in rows.items()],
        "root": model_root(leaves).hex(),
        "proofs": [
            {
                "key": key.hex(),
                "value": rows[key].hex() if key in rows else None,
                "proof": model_proof(leaves, h(key)).hex(),
            }
            for key in [*keys[:4], *absent]
        ],
    }


def vectors() -> list[dict[str, object]]:
    """The cases of state-tree.json."""
    near = alike(6, 12)
    many = [b"row %d" % i for i in range(300)]
    return [
        _case("no rows", [], [b"absent"]),
        _case("one row", [b"key 0"], [b"absent"]),
        _case("an empty key and value apart", [b"", b"key 0"], [b"absent"]),
        _case("sixteen rows", many[:16], [b"absent", b"other"]),
        _case("rows alike in their first 12 bits", near[:4], near[4:]),
        _case("three hundred rows", many, [b"absent", b"other", b"third"]),
    ]


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
