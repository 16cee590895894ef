"""The content store ended at every operation: what was stored is there, whole, and counted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from consensus.cid import DAG_PB, RAW, Cid, cid_of, parse_cid
from consensus.errors import Invalid
from consensus.unixfs import ContentBlock, FileBuilder, Profile, check_content_block
from storage.content import ContentStore, ContentStoreFull
from tests.simulation.crashes import Ending, Left, Machine, every_crash
from tests.simulation.disk import MemoryDisk, MemoryFile

FOLDER = Path("/node/content")
SMALL = Profile("small", 1024, 3)
QUOTA_BYTES = 9_000


def _leaves(first: int, end: int) -> bytes:
    return b"".join(bytes([number]) * 1024 for number in range(first, end))


# Two files that share leaves; one that is too large beside them.
FILES = [_leaves(0, 3) + b"a", _leaves(2, 5) + b"b"]
TOO_LARGE = _leaves(100, 108)
BLOCKS = [b"x", b"y" * 100]


def _built(content: bytes) -> list[ContentBlock]:
    """A file's blocks, its root last."""
    builder = FileBuilder(SMALL)
    return [*builder.feed(content), *builder.finish()]


CIDS = {content: frozenset(cid for cid, _ in _built(content)) for content in (*FILES, TOO_LARGE)}
EVERYTHING = frozenset().union(*CIDS.values(), (cid_of(RAW, data) for data in BLOCKS))
ROOTS = {_built(content)[-1][0]: content for content in FILES}


Subject = tuple[str, Cid]  # "block" or "pin"


@dataclass(frozen=True)
class Change:
    """Blocks or pins that come or go; with `is_done` that has returned."""

    subjects: frozenset[Subject]
    is_coming: bool
    is_done: bool


Told = list[Change]


def _blocks(cids: Iterable[Cid]) -> frozenset[Subject]:
    return frozenset(("block", cid) for cid in cids)


def _change(
    told: Told, subjects: frozenset[Subject], change: Callable[[], object], *, coming: bool
) -> None:
    told.append(Change(subjects, coming, is_done=False))
    try:
        change()
    except ContentStoreFull:  # what was moved in before stays
        return
    told.append(Change(subjects, coming, is_done=True))


def _add(store: ContentStore, told: Told, content: bytes) -> None:
    def write() -> None:
        with store.new_file(SMALL) as new:
            new.write(content)
            new.commit()

    _change(told, _blocks(CIDS[content]), write, coming=True)


def _put(store: ContentStore, told: Told, data: bytes) -> None:
    cid = cid_of(RAW, data)
    _change(told, _blocks([cid]), partial(store.put, cid, data), coming=True)


def _delete(store: ContentStore, told: Told, data: bytes) -> None:
    cid = cid_of(RAW, data)
    _change(told, _blocks([cid]), partial(store.delete, cid), coming=False)


def _pin(store: ContentStore, told: Told, content: bytes) -> None:
    root = _built(content)[-1][0]
    _change(told, frozenset([("pin", root)]), partial(store.pin, root), coming=True)


def _unpin(store: ContentStore, told: Told, content: bytes) -> None:
    root = _built(content)[-1][0]
    _change(told, frozenset([("pin", root)]), partial(store.unpin, root), coming=False)


def _collect(store: ContentStore, told: Told) -> None:
    """What no pin names goes; of a pinned file whose nodes are not all here, anything may."""
    pinned = [CIDS[ROOTS[pin.cid]] for pin in store.pins()]
    whole = [cids for cids in pinned if all(map(store.has, _nodes(cids)))]
    held, kept = frozenset[Cid]().union(*pinned), frozenset[Cid]().union(*whole)
    told.append(Change(_blocks(held - kept), is_coming=False, is_done=False))
    _change(told, _blocks(EVERYTHING - held), partial(collect_all, store), coming=False)


def _nodes(cids: Iterable[Cid]) -> set[Cid]:
    return {cid for cid in cids if cid.codec == DAG_PB}


def collect_all(store: ContentStore) -> None:
    """Remove all that is loose."""
    start: int | None = 0
    while start is not None:
        start = store.collect(start=start).next


def _open(machine: Machine) -> ContentStore:
    return ContentStore(
        FOLDER, QUOTA_BYTES, disk=machine.disk, open_database=lambda _: machine.open_database()
    )


def _live(machine: Machine, told: Told) -> None:
    """The scenario: files that share blocks, one that is refused, blocks that come and go."""
    store = _open(machine)
    _put(store, told, BLOCKS[0])
    _add(store, told, FILES[0])
    _delete(store, told, BLOCKS[0])
    _add(store, told, FILES[1])
    _put(store, told, BLOCKS[1])
    _add(store, told, TOO_LARGE)
    _put(store, told, BLOCKS[0])
    _add(store, told, FILES[0])
    _delete(store, told, BLOCKS[1])


