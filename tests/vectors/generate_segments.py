"""Makes segments.json from the definition of the segment tree, with nothing of the project.

Run once: `python -m tests.vectors.generate_segments`; the tests compare the checked-in file. The
bytes of a case are those of SHA-256 of each 32-byte block's number (8 bytes, big-endian), cut at
`size`. Each has the `root` (hex) and, of some segments, the `index`, the first bytes of the
`segment` and its `path`.
"""

import hashlib
import json
from pathlib import Path

FILE = Path(__file__).with_name("segments.json")
SEGMENT = 1024
SIZES = (1, 1023, 1024, 1025, 2048, 5 * 1024 + 7, 262_144, 262_145, 3 * 262_144 + 500, 1_500_000)


def content(size: int) -> bytes:
    """The bytes of a case."""
    blocks = (hashlib.sha256(i.to_bytes(8, "big")).digest() for i in range(-(-size // 32)))
    return b"".join(blocks)[:size]


def node(segments: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, with the prefixes of segment trees."""
    if len(segments) == 1:
        return hashlib.sha256(b"\x02" + segments[0]).digest()
    split = 1 << (len(segments) - 1).bit_length() - 1
    return hashlib.sha256(b"\x03" + node(segments[:split]) + node(segments[split:])).digest()


def path(segments: list[bytes], index: int) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(segments) == 1:
        return []
    split = 1 << (len(segments) - 1).bit_length() - 1
    if index < split:
        return [*path(segments[:split], index), node(segments[split:])]
    return [*path(segments[split:], index - split), node(segments[:split])]


def segments_of(data: bytes) -> list[bytes]:
    """The segments, the last one as short as it is."""
    return [data[start : start + SEGMENT] for start in range(0, len(data), SEGMENT)]


def case(size: int) -> dict[str, object]:
    """One size."""
    segments = segments_of(content(size))
    indexes = sorted({0, len(segments) // 2, len(segments) - 1})
    proofs = [
        {
            "index": index,
            "segment_begins": segments[index][:16].hex(),
            "path": [item.hex() for item in path(segments, index)],
        }
        for index in indexes
    ]
    return {"size": size, "root": node(segments).hex(), "proofs": proofs}


if __name__ == "__main__":
    FILE.write_text(json.dumps([case(size) for size in SIZES], indent=1) + "\n", "utf-8")
