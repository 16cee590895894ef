"""The disk in memory does what the real one does, and the journal survives its crashes."""

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.block import BlockRef
from consensus.cid import DAG_CBOR, cid_of
from consensus.voting import SafetyState
from storage.disk import REAL_DISK, AppendFile, Disk, InUse
from storage.journal import Journal, JournalEntry, JournalError
from tests.simulation.crashes import Crashes, End
from tests.simulation.disk import MemoryDisk, MemoryFile

# The twin


@dataclass
class _Session:
    """Calls on a disk, and what they came to."""

    disk: Disk
    folder: Path
    open: dict[str, AppendFile] = field(default_factory=dict)

    def act(self, action: str, name: str, size: int) -> object:
        path = self.folder / name
        if action in ("open", "create"):
            self.close(name)
            self.open[name] = self.disk.open(path) if action == "open" else self.disk.create(path)
        elif action == "replace":
            self.disk.replace(path, self.folder / "a")
        elif action == "read":
            return self.disk.read(path, size), self.disk.size(path)
        elif action == "list":
            return self.disk.sizes(self.folder)
        elif action == "remove":
            self.disk.remove(path)
        elif name in self.open and action == "append":
            self.open[name].append(bytes([size]) * size)
        elif name in self.open and action == "truncate":
            self.open[name].truncate(size)
        elif name in self.open:
            self.open[name].sync()
        self.disk.sync_folder(self.folder)
        return None

    def attempt(self, action: str, name: str, size: int) -> object:
        try:
            return self.act(action, name, size)
        except OSError as error:
            return error.errno

    def close(self, name: str) -> None:
        if name in self.open:
            self.open.pop(name).close()


ACTIONS = st.sampled_from(
    ["open", "create", "replace", "remove", "read", "list", "append", "truncate", "sync"]
)
SESSIONS = st.lists(st.tuples(ACTIONS, st.sampled_from("abc"), st.integers(0, 9)), max_size=30)


