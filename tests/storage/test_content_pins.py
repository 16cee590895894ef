"""Pins, references and garbage collection against a naive model, and beside publishing."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consensus.cid import DAG_PB, RAW, Cid, cid_of
from consensus.dagpb import DIRECTORY, PBLink, PBNode, UnixfsData, encode_node, encode_unixfs
from consensus.errors import InvalidEncoding
from consensus.unixfs import ContentBlock, Profile
from storage.content import ContentError, ContentStore
from storage.content_index import ContentIndex
from storage.content_pin import MAX_PINS, PinKind
from storage.database import DatabaseDamaged

SMALL = Profile("small", 1024, 2)


def leaf(number: int) -> ContentBlock:
    data = b"%d" % number
    return cid_of(RAW, data), data


def node_of(*children: Cid) -> ContentBlock:
    """A directory of these."""
    links = tuple(PBLink(cid, f"{i:03}", 1) for i, cid in enumerate(children))
    data = encode_node(PBNode(links, encode_unixfs(UnixfsData(DIRECTORY))))
    return cid_of(DAG_PB, data), data


# Directories that share what is in them, and name it twice.
LEAVES = [leaf(i) for i in range(5)]
NODES = [
    node_of(LEAVES[0][0], LEAVES[1][0]),
    node_of(LEAVES[1][0], LEAVES[2][0], LEAVES[2][0]),
]
NODES += [node_of(NODES[0][0], NODES[1][0]), node_of(NODES[1][0], LEAVES[3][0])]
NODES += [node_of(NODES[2][0], NODES[2][0], NODES[3][0]), node_of()]
BLOCKS = dict(LEAVES + NODES)
CHILDREN = {
    NODES[0][0]: [LEAVES[0][0], LEAVES[1][0]],
    NODES[1][0]: [LEAVES[1][0], LEAVES[2][0]],
    NODES[2][0]: [NODES[0][0], NODES[1][0]],
    NODES[3][0]: [NODES[1][0], LEAVES[3][0]],
    NODES[4][0]: [NODES[2][0], NODES[3][0]],
}


def collect_all(store: ContentStore, **options: int) -> None:
    start: int | None = 0
    while start is not None:
        start = store.collect(start=start, **options).next


class StoreMachine(RuleBasedStateMachine):
    """A store, and a model: what is stored, and what is pinned. A node of which the store once had
    the links keeps what is below it while it is held, also while its own block is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="content-pins-")
        self.path = Path(self.folder.name) / "content"
        self.store = ContentStore(self.path)
        self.stored: set[Cid] = set()
        self.pins: set[tuple[Cid, PinKind]] = set()
        self.opened: set[Cid] = set()  # held nodes whose links are known

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def held(self) -> set[Cid]:
        """All that pins reach by links that are known."""
        found, waiting = set[Cid](), [cid for cid, _ in self.pins]
        opened = set[Cid]()
        while waiting:
            cid = waiting.pop()
            if cid in found:
                continue
            found.add(cid)
            if cid in self.stored or cid in self.opened:
                opened.add(cid)
                waiting.extend(CHILDREN.get(cid, ()))
        self.opened = opened
        return found

    @rule(block=st.sampled_from(sorted(BLOCKS)))
    def put(self, block: Cid) -> None:
        self.store.put(block, BLOCKS[block])
        self.stored.add(block)

    @rule(block=st.sampled_from(sorted(BLOCKS)))
    def delete(self, block: Cid) -> None:
        assert self.store.delete(block) == (block in self.stored)
        self.stored.discard(block)

    @rule(root=st.sampled_from(sorted(BLOCKS)), kind=st.sampled_from(PinKind))
    def pin(self, root: Cid, kind: PinKind) -> None:
        self.store.pin(root, kind, "name")
        self.pins.add((root, kind))

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def unpin(self, data: st.DataObject) -> None:
        cid, kind = data.draw(st.sampled_from(sorted(self.pins, key=str)))
        assert self.store.unpin(cid, kind)
        assert not self.store.unpin(cid, kind)
        self.pins.discard((cid, kind))

    @rule()
    def collect(self) -> None:
        collect_all(self.store)
        self.stored &= self.held()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = ContentStore(self.path)

    @rule()
    def lose_the_index(self) -> None:
        self.store.close()
        shutil.rmtree(self.path / "index")
        self.opened.clear()
        self.store = ContentStore(self.path)

    @invariant()
    def agrees(self) -> None:
        held = self.held()
        counts = self.store.counts
        loose = self.stored - held
        assert {cid for cid in BLOCKS if self.store.has(cid)} == self.stored
        assert (counts.blocks, counts.size_bytes) == (
            len(self.stored),
            sum(len(BLOCKS[cid]) for cid in self.stored),
        )
        assert counts.pins == len(self.pins)
        # The links of what was stored just now may not be counted yet.
        collected = self.store.collect(1 << 40)
        assert collected.blocks == 0
        assert self.store.counts.loose_blocks == len(loose)
        pins = self.store.pins()
        assert [(p.cid, PinKind(p.kind)) for p in pins] == sorted(
            self.pins, key=lambda pin: (pin[0], list(PinKind).index(pin[1]))
        )


StoreMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_the_store_agrees_with_a_naive_model = StoreMachine.TestCase


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "content"


@pytest.fixture
def store(folder: Path) -> Iterator[ContentStore]:
    with ContentStore(folder, now_ms=lambda: 1_000_000) as opened:
        yield opened


def add(store: ContentStore, first: int, leaves: int = 6) -> Cid:
    """A file of its own leaves."""
    with store.new_file(SMALL) as new:
        new.write(b"".join((first + i).to_bytes(1024) for i in range(leaves)))
        return new.commit().cid


def test_blocks_that_two_files_share_stay_until_the_last_goes(store: ContentStore) -> None:
    first, second = add(store, 0, 6), add(store, 0, 8)
    store.pin(first)
    store.pin(second)
    store.unpin(first)
    collect_all(store)
    assert store.missing(second) == []
    store.unpin(second)
    collect_all(store)
    assert store.size == 0


def test_the_oldest_go_first_and_those_asked_for_again_count_as_new(store: ContentStore) -> None:
    blocks = [leaf(i) for i in range(10)]
    for cid, data in [*blocks, *blocks[:3]]:
        store.put(cid, data)
    done = store.collect(target_bytes=4)
    assert (done.blocks, done.size_bytes, done.next) == (6, 6, None)
    assert [i for i in range(10) if store.has(blocks[i][0])] == [0, 1, 2, 9]


def test_young_blocks_are_spared(folder: Path) -> None:
    now_ms = 1_000
    with ContentStore(folder, now_ms=lambda: now_ms) as store:
        store.put(*leaf(1))
        now_ms = 3_000
        store.put(*leaf(2))
        collect_all(store, min_age_ms=2_000)
        assert (store.has(leaf(1)[0]), store.has(leaf(2)[0])) == (False, True)


def test_a_collection_goes_on_where_a_step_ended(store: ContentStore) -> None:
    for i in range(200):
        store.put(*leaf(i))
    first = store.collect()
    assert first.blocks < 200
    assert first.next is not None
    collect_all(store)
    assert store.counts.blocks == 0


def test_what_is_being_added_is_not_collected(store: ContentStore) -> None:
    old = add(store, 0)
    with store.new_file(SMALL) as new:
        new.write(b"".join(i.to_bytes(1024) for i in range(6)))  # stored already, and loose
        collect_all(store)
        added = new.commit()
    assert added.cid == old
    assert store.missing(old) == []
    with store.sparing():
        other = add(store, 100)
        collect_all(store)
        store.pin(other)
    collect_all(store)
    assert store.missing(other) == []
    assert not store.has(old)


def in_threads(*works: Callable[[], object]) -> None:
    """Run them side by side; what one raises, this does."""
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_publishing_the_same_files_at_once_while_garbage_is_collected(
    store: ContentStore,
) -> None:
    publishing = 3

    def publish() -> None:
        nonlocal publishing
        try:
            for first in range(0, 80, 10):
                with store.sparing():
                    store.pin(add(store, first, 15))  # shares leaves with the next
                assert store.missing(add(store, first, 15)) == []
        finally:
            publishing -= 1

    def collect() -> None:
        while publishing:
            collect_all(store)

    in_threads(publish, publish, publish, collect, collect)
    collect_all(store)
    pinned = [pin.cid for pin in store.pins()]
    assert len(pinned) == 8
    assert all(store.missing(root) == [] for root in pinned)
    assert store.counts.loose_blocks == 0
    for root in pinned:
        store.unpin(root)
    collect_all(store)
    assert store.size == store.counts.blocks == 0


def test_a_deep_dag_is_held_and_let_go_without_recursion(folder: Path) -> None:
    ContentStore(folder).close()
    cid, data = leaf(0)
    for _ in range(1_500):
        (folder / f"{cid.digest[0]:02x}" / str(cid)).write_bytes(data)
        cid, data = node_of(cid)
    shutil.rmtree(folder / "index")
    with ContentStore(folder) as store:
        store.put(cid, data)
        store.pin(cid)
        collect_all(store)
        assert store.counts.blocks == 1_501
        assert store.missing(cid) == []
        store.unpin(cid)
        assert store.counts.loose_blocks == 1_501


