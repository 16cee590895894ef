"""Makes snapshot.json from a naive reading of docs/protocol.md section 18, without the project.

Run once: `python -m tests.vectors.generate_snapshot`; the tests compare the checked-in file. A case
has `rows`, each (key in hex, a byte, how often the value repeats it), their `root`, the `chunks`
in order (depth and bits of the prefix, weight, size and SHA-256 of the encoding), and `cut`.
"""

import hashlib
import json
from pathlib import Path

from tests.vectors.state_tree_model import (
    model_leaves,
    model_range_proof,
    model_root,
    packed,
    spelled,
)

FILE = Path(__file__).with_name("snapshot.json")

CHUNK_BYTES = 262_144
OVERHEAD_BYTES = 64

Rows = dict[bytes, bytes]


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for extra, size in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | extra]) + argument.to_bytes(size, "big")
    raise ValueError("too long")


def _bytes(string: bytes) -> bytes:
    return _head(2, len(string)) + string


def _prefix(bits: str) -> bytes:
    return _head(4, 2) + _head(0, len(bits)) + _bytes(packed(bits))


def path_bits(key: bytes) -> str:
    """The path of a row, spelled as bits."""
    return spelled(hashlib.sha256(key).digest())


def weight(rows: Rows) -> int:
    """What rows count."""
    return sum(len(key) + len(value) + OVERHEAD_BYTES for key, value in rows.items())


def cut(rows: Rows, bits: str = "") -> list[str]:
    """The prefixes, as bits, of the chunks that these rows under a prefix make."""
    if len(rows) < 2 or weight(rows) <= CHUNK_BYTES:
        return [bits]
    found: list[str] = []
    for side in "01":
        half = bits + side
        found += cut({k: v for k, v in rows.items() if path_bits(k).startswith(half)}, half)
    return found


def chunk(rows: Rows, bits: str) -> bytes:
    """The encoding of the chunk under a prefix."""
    inside = sorted((path_bits(key), key) for key in rows if path_bits(key).startswith(bits))
    items = [_head(4, 2) + _bytes(key) + _bytes(rows[key]) for _, key in inside]
    return b"".join(
        (
            _head(4, 5) + _head(3, 14) + b"snapshot-chunk" + _head(0, 1),
            _prefix(bits),
            _head(4, len(items)) + b"".join(items),
            model_range_proof(model_leaves(rows), bits),
        )
    )


def case(name: str, fills: list[tuple[bytes, int, int]]) -> dict[str, object]:
    """A state and all that a snapshot of it consists of."""
    rows = {key: bytes([fill]) * count for key, fill, count in fills}
    entries, listed = b"", []
    prefixes = cut(rows)
    for bits in prefixes:
        data = chunk(rows, bits)
        weighs = weight({k: v for k, v in rows.items() if path_bits(k).startswith(bits)})
        entries += _head(4, 3) + _prefix(bits) + _head(0, weighs) + _head(0, len(data))
        digest = hashlib.sha256(data).hexdigest()
        listed.append([len(bits), packed(bits).hex(), weighs, len(data), digest])
    return {
        "name": name,
        "rows": [[key.hex(), fill, count] for key, fill, count in fills],
        "root": model_root(model_leaves(rows)).hex(),
        "chunks": listed,
        "cut": hashlib.sha256(_head(4, len(prefixes)) + entries).hexdigest(),
    }


def cases() -> list[dict[str, object]]:
    """The cases of snapshot.json."""
    row = OVERHEAD_BYTES + 1
    fits = [(b"%d" % i, i, 65_536 - row) for i in range(4)]
    return [
        case("nothing", []),
        case("one row of the largest size", [(b"k" * 1024, 7, 65_536)]),
        case("four rows that fill a chunk", fits),
        case("a byte more", [*fits[:3], (b"3", 3, 65_536 - row + 1)]),
        case("rows of many sizes", [(b"key %d" % i, i, i * 1_500) for i in range(40)]),
        case("one half is empty", [(b"key %d" % i, i, 65_000) for i in _alike(6)]),
    ]


def _alike(count: int) -> list[int]:
    numbers = (i for i in range(10**6) if path_bits(b"key %d" % i).startswith("0010"))
    return [number for number, _ in zip(numbers, range(count), strict=False)]


if __name__ == "__main__":
    FILE.write_text(json.dumps({"cases": cases()}, indent=1) + "\n", "utf-8")
