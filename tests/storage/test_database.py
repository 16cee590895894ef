"""The database: one owner, whole batches, and damage named instead of served."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import plyvel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.codec import encode
from storage import database as database_module
from storage.database import SCHEMA_ROW, Database, DatabaseError, Owner, repaired_folder
from storage.rows import ROW_KINDS

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chain"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with Database.open(folder) as opened:
        yield opened


def _run(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """Another process that runs `code` with `sys.argv[1:]` as given."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_rows_are_written_deleted_and_kept(folder: Path) -> None:
    with Database.open(folder) as database:
        database.write([(b"sa", b"1"), (b"sb", b"2"), (b"sc", b"")], sync=False)
        database.write([(b"sa", None), (b"sb", b"3"), (b"gone", None)], sync=True)
    with Database.open(folder) as database:
        assert [database.get(key) for key in (b"sa", b"sb", b"sc")] == [None, b"3", b""]


KEYS = st.binary(max_size=3) | st.lists(st.sampled_from([0, 1, 254, 255]), max_size=4).map(bytes)


@given(st.dictionaries(KEYS, st.binary(max_size=2)), KEYS, KEYS, st.integers(0, 6))
def test_scan_is_a_sorted_slice(
    shared_database: Database, rows: dict[bytes, bytes], prefix: bytes, start: bytes, limit: int
) -> None:
    stem = b"s"
    old = shared_database.keys(stem)
    shared_database.write([(key, None) for key in old], sync=False)
    rows = {stem + key: value for key, value in rows.items()}
    shared_database.write(rows.items(), sync=False)
    prefix, start = stem + prefix, stem + start
    expected = [row for row in sorted(rows.items()) if row[0].startswith(prefix)]
    assert shared_database.keys(prefix) == [key for key, _ in expected]
    assert shared_database.scan(prefix, limit=limit) == expected[:limit]
    later = [row for row in expected if row[0] >= start]
    assert shared_database.scan(prefix, start=start, limit=limit) == later[:limit]


@pytest.fixture(scope="module")
def shared_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Database.open(tmp_path_factory.mktemp("shared")) as opened:
        yield opened


def test_a_snapshot_stays_as_it_was(database: Database) -> None:
    database.write([(b"sa", b"1")], sync=False)
    snapshot = database.snapshot()
    database.write([(b"sa", b"2"), (b"sb", b"2")], sync=False)
    assert snapshot.get(b"sa") == b"1"
    assert snapshot.get(b"sb") is None
    assert snapshot.scan(b"s", limit=9) == [(b"sa", b"1")]
    assert database.scan(b"s", limit=9) == [(b"sa", b"2"), (b"sb", b"2")]
    snapshot.close()


def test_a_batch_that_fails_to_form_writes_nothing(database: Database) -> None:
    def rows() -> Iterator[tuple[bytes, bytes | None]]:
        yield b"sa", b"1"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(rows(), sync=False)
    assert database.get(b"sa") is None


# One owner


def test_a_second_open_in_this_process_is_refused(folder: Path, database: Database) -> None:
    for _ in range(2):
        with pytest.raises(DatabaseError, match=f"{folder} is in use by process {os.getpid()}:"):
            Database.open(folder)
    # The refused opens took nothing from the owner, and opened nothing to others.
    database.write([(b"sa", b"1")], sync=True)
    assert _open_elsewhere(folder) == f"{folder} is in use by process {os.getpid()}"


def test_the_owner_is_named_after_one_with_a_longer_id(folder: Path) -> None:
    (_made(folder) / "owner.lock").write_text("99999999999\n")
    with Database.open(folder):
        assert _open_elsewhere(folder) == f"{folder} is in use by process {os.getpid()}"


def _open_elsewhere(folder: Path) -> str:
    code = """
import sys
from pathlib import Path
from storage.database import Database, DatabaseError
try:
    Database.open(Path(sys.argv[1])).close()
    print("opened")
except DatabaseError as error:
    print(str(error).partition(":")[0])
"""
    with _run(code, folder) as process:
        return process.communicate()[0].strip()