def _live_with_pins(machine: Machine, told: Told) -> None:
    """Another: pins come and go, and what is loose is collected."""
    store = _open(machine)
    _put(store, told, BLOCKS[0])
    _add(store, told, FILES[0])
    _pin(store, told, FILES[0])
    _collect(store, told)
    _pin(store, told, FILES[1])  # before it is here
    _add(store, told, FILES[1])
    _unpin(store, told, FILES[0])
    _put(store, told, BLOCKS[1])
    _collect(store, told)


def _allowed(told: Told, kind: str) -> tuple[set[Cid], set[Cid]]:
    """What of a kind must be there, and what may."""
    states: dict[Cid, set[bool]] = {}
    for change in told:
        for subject, cid in change.subjects:
            if subject == kind:
                known = set() if change.is_done else states.get(cid, {False})
                states[cid] = known | {change.is_coming}
    must = {cid for cid, known in states.items() if False not in known}
    return must, {cid for cid, known in states.items() if True in known}


def _stored(machine: Machine) -> dict[Cid, bytes]:
    """The blocks on the disk, each verified; nothing else is there but pins."""
    found: dict[Cid, bytes] = {}
    for path, data in machine.disk.files.items():
        if path.parent.name != "pins":
            found[parse_cid(path.name)] = data
            check_content_block(parse_cid(path.name), data)
    return found


def _held(machine: Machine, told: Told) -> ContentStore:
    """The store, opened; all that must be there is, whole, nothing else is, and it is counted."""
    store = _open(machine)
    blocks = _stored(machine)
    counts = store.counts
    assert (counts.blocks, counts.size_bytes) == (len(blocks), sum(map(len, blocks.values())))
    assert store.size == counts.size_bytes <= QUOTA_BYTES
    must, may = _allowed(told, "block")
    assert must <= blocks.keys() <= may
    must, may = _allowed(told, "pin")
    pinned = {pin.cid for pin in store.pins()}
    assert must <= pinned <= may
    assert counts.pins == len(pinned)
    return store


def _check(machine: Machine, told: Told) -> None:
    """A root is there with its whole file, and the store goes on; garbage is what is not pinned."""
    store = _held(machine, told)
    collected = {cid for change in told if not change.is_coming for _, cid in change.subjects}
    for root, content in ROOTS.items():
        if store.has(root) and collected.isdisjoint(CIDS[content]):
            assert b"".join(store.read_file(root)) == content
    before = _stored(machine).keys()
    pinned = [CIDS[ROOTS[pin.cid]] for pin in store.pins()]
    _collect(store, told)
    kept = {cid for cids in pinned if _nodes(cids) <= before for cid in cids & before}
    held = {cid for cids in pinned for cid in cids & before}
    assert kept <= _stored(machine).keys() <= held
    assert store.counts.loose_blocks == 0
    for content in FILES:
        _add(store, told, content)
    assert all(store.has(root) for root in ROOTS)


def _made() -> Machine:
    """A machine with an empty store."""
    machine = Machine()
    _open(machine)
    return machine


def _copy(machine: Machine) -> Machine:
    return Machine(machine.disk.copy(), machine.database.copy())


FEW_ENDINGS = {
    "disk": [
        Ending(0.5, Left.NOTHING),
        Ending(1.0, Left.PART),
        Ending(0.5, Left.NOTHING, is_full=True),
    ],
    "database": [Ending(0.0, Left.NOTHING), Ending(1.0, Left.ALL, is_full=True)],
}


def test_no_end_at_any_operation_loses_or_halves_a_block() -> None:
    machine = _made()
    done = every_crash(_live, _check, start=lambda: _copy(machine), endings=FEW_ENDINGS)
    assert done.points > 100


def test_no_end_at_any_operation_loses_what_is_pinned() -> None:
    machine = _made()
    done = every_crash(_live_with_pins, _check, start=lambda: _copy(machine))
    assert done.points > 100


def test_a_store_whose_making_ends_anywhere_is_made_again() -> None:
    def make(machine: Machine, told: Told) -> None:
        store = _open(machine)
        _put(store, told, BLOCKS[0])

    def check(machine: Machine, told: Told) -> None:
        _put(_held(machine, told), told, BLOCKS[1])

    endings = {"disk": [Ending(1.0, Left.PART)], "database": [Ending(1.0, Left.ALL)]}
    done = every_crash(make, check, endings=endings)
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
