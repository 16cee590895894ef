"""The content store ended at every operation: what was stored is there, whole, and counted."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from consensus.cid import RAW, Cid, cid_of, parse_cid
from consensus.errors import Invalid
from consensus.unixfs import ContentBlock, FileBuilder, Profile, check_content_block
from storage.content import ContentStore, ContentStoreFull
from tests.simulation.crashes import Ending, Left, Machine, every_crash
from tests.simulation.disk import MemoryDisk, MemoryFile

FOLDER = Path("/node/content")
SMALL = Profile("small", 1024, 3)
QUOTA_BYTES = 12_000


def _leaves(first: int, end: int) -> bytes:
    return b"".join(bytes([number]) * 1024 for number in range(first, end))


# Two files that share leaves; one that is too large beside them.
FILES = [_leaves(0, 5) + b"a", _leaves(3, 8) + b"b"]
TOO_LARGE = _leaves(100, 112)
BLOCKS = [b"x", b"y" * 100]


def _built(content: bytes) -> list[ContentBlock]:
    """A file's blocks, its root last."""
    builder = FileBuilder(SMALL)
    return [*builder.feed(content), *builder.finish()]


CIDS = {content: frozenset(cid for cid, _ in _built(content)) for content in (*FILES, TOO_LARGE)}
ROOTS = {_built(content)[-1][0]: content for content in FILES}


@dataclass(frozen=True)
class Change:
    """Blocks that are being stored or removed; with `is_done` that has returned."""

    cids: frozenset[Cid]
    is_stored: bool
    is_done: bool


Told = list[Change]


def _change(
    told: Told, cids: frozenset[Cid], change: Callable[[], object], *, stored: bool
) -> None:
    told.append(Change(cids, stored, is_done=False))
    try:
        change()
    except ContentStoreFull:  # what was moved in before stays
        return
    told.append(Change(cids, stored, is_done=True))


def _add(store: ContentStore, told: Told, content: bytes) -> None:
    def write() -> None:
        with store.new_file(SMALL) as new:
            new.write(content)
            new.commit()

    _change(told, CIDS[content], write, stored=True)


def _put(store: ContentStore, told: Told, data: bytes) -> None:
    cid = cid_of(RAW, data)
    _change(told, frozenset([cid]), partial(store.put, cid, data), stored=True)


def _delete(store: ContentStore, told: Told, data: bytes) -> None:
    cid = cid_of(RAW, data)
    _change(told, frozenset([cid]), partial(store.delete, cid), stored=False)


def _live(machine: Machine, told: Told) -> None:
    """The scenario: files that share blocks, one that is refused, blocks that come and go."""
    store = ContentStore(FOLDER, QUOTA_BYTES, disk=machine.disk)
    _put(store, told, BLOCKS[0])
    _add(store, told, FILES[0])
    _delete(store, told, BLOCKS[0])
    _add(store, told, FILES[1])
    _put(store, told, BLOCKS[1])
    _add(store, told, TOO_LARGE)
    _put(store, told, BLOCKS[0])
    _add(store, told, FILES[0])
    _delete(store, told, BLOCKS[1])


def _held(machine: Machine, told: Told) -> ContentStore:
    """The store, opened; all that must be there is, whole, nothing else is, and it is counted."""
    store = ContentStore(FOLDER, QUOTA_BYTES, disk=machine.disk)
    files = {path.name: data for path, data in machine.disk.files.items()}
    for name, data in files.items():
        check_content_block(parse_cid(name), data)
    assert store.size == sum(map(len, files.values())) <= QUOTA_BYTES
    allowed: dict[Cid, set[bool]] = {}
    for change in told:
        for cid in change.cids:
            states = set() if change.is_done else allowed.get(cid, {False})
            allowed[cid] = states | {change.is_stored}
    held = {parse_cid(name) for name in files}
    assert {cid for cid, states in allowed.items() if False not in states} <= held
    assert held <= {cid for cid, states in allowed.items() if True in states}
    return store


def _check(machine: Machine, told: Told) -> None:
    """A root is there with its whole file, and the store goes on."""
    store = _held(machine, told)
    for root, content in ROOTS.items():
        if store.has(root):
            assert b"".join(store.read_file(root)) == content
    _delete(store, told, BLOCKS[1])
    for content in FILES:
        _add(store, told, content)
    assert all(store.has(root) for root in ROOTS)


def test_no_end_at_any_operation_loses_or_halves_a_block() -> None:
    machine = Machine()
    ContentStore(FOLDER, QUOTA_BYTES, disk=machine.disk)
    done = every_crash(_live, _check, start=lambda: Machine(machine.disk.copy()))
    assert done.points > 100


def test_a_store_whose_making_ends_anywhere_is_made_again() -> None:
    def make(machine: Machine, told: Told) -> None:
        store = ContentStore(FOLDER, QUOTA_BYTES, disk=machine.disk)
        _put(store, told, BLOCKS[0])

    def check(machine: Machine, told: Told) -> None:
        _put(_held(machine, told), told, BLOCKS[1])

    endings = [Ending(1.0, left) for left in Left]
    done = every_crash(make, check, endings={"disk": endings})
    assert done.points > 256


class _Careless(MemoryDisk):
    """Its folders are never synced."""

    def sync_folder(self, folder: Path) -> None:
        pass


class _Lazy(MemoryDisk):
    """Its files are never synced."""

    def create(self, path: Path) -> MemoryFile:
        super().create(path)
        return _LazyFile(self, self._found(path))


class _LazyFile(MemoryFile):
    def sync(self) -> None:
        pass


@pytest.mark.parametrize("kind", [_Careless, _Lazy])
def test_a_disk_that_does_not_sync_is_found_out(kind: type[MemoryDisk]) -> None:
    with pytest.raises((AssertionError, Invalid)):
        every_crash(_live, _check, start=lambda: Machine(kind()))
