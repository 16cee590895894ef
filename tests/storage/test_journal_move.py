"""A journal that was moved away signs nothing more, and only its fence hands its states on."""

import errno
import random
from pathlib import Path

import pytest

from consensus.block import MAX_SLOT, BlockRef
from consensus.cid import DAG_CBOR, cid_of
from consensus.codec import encode
from consensus.hashing import sha256
from consensus.kinds import JSON_INTEGER_MAX
from consensus.record import replace
from consensus.voting import FRESH_STATE, SafetyState
from storage import journal as journal_module
from storage import journal_export
from storage.journal import (
    MAGIC,
    MAX_JOURNAL_KEYS,
    Journal,
    JournalContents,
    JournalEntry,
    JournalError,
    JournalFence,
    read_journal,
)
from storage.journal_export import (
    MAX_EXPORT_BYTES,
    check_addressed,
    entries_to_take,
    read_export,
    write_export,
)
from tests.simulation.disk import MemoryDisk

KEYS = [bytes([i]) * 32 for i in range(3)]
NODE = b"n" * 32
OTHER = b"o" * 32
FINAL = BlockRef(cid_of(DAG_CBOR, b"final"), 7)


def _entry(key: bytes, slot: int) -> JournalEntry:
    state = SafetyState(
        last_slot=slot, lock_dynasty=0, lock_slot=slot - 1, floor=0, last_produced_slot=slot
    )
    return JournalEntry(key, state, FINAL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "signing.journal"


@pytest.fixture
def fenced(file: Path) -> tuple[bytes, int]:
    """A journal of two keys that was moved to NODE: its bytes, and where its fence begins."""
    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 1), _entry(KEYS[1], 1)])
        journal.append([_entry(KEYS[0], 2)])
        end = file.stat().st_size
        journal.fence(NODE)
    return file.read_bytes(), end


# The fence


def test_a_fenced_journal_takes_no_entry_for_ever(file: Path) -> None:
    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 1)])
        assert journal.moved_to is None
        journal.check_writable()
        journal.fence(NODE)
        _check_moved(journal)
    for _ in range(2):
        with Journal.open(file) as journal:
            _check_moved(journal)


def _check_moved(journal: Journal) -> None:
    message = f"signing journal {journal.file} was moved to node {NODE.hex()}: nothing is signed"
    for entry in (_entry(KEYS[0], 2), _entry(KEYS[1], 2)):
        with pytest.raises(JournalError, match=message):
            journal.append([entry])
    with pytest.raises(JournalError, match=message):
        journal.check_writable()
    journal.append([])  # a node without seats goes on with it
    assert journal.moved_to == NODE
    assert journal.entries == (_entry(KEYS[0], 1),)


@pytest.mark.parametrize(("slots", "operations"), [(2, 2), (3, 5)], ids=["append", "compaction"])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_fence_is_durable_when_it_returns(slots: int, operations: int, share: float) -> None:
    for failing in range(1, operations + 2):
        for seed in range(10):
            disk = MemoryDisk()
            with Journal.open(Path("/j"), max_bytes=500, disk=disk) as journal:
                for slot in range(1, slots + 1):
                    journal.append([_entry(KEYS[0], slot)])
                returned = _fence_returns(disk, journal, failing, share)
            assert returned == (failing > operations)
            disk.crash(random.Random(seed))
            contents = read_journal(Path("/j"), disk=disk)
            assert contents.moved_to in ((NODE,) if returned else (NODE, None))
            assert contents.entries == {KEYS[0]: _entry(KEYS[0], slots)}


def _fence_returns(disk: MemoryDisk, journal: Journal, operation: int, share: float) -> bool:
    """Whether the fence returned although this operation of the disk fails."""
    disk.fail_at(operation, OSError(errno.EIO, "no"), share=share)
    try:
        journal.fence(NODE)
    except JournalError:
        with pytest.raises(JournalError):
            journal.append([_entry(KEYS[0], 9)])
        return False
    return True


