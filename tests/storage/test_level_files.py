"""Which file of a LevelDB folder is damaged, read without LevelDB."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.database import Database
from storage.level_files import cut_logs, damaged_files, file_kind


@pytest.fixture
def level(tmp_path: Path) -> Path:
    """A closed database with tables and a log of several blocks."""
    for generation in range(2):
        with Database.open(tmp_path / "chain") as database:
            for number in range(60):
                database.write([(b"s%d" % number, bytes([generation]) * 2000)], sync=False)
    return tmp_path / "chain" / "leveldb"


def _newest(level: Path, kind: str) -> Path:
    return max(file for file in level.iterdir() if file_kind(file) == kind)


def _faults(level: Path) -> list[tuple[str, str, str]]:
    return [(fault.file.name, fault.kind, fault.what) for fault in damaged_files(level)]


def test_a_good_database_has_no_damaged_file(level: Path) -> None:
    assert _newest(level, "table")
    assert _newest(level, "log").stat().st_size > 3 * 32_768
    assert _faults(level) == []


@pytest.mark.parametrize("kind", ["table", "log", "manifest"])
def test_a_flipped_byte_is_found_in_its_file(level: Path, kind: str) -> None:
    file = _newest(level, kind)
    data = file.read_bytes()
    found = 0
    places = range(0, len(data), max(1, len(data) // 50))
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        faults = _faults(level)
        assert all(fault[:2] == (file.name, kind) for fault in faults)
        found += bool(faults)
    # A table's footer has padding, and a record that seems to go beyond the log's end is torn.
    assert found >= len(places) - 3


def test_a_table_cut_short_is_damaged_and_a_log_is_not(level: Path) -> None:
    table, log = _newest(level, "table"), _newest(level, "log")
    os.truncate(log, log.stat().st_size - 1000)
    assert _faults(level) == []
    os.truncate(table, table.stat().st_size - 1)
    assert [fault[:2] for fault in _faults(level)] == [(table.name, "table")]


@pytest.mark.parametrize("tail", [b"", bytes(9000), b"?" * 9000])
def test_a_log_is_cut_off_where_it_is_damaged(level: Path, tail: bytes) -> None:
    log = _newest(level, "log")
    data = log.read_bytes()
    lengths = set()
    for place in range(0, len(data), 1999):
        log.write_bytes(data[:place] + tail)
        cut_logs(level)
        good = log.read_bytes().rstrip(b"\x00")  # zeros count as room that was never used
        assert data.startswith(good)
        assert _faults(level) == []
        assert place - len(good) < 2100  # of one batch
        lengths.add(len(good))
    assert len(lengths) > 50


def test_the_rest_of_a_block_that_was_never_written_is_no_damage(level: Path) -> None:
    with _newest(level, "log").open("ab") as log:
        log.write(bytes(100))
    assert _faults(level) == []


CHANGES: list[tuple[Callable[[Path], object], tuple[str, str, str]]] = [
    (lambda level: (level / "CURRENT").unlink(), ("CURRENT", "CURRENT", "is missing")),
    (
        lambda level: (level / "CURRENT").write_bytes(b"bla"),
        ("CURRENT", "CURRENT", "does not name a manifest"),
    ),
    (
        lambda level: (level / "CURRENT").write_bytes(b"MANIFEST-000099\n"),
        ("MANIFEST-000099", "manifest", "is missing"),
    ),
]


@pytest.mark.parametrize(("change", "fault"), CHANGES)
def test_what_names_the_manifest_must_be_right(
    level: Path, change: Callable[[Path], object], fault: tuple[str, str, str]
) -> None:
    change(level)
    assert _faults(level) == [fault]
