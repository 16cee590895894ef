"""Makes state-tree.json from the naive model of the state tree, with nothing of the project.

Run once: `python -m tests.vectors.generate_state_tree`; the tests compare the checked-in file. In
it bytes are in hex and each case has

- `rows` (key, value) and their `root`;
- `proofs`: the shown `rows` (key, value or null for absence) and the encoded StateProof;
- `ranges`: a `prefix` (depth, bits), its `rows` by ascending path, the encoded RangeProof;
- `refused`: proofs and ranges as above that a verifier must refuse, and `why`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.vectors.state_tree_model import (
    EMPTY,
    alike,
    h,
    model_leaves,
    model_proof,
    model_range_proof,
    model_root,
    packed,
    range_proof,
    spelled,
    state_proof,
    under,
)

FILE = Path(__file__).with_name("state-tree.json")

Rows = Mapping[bytes, bytes]
Claims = dict[bytes, bytes | None]
Json = dict[str, object]


def _shown(rows: Mapping[bytes, bytes | None], proof: bytes) -> Json:
    """A state proof and what it is to show."""
    pairs = [[key.hex(), None if value is None else value.hex()] for key, value in rows.items()]
    return {"rows": pairs, "proof": proof.hex()}


def _range(prefix: str, rows: Iterable[tuple[bytes, bytes]], proof: bytes) -> Json:
    """A range proof and the rows under its prefix."""
    return {
        "prefix": {"depth": len(prefix), "bits": packed(prefix).hex()},
        "rows": [[key.hex(), value.hex()] for key, value in rows],
        "proof": proof.hex(),
    }


def _rows_under(rows: Rows, prefix: str) -> list[tuple[bytes, bytes]]:
    inside = [(key, value) for key, value in rows.items() if spelled(h(key)).startswith(prefix)]
    return sorted(inside, key=lambda row: h(row[0]))


def _case(
    name: str, rows: Rows, asked: list[list[bytes]], prefixes: list[str], refused: list[Json]
) -> Json:
    leaves = model_leaves(rows)
    return {
        "name": name,
        "rows": [[key.hex(), value.hex()] for key, value in rows.items()],
        "root": model_root(leaves).hex(),
        "proofs": [
            _shown({key: rows.get(key) for key in keys}, model_proof(leaves, [*map(h, keys)]))
            for keys in asked
        ],
        "ranges": [
            _range(prefix, _rows_under(rows, prefix), model_range_proof(leaves, prefix))
            for prefix in prefixes
        ],
        "refused": refused,
    }


def _values(keys: Iterable[bytes]) -> dict[bytes, bytes]:
    return {key: b"value of " + key for key in keys}


# The worked example of docs/protocol.md. The paths of row 0 and row 1 begin with the bits 100,
# that of row 2 with 00, that of row 3 with 101; those of the absent keys with 01, 11 and 101.
FOUR = _values(b"row %d" % i for i in range(4))
FOUR_LEAVES = model_leaves(FOUR)
SHOWN: Claims = {b"row 3": FOUR[b"row 3"], b"absent": None, b"other": None, b"third": None}
SHAPE = "101111000"
SIBLING = model_root(under(FOUR_LEAVES, "100"), 3)
ROW_2, ROW_3 = ((h(key), h(FOUR[key])) for key in (b"row 2", b"row 3"))


def _refused_proofs() -> list[Json]:
    third = "11111010"  # the walk to the key "third" alone; two siblings
    left = model_root(under(FOUR_LEAVES, "0"), 1)
    absent: Claims = {b"third": None}
    row_3: Claims = {b"row 3": FOUR[b"row 3"]}
    right = state_proof(SHAPE, [SIBLING], [ROW_2])
    endless = state_proof("1" * 513, [h(b"any")] * 256, [])
    faults: list[tuple[str, Claims, bytes]] = [
        ("version 1", SHOWN, right.replace(b"proof\x02", b"proof\x01")),
        ("another value", SHOWN | {b"row 3": b"another"}, right),
        ("a value that is no row", SHOWN | {b"absent": b""}, right),
        ("a row said to be absent", SHOWN | {b"row 3": None}, right),
        ("a key fewer than shown", {b"row 3": FOUR[b"row 3"], b"absent": None}, right),
        ("a key more than shown", SHOWN | {b"row 0": FOUR[b"row 0"]}, right),
        ("an unused bit is set", SHOWN, state_proof(SHAPE + "1", [SIBLING], [ROW_2])),
        ("a byte too many", SHOWN, state_proof(SHAPE + "0" * 8, [SIBLING], [ROW_2])),
        ("a bit is missing", SHOWN, state_proof(SHAPE[:8], [SIBLING], [ROW_2])),
        ("a sibling is missing", SHOWN, state_proof(SHAPE, [], [ROW_2])),
        ("a sibling too many", SHOWN, state_proof(SHAPE, [SIBLING, SIBLING], [ROW_2])),
        ("another sibling", SHOWN, state_proof(SHAPE, [left], [ROW_2])),
        ("another row is missing", SHOWN, state_proof(SHAPE, [SIBLING], [])),
        ("another row too many", SHOWN, state_proof(SHAPE, [SIBLING], [ROW_2, ROW_3])),
        ("the other row is of another subtree", SHOWN, state_proof(SHAPE, [SIBLING], [ROW_3])),
        ("an empty sibling", absent, state_proof("11111011", [left, SIBLING, EMPTY], [ROW_3])),
        ("siblings in another order", absent, state_proof(third, [SIBLING, left], [ROW_3])),
        (
            "the other row is the asked one",
            dict.fromkeys(row_3),
            state_proof(third, [left, SIBLING], [ROW_3]),
        ),
        (
            "present, and another row too",
            row_3,
            state_proof(third, [left, SIBLING], [ROW_3]),
        ),
        (
            "ends above two present rows",
            {key: FOUR[key] for key in (b"row 0", b"row 1")},
            state_proof("1110000", [left], []),
        ),
        ("goes on below the last bit", absent, endless),
    ]
    return [{"why": why} | _shown(rows, proof) for why, rows, proof in faults]


def _refused_ranges() -> list[Json]:
    rows = _rows_under(FOUR, "10")
    inside, outside = rows[0], (b"row 2", FOUR[b"row 2"])
    leaf = model_root(under(FOUR_LEAVES, "0"), 1)
    right = range_proof("10", [leaf])
    faults: list[tuple[str, str, list[tuple[bytes, bytes]], bytes]] = [
        ("a row is missing", "10", rows[1:], right),
        ("no rows", "10", [], right),
        ("a row of another range", "10", [outside, *rows], right),
        ("a row twice", "10", [inside, *rows], right),
        ("another order", "10", rows[::-1], right),
        ("another value", "10", [(inside[0], b"another"), *rows[1:]], right),
        ("another range", "11", rows, right),
        ("a longer prefix", "100", rows[:2], right),
        ("a shorter prefix", "", rows, right),
        ("an unused bit is set", "10", rows, range_proof("101", [leaf])),
        ("a byte too many", "10", rows, range_proof("10" + "0" * 7, [leaf])),
        ("an empty sibling", "10", rows, range_proof("11", [leaf, EMPTY])),
        ("a sibling is missing", "10", rows, range_proof("10", [])),
        ("a sibling too many", "10", rows, range_proof("10", [leaf, leaf])),
        ("another sibling", "10", rows, range_proof("10", [SIBLING])),
        ("a bit is missing from the bitmap", "10", rows, range_proof("00", [leaf])),
    ]
    refused = [{"why": why} | _range(prefix, shown, proof) for why, prefix, shown, proof in faults]
    for why, depth, bits in (
        ("an unused bit of the prefix is set", 2, "a0"),
        ("a byte too many in the prefix", 2, "8000"),
        ("a prefix of 256 bits", 256, ROW_3[0].hex()),
    ):
        malformed: Json = {"why": why, "prefix": {"depth": depth, "bits": bits}}
        refused.append(_range("10", rows, right) | malformed)
    return refused


def vectors() -> list[Json]:
    """The cases of state-tree.json."""
    near = alike(6, 12)
    many = [b"row %d" % i for i in range(300)]
    absent = [b"absent", b"other", b"third"]
    shared = spelled(h(near[0]))[:12]
    return [
        _case("no rows", {}, [[b"absent"], [], absent], [""], []),
        _case(
            "one row",
            _values([b"key 0"]),
            [[b"key 0"], [b"absent"], [b"key 0", b"absent"]],
            [""],
            [],
        ),
        _case(
            "an empty key and value apart",
            {b"": b"", b"key 0": b"value of key 0"},
            [[b""], [b"key 0"], [b"absent"], [b"", b"key 0"]],
            ["", "0", "1"],
            [],
        ),
        _case(
            "four rows",
            FOUR,
            [[*SHOWN], [b"third"], [*FOUR], []],
            ["10", "", "0", "1", "11", "100", "101"],
            _refused_proofs() + _refused_ranges(),
        ),
        _case(
            "sixteen rows",
            _values(many[:16]),
            [[key] for key in [*many[:4], *absent]] + [many[:16] + absent],
            ["0", "10", "11"],
            [],
        ),
        _case(
            "rows alike in their first 12 bits",
            _values(near[:4]),
            [[key] for key in near] + [near],
            [shared, shared[:11] + "10"[int(shared[11])], shared[:4]],
            [],
        ),
        _case(
            "three hundred rows",
            _values(many),
            [[key] for key in [*many[:4], *absent]] + [many[:32] + absent, many[:64]],
            ["0101", "00000", "111111"],
            [],
        ),
    ]


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