def test_ownership_ends_with_close(folder: Path) -> None:
    Database.open(folder).close()
    assert _open_elsewhere(folder) == "opened"
    database = Database.open(folder)
    database.close()
    database.close()
    Database.open(folder).close()


def test_a_folder_stays_owned_while_its_database_is_opened_and_closed(folder: Path) -> None:
    owner = Owner(folder)
    for _ in range(2):
        Database.of(owner).close()
        with pytest.raises(DatabaseError, match="is in use"):
            Database.open(folder)
    owner.release()
    owner.release()
    Database.open(folder).close()


def test_a_repaired_database_takes_an_empty_place_and_no_other(folder: Path) -> None:
    for name, value in ((folder, b"present"), (repaired_folder(folder), b"repaired")):
        with Database.open(name) as database:
            database.write([(b"sa", value)], sync=True)
    with Database.open(folder) as database:
        assert database.get(b"sa") == b"present"
    shutil.rmtree(folder)
    with Database.open(folder) as database:
        assert database.get(b"sa") == b"repaired"
    assert not repaired_folder(folder).exists()


def test_a_refused_open_leaves_the_files_untouched(folder: Path, database: Database) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    with pytest.raises(DatabaseError):
        Database.open(folder)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before


WRITER = """
import sys
from pathlib import Path
from storage.database import Database
database = Database.open(Path(sys.argv[1]))
for number in range(1_000_000):
    value = number.to_bytes(8, "big")
    database.write([(b"s%d" % i, value) for i in range(50)], sync=True)
    print(number, flush=True)
"""


def test_another_process_is_named_and_its_kill_loses_no_synced_batch(folder: Path) -> None:
    with _run(WRITER, folder) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(DatabaseError, match=f"{folder} is in use by process {process.pid}:"):
            Database.open(folder)
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        acknowledged = int([*lines, *process.stdout.read().splitlines()][-1])
    with Database.open(folder) as database:
        values = {value for _, value in database.scan(b"s", limit=100)}
    assert len(values) == 1, "a batch was written in part"
    assert int.from_bytes(values.pop(), "big") in (acknowledged, acknowledged + 1)


# What is refused at opening


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(DatabaseError, match=f"{file / 'chain'} cannot be opened"):
        Database.open(file / "chain")


@pytest.mark.parametrize("schema", [encode(["reelect", 0]), encode(["reelect", 2]), b"", None])
def test_another_schema_is_refused(folder: Path, schema: bytes | None) -> None:
    with Database.open(folder) as database:
        database.write([(SCHEMA_ROW, schema), (b"sa", b"1")], sync=True)
    for _ in range(2):
        with pytest.raises(DatabaseError, match=f"{folder} was written by another version"):
            Database.open(folder)


def test_a_creation_cut_short_is_resumed(folder: Path) -> None:
    plyvel.DB(str(_made(folder) / "leveldb"), create_if_missing=True).close()
    with Database.open(folder) as database:
        database.write([(b"sa", b"1")], sync=True)
    shutil.rmtree(folder)
    (_made(folder / "leveldb") / "MANIFEST-000001").write_bytes(b"")
    with Database.open(folder) as database:
        assert database.get(b"sa") is None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _fill(folder: Path) -> None:
    """Ten rows of three generations, partly in a table file and partly in the log."""
    for reopening in range(2):
        with Database.open(folder) as database:
            for number in range(3):
                value = b"%d" % (3 * reopening + number)
                database.write([(b"s%d" % i, value * 20) for i in range(10)], sync=True)


