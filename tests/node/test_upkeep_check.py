"""The check of a database: nothing wrong in good ones, and every wrong row named."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.block import BlockRef
from consensus.cid import RAW, cid_of
from consensus.codec import encode
from consensus.errors import InvalidGenesis
from consensus.voting import SafetyState
from node.candidate import read_block
from node.chain import Chain
from node.snapshots.proving import joined_writes
from node.snapshots.taking import take_snapshot
from node.upkeep.check import chain_faults, check_chain, content_faults, journal_faults
from node.upkeep.faults import Fault, Mend
from node.upkeep.state_check import root_of_rows
from storage.blocks import BlockStore
from storage.content import ContentStore
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    END_ROW,
    EVIDENCE_ROW,
    FIRST_ROW,
    HEIGHT_ROW,
    HISTORY_ROW,
    IMPORT_ROW,
    LINEAGE_ROW,
    PAGE_ROW,
    PROOF_ROW,
    RECEIPTS_ROW,
    SCHEMA_ROW,
    STATE_ROW,
    TRANSACTION_ROW,
    UNFINAL_ROW,
)
from storage.journal import Journal, JournalEntry
from storage.rows import ROW_KINDS
from storage.snapshot_import import SnapshotImport
from storage.snapshots import SnapshotStore
from tests.node.handovers import ELECTIONS, GENESIS, POOL, epochs, run_epochs
from tests.node.network import make_genesis_of
from tests.node.scene import Scene, new_machine, played
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from tests.vectors.state_tree_model import model_leaves, model_root

Rows = dict[bytes, bytes]

# What a node does without may be missing; a schema is looked at when a database is opened.
OPTIONAL = (PROOF_ROW, UNFINAL_ROW, SCHEMA_ROW)


def _quiet(_what: str, _number: int) -> None:
    """Nobody watches."""


def _database(rows: Mapping[bytes, bytes]) -> MemoryDatabase:
    database = MemoryDatabase()
    database.write([(END_ROW, None)], sync=True)
    database.write(rows.items(), sync=True)
    return database


def _faults(rows: Mapping[bytes, bytes]) -> list[Fault]:
    return list(chain_faults(_database(rows), GENESIS, _quiet))


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with played() as made:
        yield made


@pytest.fixture(scope="module", params=[0, 6])
def rows(scene: Scene, request: pytest.FixtureRequest) -> Rows:
    """All rows of a node at the scene's end that keeps all blocks, or the newest."""
    machine = new_machine()
    replace(scene, keep_blocks=request.param).live(machine, [])
    return dict(machine.database.rows)


# Good databases


def test_nothing_is_wrong_at_any_height(scene: Scene, rows: Rows) -> None:
    assert _faults(rows) == []
    kinds = {key[:1] for key in rows}
    assert set(ROW_KINDS) - kinds <= {EVIDENCE_ROW, FIRST_ROW, LINEAGE_ROW, IMPORT_ROW}


def test_a_database_without_a_chain_is_in_order() -> None:
    assert _faults({END_ROW: b""}) == []
    assert _faults({END_ROW: b"", STATE_ROW + b"a": b"", IMPORT_ROW: b""}) == []


@pytest.mark.parametrize("blocks", range(2, 13))
def test_nothing_is_wrong_in_a_node_that_joined_by_a_snapshot(blocks: int) -> None:
    old_database, database = MemoryDatabase(), MemoryDatabase()
    old = Chain(GENESIS, old_database, elected=ELECTIONS)
    slots = epochs(old, 4)
    run_epochs([old], slots[:blocks])
    file = take_snapshot(SnapshotStore(Path("/snapshots"), MemoryDisk()), old_database.snapshot())
    imported = SnapshotImport(database, file.manifest)
    for index in imported.missing:
        imported.add(index, file.chunk(index))
    imported.finish(lambda: joined_writes(GENESIS, database, file.manifest, [*file.steps()]))
    assert _faults(database.rows) == []
    new = Chain(GENESIS, database, elected=ELECTIONS)
    run_epochs([new], slots[blocks - 1 : blocks + 8])
    assert new.durable_final.height > file.manifest.height + 3
    assert _faults(database.rows) == []


