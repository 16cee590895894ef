"""How a state is cut into chunks, and how large records of snapshots get."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consensus.snapshot
from consensus import tree
from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.record import replace
from consensus.snapshot import (
    CHUNK_BYTES,
    MAX_CHUNK_ENCODED_BYTES,
    MAX_CHUNK_ROWS,
    MAX_MANIFEST_BYTES,
    ROW_OVERHEAD_BYTES,
    ChunkEntry,
    SnapshotChunk,
    SnapshotManifest,
    SnapshotRow,
    check_cut,
    cut_rows,
    must_split,
    row_weight,
)
from consensus.tree import key_path
from consensus.tree_range import WHOLE, Prefix, prove_range
from tests.consensus.largest import SNAPSHOT_CHUNK, SNAPSHOT_MANIFEST
from tests.vectors.generate_snapshot import cases

SMALL_CHUNK = 400

Rows = list[tuple[bytes, bytes, bytes]]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows make many chunks."""
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", SMALL_CHUNK)


def by_path(rows: dict[bytes, bytes]) -> Rows:
    """Rows as a state is cut: path, key, value, in ascending order of the paths."""
    return sorted((key_path(key), key, value) for key, value in rows.items())


def weight(rows: Rows) -> int:
    return sum(row_weight(key, value) for _, key, value in rows)


def entries(rows: Rows) -> tuple[ChunkEntry, ...]:
    """The list of chunks of a state."""
    return tuple(
        ChunkEntry(prefix, weight(list(part)), 1) for prefix, part in cut_rows(WHOLE, rows)
    )


STATES = st.dictionaries(st.binary(min_size=1, max_size=9), st.binary(max_size=200), max_size=40)


@pytest.mark.usefixtures("small_chunks")
class TestCut:
    """The rule, on small chunks."""

    @given(STATES)
    def test_ranges_hold_every_row_once_and_no_two_halves_fit_one(
        self, state: dict[bytes, bytes]
    ) -> None:
        rows = by_path(state)
        ranges = list(cut_rows(WHOLE, rows))
        assert [row for _, part in ranges for row in part] == rows
        ends = [0, *(prefix.end for prefix, _ in ranges)]
        assert [prefix.first for prefix, _ in ranges] == ends[:-1]
        assert ends[-1] == WHOLE.end
        for prefix, part in ranges:
            assert all(prefix.holds(path) for path, _, _ in part)
            assert len(part) <= 1 or weight(list(part)) <= SMALL_CHUNK
            if prefix.depth:
                above = prefix.bits[: (prefix.depth + 6) // 8]
                spare = -(prefix.depth - 1) % 8
                bits = int.from_bytes(above, "big") >> spare << spare
                parent = Prefix(prefix.depth - 1, bits.to_bytes(len(above), "big"))
                inside = [row for row in rows if parent.holds(row[0])]
                assert must_split(len(inside), weight(inside))

    @given(STATES.filter(lambda state: all(len(value) < 200 for value in state.values())))
    def test_the_list_of_a_state_is_the_one_that_is_accepted(
        self, state: dict[bytes, bytes]
    ) -> None:
        listed = entries(by_path(state))
        check_cut(listed)
        for i in range(len(listed)):
            with pytest.raises(InvalidProof):
                check_cut((*listed[:i], *listed[i + 1 :]))
            left, right = listed[i].prefix.halves()
            finer = (ChunkEntry(left, listed[i].weight, 1), ChunkEntry(right, 0, 1))
            with pytest.raises(InvalidProof, match="finer"):
                check_cut((*listed[:i], *finer, *listed[i + 1 :]))
        with pytest.raises(InvalidProof, match="cover"):
            check_cut((*listed, listed[-1]))
        if len(listed) > 1:
            with pytest.raises(InvalidProof):
                check_cut(listed[::-1])


def test_rows_as_small_as_can_be_fit_a_chunk_in_number() -> None:
    row = SnapshotRow(b"k", b"")
    assert row_weight(row.key, row.value) * MAX_CHUNK_ROWS >= CHUNK_BYTES
    assert not must_split(CHUNK_BYTES // (ROW_OVERHEAD_BYTES + 1), CHUNK_BYTES)


@pytest.mark.parametrize(
    ("made", "bound"),
    [(SNAPSHOT_CHUNK, MAX_CHUNK_ENCODED_BYTES), (SNAPSHOT_MANIFEST, MAX_MANIFEST_BYTES)],
    ids=lambda item: getattr(item, "tag", ""),
)
def test_the_largest_fits_its_bound(made: SnapshotChunk | SnapshotManifest, bound: int) -> None:
    data = made.encode()
    assert bound * 0.9 < len(data) <= bound
    assert type(made).decode(data) == made


VECTORS = json.loads(Path(__file__).parents[1].joinpath("vectors", "snapshot.json").read_text())


def test_the_vectors_are_those_of_the_naive_reading() -> None:
    assert json.loads(json.dumps(cases())) == VECTORS["cases"]


@pytest.mark.parametrize("vector", VECTORS["cases"], ids=lambda case: case["name"])
def test_chunks_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    state = {bytes.fromhex(key): bytes([fill]) * count for key, fill, count in vector["rows"]}
    rows, pages = by_path(state), dict[bytes, bytes | None]()
    update = tree.update(pages.get, {path: sha256(value) for path, _, value in rows})
    pages.update(update.pages)
    assert update.root.hex() == vector["root"]
    listed: list[ChunkEntry] = []
    for (prefix, part), expected in zip(cut_rows(WHOLE, rows), vector["chunks"], strict=True):
        made = tuple(SnapshotRow(key, value) for _, key, value in part)
        data = SnapshotChunk(prefix, made, prove_range(pages.get, prefix)).encode()
        listed.append(ChunkEntry(prefix, weight(list(part)), len(data)))
        entry = listed[-1]
        assert expected == [
            *(prefix.depth, prefix.bits.hex(), entry.weight, entry.size_bytes),
            sha256(data).hex(),
        ]
    check_cut(listed)
    assert replace(SNAPSHOT_MANIFEST, chunks=tuple(listed)).cut.hex() == vector["cut"]