def _newest(folder: Path, pattern: str) -> Path:
    return sorted((folder / "leveldb").glob(pattern))[-1]


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.ldb", "*.log"])
def test_a_missing_file_is_damage(folder: Path, pattern: str) -> None:
    _fill(folder)
    _newest(folder, pattern).unlink()
    _check_damaged(folder)


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.ldb"])
def test_a_file_cut_short_is_damage(folder: Path, pattern: str) -> None:
    _fill(folder)
    file = _newest(folder, pattern)
    os.truncate(file, file.stat().st_size // 2)
    _check_damaged(folder)


def _check_damaged(folder: Path) -> None:
    message = f"{folder} is damaged .*: run `reelect db repair`, or move the folder away"
    for _ in range(2):
        with pytest.raises(DatabaseError, match=message):
            _read(folder)


def _read(folder: Path) -> list[tuple[bytes, bytes]]:
    with Database.open(folder) as database:
        rows = database.scan(b"s", limit=100)
        assert rows == [(key, database.get(key)) for key in database.keys(b"s")]
        return rows


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.ldb", "*.log"])
def test_a_flipped_byte_is_damage_or_changes_nothing(
    folder: Path, tmp_path: Path, pattern: str
) -> None:
    _fill(folder)
    whole = _read_copy(folder, tmp_path / "whole")
    file = _newest(folder, pattern)
    data = file.read_bytes()
    named = 0
    places = range(0, len(data), max(1, len(data) // 40))
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        try:
            rows = _read_copy(folder, tmp_path / "copy")
        except DatabaseError as error:
            named += "is damaged" in str(error)
        else:
            # A changed length makes the log's end look torn: what is left is an earlier state.
            earlier = [[(key, b"%d" % n * 20) for key, _ in whole] for n in range(2, 6)]
            assert rows == whole or (pattern == "*.log" and rows in earlier)
    assert named > len(places) * 3 // 4


READS: list[Callable[[Database], object]] = [
    lambda database: database.get(b"s0"),
    lambda database: database.scan(b"s", limit=9),
    lambda database: database.keys(b"s"),
    lambda database: database.snapshot().get(b"s0"),
    lambda database: database.snapshot().scan(b"s", limit=9),
]


@pytest.mark.parametrize("after", [b"", b"z"])
@pytest.mark.parametrize("read", READS)
def test_every_read_checks_what_it_reads(
    folder: Path, read: Callable[[Database], object], after: bytes
) -> None:
    with Database.open(folder) as database:
        # A row of more than a block keeps the first row, then the last, out of the damaged one.
        database.write([(b"a", bytes(5000)), (b"s0", b"5" * 20)], sync=True)
        if after:
            database.write([(after, bytes(5000))], sync=True)
    Database.open(folder).close()  # moves the log's rows to a table file
    file = _newest(folder, "*.ldb")
    data = file.read_bytes()
    assert data.count(b"5" * 20) == 1
    file.write_bytes(data.replace(b"5" * 20, b"6" * 20))
    with Database.open(folder) as database, pytest.raises(DatabaseError, match="is damaged"):
        read(database)


def _read_copy(folder: Path, copy: Path) -> list[tuple[bytes, bytes]]:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    return _read(copy)


# Write failures

FILLER = """
import resource
import sys
from pathlib import Path
from storage.database import Database, DatabaseError
database = Database.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        database.write([(b"s%d" % written, bytes(1000))], sync=True)
        written += 1
except DatabaseError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
readable = all(database.get(b"s%d" % i) == bytes(1000) for i in range(written))
try:
    database.write([(b"small", b"")], sync=True)
except DatabaseError as error:
    print(error)
print(written, readable)
"""


def test_a_full_disk_stops_writing_and_loses_nothing(folder: Path) -> None:
    with _run(FILLER, folder) as process:
        first, second, summary = process.communicate()[0].splitlines()
    assert first.startswith(f"{folder} could not be written (IO error: ")
    assert first.endswith("make room on the disk, then start the node again")
    assert second == first
    written, readable = summary.split()
    assert (int(written) > 50, readable) == (True, "True")
    with Database.open(folder) as database:
        assert len(database.keys(b"s")) == int(written)
        database.write([(b"small", b"")], sync=True)


def test_row_kinds_have_distinct_first_bytes() -> None:
    kinds = [value for name, value in vars(database_module).items() if name.endswith("_ROW")]
    assert len(set(kinds)) == len(kinds) > 10
    assert {len(kind) for kind in kinds} == {1}
    assert set(kinds) == set(ROW_KINDS)
    assert len(set(ROW_KINDS.values())) == len(kinds)
