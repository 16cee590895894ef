"""A database made from a snapshot: in any order, despite any interruption, of right chunks only."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consensus.snapshot
from consensus import tree
from consensus.errors import InvalidProof
from consensus.record import replace
from consensus.snapshot import SnapshotManifest
from storage.database import IMPORT_ROW, META_ROW, PAGE_ROW, STATE_ROW, DatabaseError, Write
from storage.snapshot_file import SnapshotError, SnapshotFile
from storage.snapshot_import import SnapshotImport, unfinished_import
from storage.snapshots import SnapshotStore
from tests.simulation.crashes import Machine, every_crash
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from tests.storage.snapshot_world import change_state, head_of, rows_of, write_state

FOLDER = Path("/node/snapshots")
META: list[Write] = [(META_ROW, b"the chain's record")]


@pytest.fixture(autouse=True, scope="module")
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consensus.snapshot, "CHUNK_BYTES", 1_500)
        yield


def snapshot_of(
    rows: dict[bytes, bytes], height: int = 1000
) -> tuple[SnapshotFile, MemoryDatabase]:
    """A snapshot, and the database that it is of."""
    database = MemoryDatabase()
    head = head_of(write_state(database, rows), height)
    return SnapshotStore(FOLDER, MemoryDisk()).take(database.snapshot(), head, ()), database


@pytest.fixture(scope="module")
def taken() -> tuple[SnapshotFile, MemoryDatabase]:
    return snapshot_of(rows_of(60))


def state_in(database: MemoryDatabase) -> dict[bytes, bytes]:
    """All rows of the state and pages of its tree."""
    kinds = (STATE_ROW, PAGE_ROW)
    return dict(row for kind in kinds for row in database.scan(kind, limit=10**6))


@given(seed=st.integers(0, 2**32))
def test_chunks_in_any_order_make_the_same_database(
    taken: tuple[SnapshotFile, MemoryDatabase], seed: int
) -> None:
    file, original = taken
    database = MemoryDatabase()
    imported = SnapshotImport(database, file.manifest)
    order = imported.missing
    assert len(order) > 5
    Random(seed).shuffle(order)
    for done, index in enumerate(order):
        assert len(imported.missing) == len(order) - done
        assert imported.add(index, file.chunk(index))
        assert not imported.add(index, b"not even looked at")
    assert imported.done_bytes == file.manifest.size_bytes
    imported.finish(lambda: META)
    assert state_in(database) == state_in(original)
    assert (database.get(META_ROW), database.keys(IMPORT_ROW)) == (META[0][1], [])


def test_a_chunk_that_is_not_the_right_one_leaves_nothing(
    taken: tuple[SnapshotFile, MemoryDatabase],
) -> None:
    file, _ = taken
    database = MemoryDatabase()
    imported = SnapshotImport(database, file.manifest)
    before, writes = state_in(database), database.writes
    good = file.chunk(3)
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), file.chunk(4), b"", good[:-1], good * 2):
        with pytest.raises(InvalidProof, match="chunk 3"):
            imported.add(3, bad)
    assert (state_in(database), database.writes) == (before, writes)
    assert imported.add(3, good)
    assert 3 not in imported.missing


def test_a_manifest_that_states_another_weight_is_found_out(
    taken: tuple[SnapshotFile, MemoryDatabase],
) -> None:
    file, _ = taken
    entry = file.manifest.chunks[2]
    entries = list(file.manifest.chunks)
    entries[2] = replace(entry, weight=entry.weight + 1)
    imported = SnapshotImport(MemoryDatabase(), replace(file.manifest, chunks=tuple(entries)))
    with pytest.raises(InvalidProof, match=r"manifest\.chunks: chunk 2 weighs"):
        imported.add(2, file.chunk(2))


def test_nothing_is_finished_while_a_chunk_is_missing(
    taken: tuple[SnapshotFile, MemoryDatabase],
) -> None:
    file, _ = taken
    database = MemoryDatabase()
    imported = SnapshotImport(database, file.manifest)
    for index in imported.missing[1:]:
        imported.add(index, file.chunk(index))
    with pytest.raises(ValueError, match="1 chunks are missing"):
        imported.finish(lambda: META)
    assert database.get(META_ROW) is None


def test_a_database_that_was_damaged_meanwhile_becomes_no_chains(
    taken: tuple[SnapshotFile, MemoryDatabase],
) -> None:
    file, _ = taken
    database = MemoryDatabase()
    imported = SnapshotImport(database, file.manifest)
    for index in imported.missing:
        imported.add(index, file.chunk(index))
    change_state(database, {b"key 1": b"another value"})
    with pytest.raises(DatabaseError, match="does not have the block's root"):
        imported.finish(lambda: META)
    assert database.get(META_ROW) is None


def test_an_import_goes_on_in_another_process(taken: tuple[SnapshotFile, MemoryDatabase]) -> None:
    file, original = taken
    database = MemoryDatabase()
    assert unfinished_import(database) is None
    imported = SnapshotImport(database, file.manifest)
    for index in (4, 0):
        imported.add(index, file.chunk(index))
    database.kill()
    database = database.reopen()
    begun = unfinished_import(database)
    assert begun == file.manifest
    # The same chunks, proved final by another certificate.
    proof = replace(file.manifest.proof, certificate=b"other votes")
    imported = SnapshotImport(database, replace(file.manifest, proof=proof))
    assert sorted({*range(len(file.manifest.chunks))} - {*imported.missing}) == [0, 4]
    for index in imported.missing:
        imported.add(index, file.chunk(index))
    imported.finish(lambda: META)
    assert state_in(database) == state_in(original)
    assert unfinished_import(database) is None


def test_another_snapshot_begins_anew(taken: tuple[SnapshotFile, MemoryDatabase]) -> None:
    file, _ = taken
    database = MemoryDatabase()
    imported = SnapshotImport(database, file.manifest)
    for index in (4, 0):
        imported.add(index, file.chunk(index))
    other, original = snapshot_of(rows_of(50, first=20), 2000)
    imported = SnapshotImport(database, other.manifest)
    assert state_in(database) == {}
    for index in imported.missing:
        imported.add(index, other.chunk(index))
    imported.finish(lambda: META)
    assert state_in(database) == state_in(original)


def test_a_chain_is_not_overwritten(taken: tuple[SnapshotFile, MemoryDatabase]) -> None:
    database = MemoryDatabase()
    database.write(META, sync=True)
    with pytest.raises(SnapshotError, match="has a chain already"):
        SnapshotImport(database, taken[0].manifest)


def test_an_end_at_any_write_loses_no_more_than_the_chunks_on_their_way() -> None:
    file, original = snapshot_of(rows_of(20))
    stale, _ = snapshot_of(rows_of(9), 500)
    root = file.manifest.final.state_root

    def begun() -> Machine:
        """A machine on which another import was interrupted."""
        machine = Machine()
        imported = SnapshotImport(machine.database, stale.manifest)
        imported.add(0, stale.chunk(0))
        return machine

    def live(machine: Machine, told: list[SnapshotManifest]) -> None:
        database = machine.database
        if database.get(META_ROW) is not None:
            return
        imported = SnapshotImport(database, file.manifest)
        for index in reversed(imported.missing):
            imported.add(index, file.chunk(index))
        imported.finish(lambda: META)
        told.append(file.manifest)

    def check(machine: Machine, told: list[SnapshotManifest]) -> None:
        database = machine.database
        if told:
            assert database.get(META_ROW) is not None
        live(machine, [])
        assert state_in(database) == state_in(original)
        assert tree.root(lambda position: database.get(PAGE_ROW + position)) == root
        assert database.keys(IMPORT_ROW) == []

    done = every_crash(live, check, start=begun)
    assert done.points > len(file.manifest.chunks)