def test_a_dag_of_very_many_paths_is_walked_once(store: ContentStore) -> None:
    cid, data = leaf(0)
    store.put(cid, data)
    for _ in range(60):  # 2^60 paths
        cid, data = node_of(cid, cid)
        store.put(cid, data)
    store.pin(cid)
    assert store.missing(cid) == []
    collect_all(store)
    assert store.counts.blocks == 61


def test_a_dag_of_too_many_nodes_is_refused(
    store: ContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.content.MAX_DAG_NODES", 20)
    wide, data = node_of(*(leaf(i)[0] for i in range(21)))
    store.put(wide, data)
    with pytest.raises(ContentError, match="more than 20 nodes"):
        store.missing(wide, 1000)


def test_a_node_that_cannot_be_read_is_named(store: ContentStore) -> None:
    odd = cid_of(DAG_PB, b"odd")
    store.put(odd, b"odd")
    with pytest.raises(InvalidEncoding) as caught:
        store.missing(odd)
    assert caught.value.field == str(odd)


def test_lying_sizes_are_pinned_and_not_read(store: ContentStore) -> None:
    cid, data = leaf(0)
    lie = encode_node(PBNode((PBLink(cid, "", 99),), encode_unixfs(UnixfsData(2, (99,)))))
    store.put(cid, data)
    store.put(cid_of(DAG_PB, lie), lie)
    store.pin(cid_of(DAG_PB, lie))
    with pytest.raises(InvalidEncoding, match="not as large as its parent says"):
        list(store.read_file(cid_of(DAG_PB, lie)))
    collect_all(store)
    assert store.counts.blocks == 2


def test_pins_are_bounded(store: ContentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PINS > 2
    monkeypatch.setattr("storage.content.MAX_PINS", 2)
    store.pin(leaf(0)[0])
    store.pin(leaf(1)[0])
    store.pin(leaf(1)[0], name="again")
    with pytest.raises(ContentError, match="2 pins are the most"):
        store.pin(leaf(2)[0])


def test_a_damaged_index_is_made_anew(
    store: ContentStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = add(store, 0)
    store.pin(root, PinKind.CHAIN, "a film")
    store.put(*leaf(7))
    before = (store.counts.blocks, store.counts.size_bytes, store.counts.loose_blocks)
    store.close()
    (folder / "index" / "leveldb" / "CURRENT").unlink()
    with ContentStore(folder) as again:
        assert "made anew from the files" in caplog.text
        counts = again.counts
        assert (counts.blocks, counts.size_bytes) == before[:2]
        collect_all(again)
        assert [pin.name for pin in again.pins_of(root)] == ["a film"]
        assert again.missing(root) == []
        assert not again.has(leaf(7)[0])


def test_a_store_without_an_index_is_taken_up(store: ContentStore, folder: Path) -> None:
    """As releases before there was an index left it."""
    root = add(store, 0)
    store.close()
    for name in ("index", "pins", "new"):
        shutil.rmtree(folder / name)
    (folder / "00" / f"{leaf(9)[0]}.7.new").write_bytes(b"half")
    (folder / "00" / "holiday.jpg").write_bytes(b"not ours")
    with ContentStore(folder) as again:
        assert again.missing(root) == []
        assert {file.name for file in (folder / "00").iterdir()} >= {"holiday.jpg"}
        assert not list(folder.glob("*/*.new"))
        assert again.size == sum(f.stat().st_size for f in folder.glob("??/baf*"))


def test_an_unreadable_pin_is_told_and_left_out(
    store: ContentStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.pin(leaf(0)[0])
    store.close()
    (pin,) = (folder / "pins").iterdir()
    pin.write_bytes(b"half")
    shutil.rmtree(folder / "index")
    with ContentStore(folder) as again:
        assert again.pins() == []
    assert "cannot be read" in caplog.text


def test_opening_looks_at_no_block(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ContentStore(folder) as store:
        add(store, 0, 30)
        size = store.size
    for call in ("size", "read", "make_folder"):
        monkeypatch.setattr(f"storage.disk.RealDisk.{call}", None)
    with ContentStore(folder) as again:
        assert again.size == size


def test_one_process_has_the_store(store: ContentStore, folder: Path) -> None:
    with pytest.raises(ContentError, match="in use by process"):
        ContentStore(folder)


def test_damage_that_is_met_later_is_told_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContentStore(folder) as store:
        monkeypatch.setattr(ContentIndex, "pins", lambda *_: _damaged(folder))
        with pytest.raises(ContentError, match=f"remove {folder / 'index'}: it is made anew"):
            store.pins()
        monkeypatch.undo()
        assert store.pins() == []


def _damaged(folder: Path) -> None:
    raise DatabaseDamaged(folder / "index", "a bad block")