def test_a_fence_is_written_once_and_for_one_node(file: Path) -> None:
    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 1)])
        journal.fence(NODE)
        data = file.read_bytes()
        journal.fence(NODE)
        with pytest.raises(JournalError, match=f"moved to node {NODE.hex()} before"):
            journal.fence(OTHER)
    with Journal.open(file) as journal:
        journal.fence(NODE)
        with pytest.raises(JournalError, match=f"moved to node {NODE.hex()} before"):
            journal.fence(OTHER)
    assert file.read_bytes() == data


def test_a_fence_without_room_compacts_the_journal(file: Path) -> None:
    with Journal.open(file, max_bytes=600) as journal:
        for slot in range(1, 100):
            journal.append([_entry(KEYS[slot % 2], slot)])
            before = file.stat().st_size
            if before > 550:
                break
        entries = journal.entries
        journal.fence(NODE)
        assert file.stat().st_size < before
    with Journal.open(file, max_bytes=600) as journal:
        assert (journal.moved_to, journal.entries) == (NODE, entries)


def test_a_fence_cut_at_any_byte_was_never_said(file: Path, fenced: tuple[bytes, int]) -> None:
    data, begin = fenced
    for size in range(begin + 1, len(data)):
        file.write_bytes(data[:size])
        with Journal.open(file) as journal:
            assert (journal.moved_to, journal.torn_bytes) == (None, size - begin)
            journal.append([_entry(KEYS[0], 3)])