# Wrong ones


def _changed(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def test_every_row_that_is_missing_is_missed(rows: Rows) -> None:
    for key in rows:
        if key[:1] not in OPTIONAL:
            _check_named(key, {other: value for other, value in rows.items() if other != key})


def test_every_row_that_is_changed_is_noticed(rows: Rows) -> None:
    for key, value in rows.items():
        if key[:1] not in (SCHEMA_ROW, END_ROW):
            _check_named(key, rows | {key: _changed(value)})


def test_every_row_that_is_cut_short_is_noticed(rows: Rows) -> None:
    for key, value in rows.items():
        if key[:1] not in (SCHEMA_ROW, END_ROW):
            _check_named(key, rows | {key: value[:-1]})


def _check_named(key: bytes, rows: Mapping[bytes, bytes]) -> None:
    """Its kind is named, and its height if it has one."""
    faults = _faults(rows)
    kind = {FIRST_ROW: "block"}.get(key[:1], ROW_KINDS[key[:1]])
    assert kind in {fault.kind for fault in faults}, key
    if key[:1] in (BLOCK_ROW, BLOCK_ID_ROW, RECEIPTS_ROW):
        heights = {fault.height for fault in faults if fault.kind == kind}
        assert heights == {int.from_bytes(key[1:], "big")}


@pytest.mark.parametrize(
    "kind",
    [
        *(PAGE_ROW, BLOCK_ROW, BLOCK_ID_ROW, HEIGHT_ROW, TRANSACTION_ROW, RECEIPTS_ROW),
        *(HISTORY_ROW, EVIDENCE_ROW, UNFINAL_ROW, IMPORT_ROW),
    ],
)
def test_a_row_too_many_is_noticed_and_only_that_is_to_go(rows: Rows, kind: bytes) -> None:
    tails = {
        PAGE_ROW: b"\x01\x02\x03\x04",
        HISTORY_ROW: b"\x00" + (99).to_bytes(8, "big"),
        HEIGHT_ROW: cid_of(RAW, b"").binary,
        TRANSACTION_ROW: bytes(32),
        UNFINAL_ROW: bytes(8) + cid_of(RAW, b"").binary,
    }
    tail = tails.get(kind, (99).to_bytes(8, "big"))
    faults = _faults(rows | {kind + tail: b"\x00" * 12})
    assert [fault.kind for fault in faults] == [ROW_KINDS[kind]]
    if kind != PAGE_ROW:
        assert [fault.writes for fault in faults] == [((kind + tail, None),)]


def test_wrong_rows_of_the_state_are_named(rows: Rows) -> None:
    states = sorted(key for key in rows if key.startswith(STATE_ROW) and b"token" in key)
    damaged = {key: value for key, value in rows.items() if key not in states[:3]}
    added = encode(["token.hidden"])
    damaged |= {states[4]: b"?", STATE_ROW + added: b"1"}
    first, *others = _faults(damaged)
    assert (first.kind, first.mend) == ("state", Mend.REPLAY)
    told = {fault.what for fault in others if fault.kind == "state row"}
    assert told >= {"is missing, with 2 others", f"token.hidden {added.hex()} is left over"}
    (wrong,) = (what for what in told if what.endswith(" is wrong"))
    assert wrong.startswith("token.")
    assert states[4][1:].hex() in wrong
    assert len(told) == 3


def test_a_row_of_no_known_kind_is_noticed(rows: Rows) -> None:
    assert [fault.kind for fault in _faults(rows | {b"zebra": b""})] == ["unknown row"]


def test_all_that_is_wrong_is_told_not_only_the_first(rows: Rows) -> None:
    damaged = dict(rows)
    for kind in (PAGE_ROW, HEIGHT_ROW, RECEIPTS_ROW, HISTORY_ROW):
        del damaged[max(key for key in rows if key.startswith(kind))]
    kinds = {fault.kind for fault in _faults(damaged)}
    assert kinds == {"state page", "height of a block", "results", "history"}


def test_what_follows_from_other_rows_says_how_it_is_put_right(rows: Rows) -> None:
    derived = (BLOCK_ID_ROW, HEIGHT_ROW, TRANSACTION_ROW, END_ROW)
    for key, value in rows.items():
        if key[:1] not in derived:
            continue
        faults = _faults({other: value for other, value in rows.items() if other != key})
        assert [fault.writes for fault in faults] == [((key, value),)]


def test_missing_blocks_are_told_together(rows: Rows) -> None:
    heights = [int.from_bytes(key[1:], "big") for key in rows if key.startswith(BLOCK_ROW)]
    gone = sorted(heights)[-4:-1]
    damaged = {
        key: value
        for key, value in rows.items()
        if not (key.startswith(BLOCK_ROW) and int.from_bytes(key[1:], "big") in gone)
    }
    told = [str(fault) for fault in _faults(damaged) if fault.kind == "block"]
    assert told == [f"block at height {gone[0]} and those up to height {gone[-1]} are missing"]


def test_a_block_in_the_place_of_another_is_noticed(rows: Rows) -> None:
    last = max(key for key in rows if key.startswith(BLOCK_ROW))
    height = int.from_bytes(last[1:], "big")
    below = BLOCK_ROW + (height - 1).to_bytes(8, "big")
    (fault,) = (each for each in _faults(rows | {below: rows[last]}) if each.kind == "block")
    assert (fault.height, fault.mend) == (height - 1, Mend.REPLAY)


def test_another_chains_database_is_no_damage(rows: Rows) -> None:
    database = MemoryDatabase()
    database.write(rows.items(), sync=True)
    check_chain(database, GENESIS)
    with pytest.raises(InvalidGenesis, match="/chain belongs to another chain"):
        check_chain(database, make_genesis_of(POOL.values()))


def test_the_root_of_all_rows_is_that_of_the_tree() -> None:
    for count in (0, 1, 2, 3, 17, 300):
        leaves = model_leaves({b"%d" % number: b"value" for number in range(count)})
        in_any_order = [path + value_hash for path, value_hash in sorted(leaves.items())][::-1]
        assert root_of_rows(in_any_order) == model_root(leaves)


# Files


def test_a_journal_that_is_damaged_or_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    (fault,) = journal_faults(file)
    assert f"{file} does not exist" in fault.what
    Journal.open(file).close()
    assert list(journal_faults(file)) == []
    file.write_bytes(_changed(file.read_bytes()))
    (fault,) = journal_faults(file)
    assert f"{file} is damaged" in fault.what


def test_a_database_that_is_older_than_the_journal_is_named(scene: Scene, tmp_path: Path) -> None:
    finals = {height: _database(rows) for height, rows in scene.finals.items()}
    ids = {height: BlockStore(database).id_at(height) for height, database in finals.items()}
    block = read_block(BlockStore(finals[20]).at(20) or b"")
    assert ids[20] == block.id
    with Journal.open(tmp_path / "journal") as journal:
        state = SafetyState(1000, 0, 0, 0, 0)
        journal.append([JournalEntry(bytes(32), state, BlockRef(block.id, block.header.slot))])
    for height, database in finals.items():
        told = [fault.what for fault in journal_faults(tmp_path / "journal", database)]
        assert len(told) == (height < 20)
        assert all(f"is older than block {block.id} of slot" in what for what in told)


def test_content_that_is_not_what_its_name_says_is_named(tmp_path: Path) -> None:
    store, blocks = ContentStore(tmp_path / "content"), [b"one", b"two", b"three"]
    for block in blocks:
        store.put(cid_of(RAW, block), block)
    (tmp_path / "content" / "00" / "x.1.new").write_bytes(b"half")
    assert list(content_faults(tmp_path / "content", _quiet)) == []
    files = list((tmp_path / "content").rglob("baf*"))
    for file in files[:2]:
        file.write_bytes(_changed(file.read_bytes()))
    files[2].rename(files[2].with_name("holiday.jpg"))
    told = [fault.what for fault in content_faults(tmp_path / "content", _quiet)]
    assert len(told) == 3
    assert all("is damaged" in what for what in told)
    assert any("holiday.jpg" in what for what in told)
