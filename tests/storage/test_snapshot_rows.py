"""Rows are sorted by their paths on the disk as they would be in memory."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import consensus.snapshot
from consensus.snapshot import cut_rows
from consensus.tree import key_path
from consensus.tree_range import WHOLE
from storage.snapshot_rows import SCAN_ROWS, RowSorter, state_rows
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from tests.storage.snapshot_world import rows_of, write_state

FOLDER = Path("/snapshots")


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", 600)


@pytest.mark.usefixtures("_small_chunks")
@settings(max_examples=30)
@given(st.integers(0, 700), st.sampled_from([1, 300, 5_000, 10**6]))
def test_ranges_are_those_of_all_rows_in_memory(count: int, memory_bytes: int) -> None:
    disk = MemoryDisk()
    rows = [(key_path(key), key, value) for key, value in rows_of(count).items()]
    sorter = RowSorter(FOLDER, "draft", disk=disk, memory_bytes=memory_bytes)
    made = [(prefix, list(part)) for prefix, part in sorter.ranges(rows)]
    assert made == [(prefix, list(part)) for prefix, part in cut_rows(WHOLE, sorted(rows))]
    assert disk.files == {}  # what was put there is read and gone
    if memory_bytes == 1:
        assert (disk.operations > 0) == (count > 0)
    if memory_bytes == 10**6:
        assert disk.operations == 0


@pytest.mark.usefixtures("_small_chunks")
def test_rows_that_begin_alike_are_spread_once_more() -> None:
    disk = MemoryDisk()
    keys = (b"key %d" % i for i in range(100_000))
    alike = [(path, key, b"v" * 50) for key in keys if (path := key_path(key))[0] == 7]
    assert len(alike) > 300
    sorter = RowSorter(FOLDER, "draft", disk=disk, memory_bytes=10_000)
    names: set[str] = set()
    made = []
    for prefix, part in sorter.ranges(alike):
        names |= {path.name for path in disk.files}
        made.append((prefix, list(part)))
    assert made == [(prefix, list(part)) for prefix, part in cut_rows(WHOLE, sorted(alike))]
    assert any(name.startswith("draft.8.07.") for name in names)


def test_all_rows_of_a_state_come_in_pages() -> None:
    database, paused = MemoryDatabase(), 0

    def pause() -> None:
        nonlocal paused
        paused += 1

    rows = rows_of(2 * SCAN_ROWS + 1)
    write_state(database, rows)
    database.write([(b"b", b"no row of the state"), (b"t", b"nor this")], sync=True)
    found = list(state_rows(database, pause))
    assert found == [(key_path(key), key, rows[key]) for key in sorted(rows)]
    assert paused == 3