def test_every_changed_byte_of_a_fence_is_damage(file: Path, fenced: tuple[bytes, int]) -> None:
    data, begin = fenced
    for i in range(begin, len(data)):
        file.write_bytes(data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        with pytest.raises(JournalError, match="is damaged"):
            Journal.open(file)


def test_whatever_follows_the_fence_is_damage(file: Path, fenced: tuple[bytes, int]) -> None:
    data, begin = fenced
    frame, _ = journal_module._frame(data[-32:], [_entry(KEYS[0], 3)])
    for more in (frame, frame[:50], b"\x00", data[begin:]):
        file.write_bytes(data + more)
        with pytest.raises(JournalError, match=f"damaged: {len(more)} bytes follow the fence"):
            Journal.open(file)


@pytest.mark.parametrize("order", [1, -1])
def test_a_fence_among_entries_is_refused(file: Path, order: int) -> None:
    records = [_entry(KEYS[0], 3), JournalFence(NODE)][::order]
    frame, _ = journal_module._frame(sha256(MAGIC), records)
    file.write_bytes(MAGIC + frame)
    with pytest.raises(JournalError, match="another version"):
        Journal.open(file)


# Reading beside a running node


def test_a_journal_in_use_is_read_as_it_is(file: Path) -> None:
    with Journal.open(file) as journal:
        for slot in range(1, 4):
            journal.append([_entry(KEYS[0], slot)])
            contents = read_journal(file)
            assert contents == journal.contents()
            assert contents.entries == {KEYS[0]: _entry(KEYS[0], slot)}
        size = file.stat().st_size
        with file.open("ab") as half:
            half.write(b"\x00\x00")  # as while the node writes
        contents = read_journal(file)
        assert (contents.size_bytes, contents.torn_bytes) == (size, 2)
    assert file.stat().st_size == size + 2


def test_reading_makes_and_locks_nothing(file: Path) -> None:
    with pytest.raises(JournalError, match=f"{file} does not exist"):
        read_journal(file)
    assert list(file.parent.iterdir()) == []
    file.mkdir()
    with pytest.raises(JournalError, match="Is a directory"):
        read_journal(file)


def test_a_damaged_journal_is_not_read(file: Path, fenced: tuple[bytes, int]) -> None:
    data, _ = fenced
    file.write_bytes(b"x" + data[1:])
    with pytest.raises(JournalError, match="is damaged"):
        read_journal(file)
    file.write_bytes(data + bytes(4096))
    with pytest.raises(JournalError, match="larger than 4096 bytes"):
        read_journal(file, max_bytes=4096)


# The export


@pytest.fixture
def export(file: Path, fenced: tuple[bytes, int]) -> bytes:
    return write_export(read_journal(file))


def test_an_export_holds_the_states_and_the_fence(file: Path, export: bytes) -> None:
    made = read_export(file, export)
    assert made.entries == (_entry(KEYS[0], 2), _entry(KEYS[1], 1))
    assert made.moved_to == NODE
    assert made.journal == read_journal(file).digest
    with Journal.open(file) as journal:
        assert write_export(journal.contents()) == export


def test_every_change_of_an_export_is_refused(export: bytes) -> None:
    place = Path("x.export")
    changes = [
        export[:i] + bytes([export[i] ^ 1 << i % 8]) + export[i + 1 :] for i in range(len(export))
    ]
    changes += [export[:size] for size in range(len(export))]
    changes += [export + b"\x00", export + export]
    for changed in changes:
        with pytest.raises(JournalError, match=r"x\.export is (damaged|not an export)"):
            read_export(place, changed)


def test_an_export_of_another_version_is_named() -> None:
    data = journal_export.MAGIC + encode([["journal-export", 2]])
    with pytest.raises(JournalError, match="written by another version"):
        read_export(Path("x.export"), data + sha256(data))


def test_the_largest_export_fits_its_bound() -> None:
    state = SafetyState(*[JSON_INTEGER_MAX] * 5)
    entries = {
        key: JournalEntry(key, state, replace(FINAL, slot=MAX_SLOT))
        for key in (i.to_bytes(32, "big") for i in range(MAX_JOURNAL_KEYS))
    }
    data = write_export(JournalContents(entries, NODE, 0, 0, bytes(32)))
    assert len(data) <= MAX_EXPORT_BYTES
    assert len(read_export(Path("x"), data).entries) == MAX_JOURNAL_KEYS


def test_only_a_fence_hands_states_on_and_only_to_its_node(file: Path, export: bytes) -> None:
    made = read_export(file, export)
    check_addressed(file, made, NODE)
    with pytest.raises(
        JournalError, match=f"is for node {NODE.hex()} and this is node {OTHER.hex()}"
    ):
        check_addressed(file, made, OTHER)
    with pytest.raises(JournalError, match=r"carries no fence.*wait before they sign again"):
        check_addressed(file, replace(made, moved_to=None), NODE)


def test_states_are_taken_beside_those_of_other_keys(tmp_path: Path, export: bytes) -> None:
    made = read_export(tmp_path, export)
    with Journal.open(tmp_path / "new") as journal:
        # A key that was made here and has signed nothing may have come from here.
        journal.append([_entry(KEYS[2], 5), JournalEntry(KEYS[1], FRESH_STATE, None)])
        journal.append(entries_to_take(journal, made))
        assert journal.entries == (*made.entries, _entry(KEYS[2], 5))
        assert list(entries_to_take(journal, made)) == []


@pytest.mark.parametrize("slot", [1, 3])
def test_a_key_that_signed_here_too_is_refused(tmp_path: Path, export: bytes, slot: int) -> None:
    made = read_export(tmp_path, export)
    with Journal.open(tmp_path / "new") as journal:
        journal.append([_entry(KEYS[0], slot)])
        with pytest.raises(JournalError, match=f"another state of key {KEYS[0].hex()}"):
            entries_to_take(journal, made)


def test_a_journal_that_was_moved_away_takes_nothing(tmp_path: Path, export: bytes) -> None:
    with Journal.open(tmp_path / "new") as journal:
        journal.append([_entry(KEYS[2], 5)])
        journal.fence(OTHER)
        with pytest.raises(JournalError, match=f"itself moved to node {OTHER.hex()}"):
            entries_to_take(journal, read_export(tmp_path, export))