@given(SESSIONS)
def test_the_disk_in_memory_does_what_the_real_one_does(
    tmp_path_factory: pytest.TempPathFactory, session: list[tuple[str, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("disk") / "made"
    for disk in (REAL_DISK, memory := MemoryDisk()):
        for _ in range(2):
            disk.make_folder(folder)
    real = _Session(REAL_DISK, folder)
    twin = _Session(memory, folder)
    for action, name, wanted in session:
        there = len(memory.files.get(folder / name, b""))
        # Beyond the end a real truncation would write zeros.
        size = min(wanted, there) if action == "truncate" else wanted
        assert twin.attempt(action, name, size) == real.attempt(action, name, size)
    assert dict(memory.files) == {path: path.read_bytes() for path in folder.iterdir()}
    for name in "abc":
        real.close(name)


def test_a_lock_has_one_owner_until_it_is_released_or_its_process_dies() -> None:
    disk, path = MemoryDisk(), Path("/lock")
    first = disk.lock(path)
    with pytest.raises(InUse, match="1"):
        disk.lock(path)
    first.release()
    second = disk.lock(path)
    first.release()
    with pytest.raises(InUse):
        disk.lock(path)
    disk.kill()
    third = disk.lock(path)
    second.release()
    with pytest.raises(InUse, match="2"):
        disk.lock(path)
    third.release()


def _written(disk: MemoryDisk) -> MemoryFile:
    file = disk.create(Path("/f/file"))
    file.append(b"durable")
    file.sync()
    disk.sync_folder(Path("/f"))
    return file


def _after_crashes(change: Callable[[MemoryDisk], None]) -> set[tuple[tuple[str, bytes], ...]]:
    """All that a crash after `change` may leave."""
    left = set()
    for seed in range(200):
        disk = MemoryDisk()
        change(disk)
        disk.crash(random.Random(seed))
        files = tuple(sorted((path.name, data) for path, data in disk.files.items()))
        left.add(files)
        disk.crash(random.Random(seed))
        assert files == tuple(sorted((path.name, data) for path, data in disk.files.items()))
    return left


def test_a_crash_keeps_a_first_part_of_what_was_not_synced() -> None:
    def change(disk: MemoryDisk) -> None:
        file = _written(disk)
        file.append(b"12")
        file.append(b"3")

    assert _after_crashes(change) == {
        (("file", b"durable" + rest),) for rest in (b"", b"1", b"12", b"123")
    }


def test_a_crash_may_undo_a_truncation_and_what_came_after() -> None:
    def change(disk: MemoryDisk) -> None:
        file = _written(disk)
        file.truncate(3)
        file.append(b"!")

    assert _after_crashes(change) == {(("file", data),) for data in (b"durable", b"dur", b"dur!")}


def test_a_crash_may_undo_names_in_order() -> None:
    def change(disk: MemoryDisk) -> None:
        _written(disk)
        new = disk.create(Path("/f/new"))
        new.append(b"new")
        new.sync()
        disk.replace(Path("/f/new"), Path("/f/file"))
        disk.create(Path("/f/other"))

    assert _after_crashes(change) == {
        (("file", b"durable"),),
        (("file", b"durable"), ("new", b"new")),
        (("file", b"new"),),
        (("file", b"new"), ("other", b"")),
    }


def test_a_crash_may_undo_a_removal() -> None:
    def change(disk: MemoryDisk) -> None:
        _written(disk)
        disk.remove(Path("/f/file"))

    assert _after_crashes(change) == {(), (("file", b"durable"),)}


def test_a_folder_is_lost_with_all_in_it_until_its_own_name_is_durable() -> None:
    def change(disk: MemoryDisk) -> None:
        disk.make_folder(Path("/f"))
        _written(disk)

    assert _after_crashes(change) == {(), (("file", b"durable"),)}

    def keep(disk: MemoryDisk) -> None:
        change(disk)
        disk.sync_folder(Path("/"))

    assert _after_crashes(keep) == {(("file", b"durable"),)}


def test_a_process_that_is_ended_does_nothing_more() -> None:
    disk = MemoryDisk()
    file = _written(disk)
    disk.fail_at(1, End())
    for call in (file.sync, lambda: file.append(b"?"), lambda: disk.remove(Path("/f/file"))):
        with pytest.raises(End):
            call()
    disk.kill()
    disk.remove(Path("/f/file"))
    assert disk.files == {}


def test_a_killed_process_loses_nothing_and_writes_nothing_more() -> None:
    disk = MemoryDisk()
    file = _written(disk)
    file.append(b"!")
    disk.kill()
    assert disk.files == {Path("/f/file"): b"durable!"}
    for call in (file.sync, lambda: file.append(b"?"), lambda: file.truncate(0)):
        with pytest.raises(RuntimeError, match="died"):
            call()
    file.close()
    disk.crash(_Loses())
    assert disk.files == {Path("/f/file"): b"durable"}


class _Loses(random.Random):
    """The worst chance: nothing is left of what was not synced."""

    def randint(self, a: int, b: int) -> int:
        return a


def test_the_operation_that_is_told_to_fails_once_and_the_rest_go_on() -> None:
    disk = MemoryDisk()
    file = _written(disk)
    disk.fail_at(2, OSError(errno.ENOSPC, "full"), share=0.5)
    file.append(b"12")
    with pytest.raises(OSError, match="full"):
        file.append(b"3456")
    assert disk.files == {Path("/f/file"): b"durable1234"}
    file.append(b"!")
    disk.fail_at(1)
    with pytest.raises(OSError, match="Input/output") as caught:
        file.sync()
    assert caught.value.errno == errno.EIO
    disk.crash(_Loses())
    assert disk.files == {Path("/f/file"): b"durable"}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_any_other_operation_is_done_before_it_fails_or_not(share: float) -> None:
    disk = MemoryDisk()
    file = _written(disk)
    path = Path("/f/file")
    calls: list[Callable[[], object]] = [
        lambda: file.truncate(3),
        lambda: disk.create(Path("/f/new")),
        lambda: disk.replace(path, Path("/f/moved")),
    ]
    for call in calls:
        disk.fail_at(1, share=share)
        with pytest.raises(OSError, match="Input/output"):
            call()
    done = {Path("/f/moved"): b"dur", Path("/f/new"): b""}
    assert disk.files == (done if share else {path: b"durable"})


# The journal on it

FILE = Path("/node/signing.journal")
KEYS = [bytes([i]) * 32 for i in range(3)]
FINAL = BlockRef(cid_of(DAG_CBOR, b"final"), 7)
MAX_BYTES = 2048

Slots = dict[bytes, int]


def _entry(key: bytes, slot: int) -> JournalEntry:
    return JournalEntry(key, SafetyState(slot, 0, slot - 1, 0, slot), FINAL)


def _slots(journal: Journal) -> Slots:
    return {entry.key: entry.state.last_slot for entry in journal.entries}


@dataclass
class _Life:
    """A journal's life on a disk: what has returned, and what was being appended."""

    disk: MemoryDisk
    created: bool = False
    returned: Slots = field(default_factory=dict)
    trying: Slots = field(default_factory=dict)

    def open(self) -> Journal:
        journal = Journal.open(FILE, max_bytes=MAX_BYTES, disk=self.disk)
        if self.created:
            assert not journal.created, "an old journal is gone"
        self.created = True
        assert _slots(journal) in (self.returned, self.trying)
        self.returned = self.trying = _slots(journal)
        return journal

    def append(self, journal: Journal, slots: Slots) -> None:
        self.trying = self.returned | slots
        journal.append([_entry(key, slot) for key, slot in slots.items()])
        self.returned = self.trying

    def run(self, seed: int, appends: int) -> None:
        """Append, also for several keys at once, and now and then start anew."""
        chance = random.Random(seed)
        slots = count(max(self.returned.values(), default=0) + 1)
        journal = self.open()
        for _ in range(appends):
            slot = next(slots)
            self.append(journal, dict.fromkeys(chance.sample(KEYS, chance.randint(1, 3)), slot))
            if chance.random() < 0.1:
                self.disk.kill()
                journal = self.open()
        journal.close()


def _crash_everywhere(make_disk: Callable[[], MemoryDisk]) -> Crashes:
    """End the process at every operation of a life, with the power or without; then lose power
    once more soon after, and at the end of it all."""
    done = Crashes()
    for seed, share, is_crash in product(range(2), (0.0, 0.5, 1.0), (True, False)):
        for operation in count(1):
            life = _Life(make_disk())
            if not _ends(life, seed, operation, share, appends=30, is_crash=is_crash):
                break
            # The second end comes at a place in recovery and after it that goes round.
            done.points = max(done.points, operation)
            done.ends += 1 + _ends(life, seed, 1 + operation % 8, share, appends=3, is_crash=True)
            life.run(seed + 1, appends=3)
            life.disk.crash(random.Random(seed))
            life.open().close()
            done.ends += 1
    return done


def _ends(
    life: _Life, seed: int, operation: int, share: float, *, appends: int, is_crash: bool
) -> bool:
    """Whether the life was cut short at this operation."""
    life.disk.fail_at(operation, End(), share=share)
    try:
        life.run(seed, appends)
    except End:
        if is_crash:
            life.disk.crash(random.Random(f"{seed} {operation} {share}"))
        else:
            life.disk.kill()
        return True
    life.disk.fail_at(0)
    life.disk.kill()
    return False


def test_no_end_at_any_operation_loses_what_was_returned() -> None:
    done = _crash_everywhere(MemoryDisk)
    assert done.ends > 2000
    done.note()


class _Careless(MemoryDisk):
    """Its folders are never synced."""

    def sync_folder(self, folder: Path) -> None:
        pass


class _Lazy(MemoryDisk):
    """Its files are never synced."""

    def open(self, path: Path) -> MemoryFile:
        return _LazyFile(self, self._found(path))

    def create(self, path: Path) -> MemoryFile:
        super().create(path)
        return self.open(path)


class _LazyFile(MemoryFile):
    def sync(self) -> None:
        pass


@pytest.mark.parametrize("kind", [_Careless, _Lazy])
def test_a_disk_that_does_not_sync_is_found_out(kind: type[MemoryDisk]) -> None:
    with pytest.raises((AssertionError, JournalError)):
        _crash_everywhere(kind)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_an_error_at_any_operation_stops_signing_until_the_next_start(
    share: float, code: int
) -> None:
    failures = 0
    for operation in count(1):
        life = _Life(MemoryDisk())
        life.disk.fail_at(operation, OSError(code, "no"), share=share)
        try:
            life.run(0, appends=30)
            break
        except JournalError:
            failures += 1
        life.disk.kill()
        life.run(1, appends=3)
        life.disk.crash(random.Random(operation))
        life.open().close()
    assert failures > 60


def test_a_journal_that_failed_stays_closed() -> None:
    disk = MemoryDisk()
    journal = Journal.open(FILE, disk=disk)
    disk.fail_at(1)
    for _ in range(2):
        with pytest.raises(JournalError):
            journal.append([_entry(KEYS[0], 1)])
    assert journal.entries == ()


def test_two_openings_of_one_journal_are_one_too_many() -> None:
    disk = MemoryDisk()
    journal = Journal.open(FILE, disk=disk)
    with pytest.raises(JournalError, match="in use by process 1"):
        Journal.open(FILE, disk=disk)
    disk.kill()
    other = Journal.open(FILE, disk=disk)
    with pytest.raises(RuntimeError, match="died"):
        journal.append([_entry(KEYS[0], 1)])
    journal.close()
    other.append([_entry(KEYS[0], 1)])
