"""Snapshots that a node keeps: whole or not there, the same whoever takes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

import consensus.snapshot
from consensus.errors import InvalidProof
from consensus.snapshot import read_chunk
from storage.database import PAGE_ROW, STATE_ROW, DatabaseError
from storage.disk import RealDisk
from storage.snapshot_file import MAGIC, SnapshotError, SnapshotFile
from storage.snapshots import KEPT_SNAPSHOTS, SnapshotStore, file_name, offer_of, stored_files
from tests.simulation.crashes import Machine, every_crash
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from tests.storage.snapshot_world import STEPS, change_state, head_of, rows_of, write_state

FOLDER = Path("/node/snapshots")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", 1_000)


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def store() -> SnapshotStore:
    return SnapshotStore(FOLDER, MemoryDisk())


def taken(
    database: MemoryDatabase,
    store: SnapshotStore,
    rows: dict[bytes, bytes],
    steps: tuple[bytes, ...] = (),
) -> SnapshotFile:
    """A snapshot of these rows."""
    head = head_of(write_state(database, rows))
    return store.take(database.snapshot(), head, steps)


def rows_in(file: SnapshotFile) -> dict[bytes, bytes]:
    """All rows, each chunk checked."""
    rows: dict[bytes, bytes] = {}
    for i in range(len(file.manifest.chunks)):
        rows |= {row.key: row.value for row in read_chunk(file.manifest, i, file.chunk(i)).rows}
    return rows


def chunks_of(file: SnapshotFile) -> list[bytes]:
    return [file.chunk(i) for i in range(len(file.manifest.chunks))]


def test_a_snapshot_holds_all_rows_and_proves_each_chunk(
    database: MemoryDatabase, store: SnapshotStore
) -> None:
    rows = rows_of(100)
    head = head_of(write_state(database, rows))
    made = store.take(database.snapshot(), head, STEPS)
    assert len(made.manifest.chunks) > 4
    assert rows_in(made) == rows
    assert made.manifest_data() == made.manifest.encode()
    assert made.step_count == len(STEPS)
    assert store.find(head.block_id) is store.newest() is made
    assert store.offers() == (offer_of(made.manifest),)
    offer = store.offers()[0]
    assert (offer.height, offer.block_id, offer.cut) == (1000, head.block_id, made.manifest.cut)
    assert (offer.chunks, offer.size_bytes) == (
        len(made.manifest.chunks),
        sum(map(len, chunks_of(made))),
    )


def test_what_is_written_meanwhile_is_not_in_it(
    database: MemoryDatabase, store: SnapshotStore
) -> None:
    rows = rows_of(1200)
    head = head_of(write_state(database, rows))
    blocks = 0

    def block() -> None:
        nonlocal blocks
        blocks += 1
        change_state(database, {b"key %d" % blocks: None, b"new %d" % blocks: b"value"})

    made = store.take(database.snapshot(), head, STEPS, pause=block)
    assert blocks > 10
    assert rows_in(made) == rows


def test_nodes_with_the_same_state_make_the_same_chunks(
    database: MemoryDatabase, store: SnapshotStore
) -> None:
    rows = rows_of(200)
    one = taken(database, store, rows, STEPS)
    other = MemoryDatabase()
    write_state(other, {b"gone": b"by now", **rows_of(60, first=150)})
    change_state(other, {**rows_of(90), b"key 240": b"for a while", b"key 3": b"other"})
    gone: list[bytes] = [b"gone", *(b"key %d" % i for i in range(200, 241))]
    change_state(other, {**rows, **dict.fromkeys(gone)})
    root = change_state(other, {})
    second = SnapshotStore(FOLDER, MemoryDisk()).take(other.snapshot(), head_of(root), STEPS)
    assert second.manifest == one.manifest
    assert chunks_of(second) == chunks_of(one)


def test_the_newest_few_are_kept(database: MemoryDatabase) -> None:
    disk = MemoryDisk()
    store = SnapshotStore(FOLDER, disk)
    heads = [head_of(write_state(database, rows_of(9)), height) for height in (1000, 3000, 2000)]
    for head in heads:
        store.take(database.snapshot(), head, ())
    assert [offer.height for offer in store.offers()] == [3000, 2000][:KEPT_SNAPSHOTS]
    assert store.find(heads[0].block_id) is None
    assert {path.name for path in disk.files} == {file_name(2000), file_name(3000)}
    again = SnapshotStore(FOLDER, disk)
    assert again.offers() == store.offers()
    assert stored_files(FOLDER, disk) == [FOLDER / file_name(3000), FOLDER / file_name(2000)]


def test_a_snapshot_is_one_file_of_the_real_disk(tmp_path: Path, database: MemoryDatabase) -> None:
    store = SnapshotStore(tmp_path / "snapshots")
    rows = rows_of(50)
    made = taken(database, store, rows, STEPS)
    (path,) = (tmp_path / "snapshots").iterdir()
    assert path == made.path
    assert rows_in(SnapshotFile.open(path)) == rows
    assert stored_files(tmp_path / "none", RealDisk()) == []


# What goes wrong


def test_a_taking_that_is_given_up_leaves_nothing(database: MemoryDatabase) -> None:
    disk = MemoryDisk()
    store = SnapshotStore(FOLDER, disk)
    head = head_of(write_state(database, rows_of(99)))

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.take(database.snapshot(), head, (), pause=stop)
    assert (disk.files, store.offers()) == ({}, ())
    assert store.take(database.snapshot(), head, ()).manifest.height == 1000


@pytest.mark.parametrize("damage", ["row", "page", "root"])
def test_a_damaged_state_is_offered_to_nobody(
    database: MemoryDatabase, store: SnapshotStore, damage: str
) -> None:
    root = write_state(database, rows_of(99))
    if damage == "row":
        database.write([(STATE_ROW + b"key 7", b"another value")], sync=True)
    elif damage == "page":
        pages = [key for key in database.keys(PAGE_ROW) if key != PAGE_ROW]
        database.write([(key, None) for key in pages], sync=True)
    else:
        root = bytes(32)
    with pytest.raises(DatabaseError, match="damaged"):
        store.take(database.snapshot(), head_of(root), ())
    assert store.offers() == ()


def test_a_state_that_is_too_large_is_refused(
    database: MemoryDatabase, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.snapshots.MAX_CHUNKS", 3)
    with pytest.raises(SnapshotError, match="more than 3 chunks"):
        taken(database, store, rows_of(99))


def test_a_row_that_fits_no_chunk_is_refused(
    database: MemoryDatabase, store: SnapshotStore
) -> None:
    root = write_state(database, {b"k" * 1025: b"value"})
    with pytest.raises(SnapshotError, match="fits no chunk"):
        store.take(database.snapshot(), head_of(root), ())


def _cut(data: bytes) -> bytes:
    return data[:-1]


def _longer(data: bytes) -> bytes:
    return data + b"\0"


def _other(data: bytes) -> bytes:
    return b"another file"


def _head_only(data: bytes) -> bytes:
    return MAGIC


def _far(data: bytes) -> bytes:
    return data[:-24] + b"\xff" * 8 + data[-16:]


def _shifted(data: bytes) -> bytes:
    return data[: len(MAGIC)] + b"x" + data[len(MAGIC) :]


@pytest.mark.parametrize("damage", [_cut, _longer, _other, _head_only, _far, _shifted])
def test_a_file_that_cannot_be_read_is_named_and_dropped(
    tmp_path: Path, database: MemoryDatabase, damage: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path / "snapshots"
    made = taken(database, SnapshotStore(folder), rows_of(9), STEPS)
    made.path.write_bytes(damage(made.path.read_bytes()))
    with pytest.raises(SnapshotError, match=str(made.path)):
        SnapshotFile.open(made.path)
    assert SnapshotStore(folder).offers() == ()
    assert list(folder.iterdir()) == []


def test_every_changed_byte_of_a_chunk_is_noticed(
    database: MemoryDatabase, store: SnapshotStore
) -> None:
    made = taken(database, store, rows_of(60))
    data = made.chunk(1)
    for i in range(len(data)):
        with pytest.raises(InvalidProof, match="chunk 1"):
            read_chunk(made.manifest, 1, data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])
    for other in (b"", data[:-1], data + b"\0", made.chunk(2)):
        with pytest.raises(InvalidProof, match="chunk 1"):
            read_chunk(made.manifest, 1, other)


def test_steps_that_are_cut_short_are_named(tmp_path: Path, database: MemoryDatabase) -> None:
    store = SnapshotStore(tmp_path / "snapshots")
    made = taken(database, store, rows_of(9), STEPS)
    with pytest.raises(SnapshotError, match="dynasty step 0"):
        list(made.steps())


def test_no_end_at_any_operation_shows_a_part_of_a_snapshot() -> None:
    heights = (1000, 2000, 3000)
    states = [rows_of(count) for count in (2, 3, 5)]
    readers, heads = [], []
    for height, rows in zip(heights, states, strict=True):
        database = MemoryDatabase()
        heads.append(head_of(write_state(database, rows), height))
        readers.append(database.snapshot())

    def live(machine: Machine, told: list[int]) -> None:
        store = SnapshotStore(FOLDER, machine.disk)
        for height, reader, head in zip(heights, readers, heads, strict=True):
            store.take(reader, head, STEPS)
            told.append(height)

    def check(machine: Machine, told: list[int]) -> None:
        store = SnapshotStore(FOLDER, machine.disk)
        kept = [offer.height for offer in store.offers()]
        for offer in store.offers():
            file = store.find(offer.block_id)
            assert file is not None
            assert rows_in(file) == states[heights.index(offer.height)]
        assert {path.name for path in machine.disk.files} == {file_name(each) for each in kept}
        assert not told or kept[0] >= max(told)
        assert len(kept) >= min(len(told), KEPT_SNAPSHOTS)
        store.take(readers[-1], heads[-1], STEPS)

    done = every_crash(live, check)
    assert done.points > 20
