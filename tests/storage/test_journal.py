"""The signing journal: durable before it returns, recovered when torn, refused when damaged."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consensus.block import MAX_SLOT, BlockRef
from consensus.cid import DAG_CBOR, cid_of
from consensus.hashing import sha256
from consensus.kinds import JSON_INTEGER_MAX
from consensus.record import replace
from consensus.voting import FRESH_STATE, SafetyState
from storage import journal as journal_module
from storage.journal import (
    MAGIC,
    MAX_ENTRY_BYTES,
    MAX_JOURNAL_KEYS,
    Journal,
    JournalEntry,
    JournalError,
)

KEYS = [bytes([i]) * 32 for i in range(21)]
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
def written(file: Path) -> tuple[bytes, int]:
    """A journal of three appends: its bytes, and where the last frame begins."""
    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 1), _entry(KEYS[1], 1)])
        journal.append([_entry(KEYS[0], 2)])
        last = file.stat().st_size
        journal.append([_entry(KEYS[0], 3), _entry(KEYS[1], 3)])
    return file.read_bytes(), last


def test_an_absent_journal_is_created_and_says_so(file: Path) -> None:
    with Journal.open(file) as journal:
        assert journal.created
        assert journal.entry(KEYS[0]) is None
    assert file.read_bytes() == MAGIC
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Journal.open(file) as journal:
        assert not journal.created


def test_the_last_entry_of_each_key_is_kept(file: Path, written: tuple[bytes, int]) -> None:
    with Journal.open(file) as journal:
        assert journal.entries == (_entry(KEYS[0], 3), _entry(KEYS[1], 3))
        assert journal.entry(KEYS[1]) == _entry(KEYS[1], 3)
        assert journal.entry(KEYS[2]) is None
        assert journal.torn_bytes == 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    def watch(name: str, call: Callable[..., object]) -> None:
        def called(*args: object) -> object:
            made.append(name)
            return call(*args)

        monkeypatch.setattr(os, name, called)

    for name in ("write", "fsync", "replace"):
        watch(name, getattr(os, name))
    return made


def test_an_append_is_one_write_and_one_fsync(file: Path, calls: list[str]) -> None:
    with Journal.open(file) as journal:
        assert calls == ["write", "fsync", "replace", "fsync"]
        calls.clear()
        journal.append([_entry(key, 1) for key in KEYS])
        assert calls == ["write", "fsync"]
        calls.clear()
        journal.append([])
        assert calls == []


def test_a_frame_cut_at_any_byte_is_dropped_whole(file: Path, written: tuple[bytes, int]) -> None:
    data, last = written
    for size in range(last + 1, len(data)):
        file.write_bytes(data[:size])
        with Journal.open(file) as journal:
            assert journal.torn_bytes == size - last
            assert journal.entries == (_entry(KEYS[0], 2), _entry(KEYS[1], 1))
            journal.append([_entry(KEYS[0], 4)])
        with Journal.open(file) as journal:
            assert journal.torn_bytes == 0
            assert journal.entries == (_entry(KEYS[0], 4), _entry(KEYS[1], 1))


def test_every_changed_byte_is_refused(file: Path, written: tuple[bytes, int]) -> None:
    data, _ = written
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1 << i % 8
        file.write_bytes(changed)
        with pytest.raises(JournalError, match=f"{file} is damaged"):
            Journal.open(file)
        assert file.read_bytes() == changed


def test_a_frame_that_is_gone_twice_or_moved_is_refused(
    file: Path, written: tuple[bytes, int]
) -> None:
    data, last = written
    first_end = len(MAGIC) + _frame_size(data, len(MAGIC))
    first, second, third = data[len(MAGIC) : first_end], data[first_end:last], data[last:]
    for frames in ((second, third), (first, third), (second, first, third), (first, first)):
        file.write_bytes(MAGIC + b"".join(frames))
        with pytest.raises(JournalError, match="damaged"):
            Journal.open(file)


def _frame_size(data: bytes, position: int) -> int:
    return 8 + int.from_bytes(data[position : position + 4], "big") + 32


def test_zeros_after_the_end_are_damage(file: Path, written: tuple[bytes, int]) -> None:
    data, _ = written
    file.write_bytes(data + bytes(512))
    with pytest.raises(JournalError, match="damaged"):
        Journal.open(file)


def test_a_file_without_its_whole_beginning_is_damage(file: Path) -> None:
    for size in range(len(MAGIC)):
        file.write_bytes(MAGIC[:size])
        with pytest.raises(JournalError, match="damaged"):
            Journal.open(file)


def test_a_state_never_goes_back(file: Path) -> None:
    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 5)])
        before = file.read_bytes()
        with pytest.raises(ValueError):
            journal.append([_entry(KEYS[1], 5), _entry(KEYS[0], 4)])
        with pytest.raises(ValueError):
            journal.append([_entry(KEYS[1], 5), _entry(KEYS[1], 4)])
        assert journal.entries == (_entry(KEYS[0], 5),)
        assert file.read_bytes() == before
        journal.append([_entry(KEYS[0], 5)])


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_after_a_failed_append_nothing_is_taken_until_it_is_opened_anew(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 1)])
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(JournalError, match="No space left"):
                journal.append([_entry(KEYS[0], 2)])
        assert journal.entry(KEYS[0]) == _entry(KEYS[0], 1)
        with pytest.raises(JournalError):
            journal.append([_entry(KEYS[0], 3)])
    with Journal.open(file) as journal:
        journal.append([_entry(KEYS[0], 3)])
        assert journal.entry(KEYS[0]) == _entry(KEYS[0], 3)


def test_a_write_that_stops_halfway_is_a_torn_frame(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def half(descriptor: int, data: bytes) -> int:
        write(descriptor, data[: len(data) // 2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Journal.open(file) as journal, monkeypatch.context() as patch:
        journal.append([_entry(KEYS[0], 1)])
        patch.setattr(os, "write", half)
        with pytest.raises(JournalError):
            journal.append([_entry(KEYS[0], 2)])
    with Journal.open(file) as journal:
        assert journal.torn_bytes > 0
        assert journal.entry(KEYS[0]) == _entry(KEYS[0], 1)


def test_short_writes_are_carried_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with Journal.open(file) as journal:
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
        journal.append([_entry(KEYS[0], 1)])
    with Journal.open(file) as journal:
        assert journal.entries == (_entry(KEYS[0], 1),)


def test_the_file_stays_within_its_bound(file: Path) -> None:
    bound, sizes = 4096, list[int]()
    with Journal.open(file, max_bytes=bound) as journal:
        for slot in range(1, 100):
            journal.append([_entry(KEYS[slot % 3], slot)])
            sizes.append(file.stat().st_size)
    assert max(sizes) <= bound
    assert sizes != sorted(sizes)
    with Journal.open(file, max_bytes=bound) as journal:
        assert [entry.state.last_slot for entry in journal.entries] == [99, 97, 98]
        assert not journal.created


def test_a_crash_while_compacting_keeps_the_old_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Journal.open(file, max_bytes=600) as journal, monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        slot = _append_until_it_fails(journal)
    with Journal.open(file, max_bytes=600) as journal:
        assert journal.entry(KEYS[0]) == _entry(KEYS[0], slot - 1)
        journal.append([_entry(KEYS[0], slot)])
        assert journal.entry(KEYS[0]) == _entry(KEYS[0], slot)


def _append_until_it_fails(journal: Journal) -> int:
    for slot in range(1, 100):
        try:
            journal.append([_entry(KEYS[0], slot)])
        except JournalError:
            return slot
    raise AssertionError("the journal was never compacted")


def test_compaction_is_durable_before_it_returns(file: Path, calls: list[str]) -> None:
    with Journal.open(file, max_bytes=600) as journal:
        for slot in range(1, 20):
            calls.clear()
            journal.append([_entry(KEYS[0], slot)])
            if "replace" in calls:
                break
    assert calls == ["write", "fsync", "replace", "fsync"]


def test_a_file_larger_than_the_bound_is_refused(file: Path) -> None:
    file.write_bytes(MAGIC + bytes(5000))
    with pytest.raises(JournalError, match="larger than 4096 bytes"):
        Journal.open(file, max_bytes=4096)


def test_the_number_of_keys_is_bounded(file: Path) -> None:
    entries = [_entry(i.to_bytes(32, "big"), 1) for i in range(MAX_JOURNAL_KEYS)]
    with Journal.open(file) as journal:
        journal.append(entries)
        with pytest.raises(JournalError, match="at most 1024 keys"):
            journal.append([_entry(b"\xff" * 32, 1)])
        journal.append(entries[:1])


def test_the_largest_entry_fits_its_bound() -> None:
    highest = SafetyState(*[JSON_INTEGER_MAX] * 5)
    final = replace(FINAL, slot=MAX_SLOT)
    assert len(JournalEntry(KEYS[0], highest, final).encode()) <= MAX_ENTRY_BYTES


def test_a_second_opening_in_the_same_process_is_refused(file: Path) -> None:
    with Journal.open(file), pytest.raises(JournalError, match=f"process {os.getpid()}"):
        Journal.open(file)
    Journal.open(file).close()


_OPEN = "import sys; from pathlib import Path; from storage.journal import Journal\n"


def test_a_second_process_is_refused_while_the_first_lives(file: Path) -> None:
    code = _OPEN + "Journal.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        cwd=Path(journal_module.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(JournalError, match=f"in use by process {process.pid}"):
            Journal.open(file)
        process.kill()
        process.wait()
        Journal.open(file).close()


def test_a_closed_journal_takes_nothing(file: Path) -> None:
    journal = Journal.open(file)
    journal.close()
    journal.close()
    with pytest.raises(JournalError):
        journal.append([JournalEntry(KEYS[0], FRESH_STATE, None)])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="absent"):
        Journal.open(tmp_path / "absent" / "journal")


def test_a_record_of_another_version_is_refused(file: Path) -> None:
    payload = b"\x81\x82\x61\x78\x01"  # [["x", 1]]
    _write_frame(file, payload)
    with pytest.raises(JournalError, match="another version"):
        Journal.open(file)


def _write_frame(file: Path, payload: bytes) -> None:
    digest = sha256(MAGIC)
    head = journal_module._head(digest, len(payload).to_bytes(4, "big"))
    file.write_bytes(MAGIC + head + payload + sha256(digest + head + payload))
