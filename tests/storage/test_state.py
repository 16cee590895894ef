"""State layers against plain dictionaries: forks, finality, caches and concurrent readers."""

import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import tree
from consensus.hashing import sha256
from consensus.tree_proof import prove
from storage import state as state_module
from storage.database import META_ROW, PAGE_ROW, STATE_ROW, Database, DatabaseError, Snapshot
from storage.state import (
    FinalState,
    FinalView,
    Layer,
    StateReader,
    _Cache,
    layer_batch,
    make_layer,
    write_first_state,
)
from tests.vectors.state_tree_model import model_leaves, model_pages, model_root

Rows = dict[bytes, bytes]
Writes = Mapping[bytes, bytes | None]

# Merged maps below one another: each has over twice the rows of the one above it.
MAX_MERGED = 8
KEYS = [bytes([table, row]) for table in b"\x00ab\xff" for row in b"\x00m\xff"]
WRITES = st.dictionaries(
    st.sampled_from(KEYS), st.none() | st.sampled_from([b"", b"1", b"2"]), max_size=5
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "chain") as opened:
        yield opened


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The keys that are read from the database, as it goes."""
    keys: list[bytes] = []
    get = Snapshot.get

    def counted(self: Snapshot, key: bytes) -> bytes | None:
        keys.append(key)
        return get(self, key)

    monkeypatch.setattr(Snapshot, "get", counted)
    return keys


def _after(rows: Rows, writes: Writes) -> Rows:
    merged = {**rows, **writes}
    return {key: value for key, value in merged.items() if value is not None}


def _finalize(database: Database, state: FinalState, layer: Layer) -> None:
    database.write(layer_batch(layer), sync=False)
    state.absorb(layer)


def _check(reader: StateReader, rows: Rows) -> None:
    """Everything `reader` can say agrees with `rows`."""
    assert {key: reader.get(key) for key in KEYS} == {key: rows.get(key) for key in KEYS}
    leaves = model_leaves(rows)
    pages = model_pages(leaves)
    assert {position: reader.page(position) for position in pages} == pages
    assert tree.root(reader.page) == model_root(leaves)
    ordered = sorted(rows.items())
    assert reader.scan(b"", limit=100) == ordered
    for limit in (1, 2, 5):
        assert (
            reader.scan(b"", KEYS[4], limit=limit)
            == [row for row in ordered if row[0] >= KEYS[4]][:limit]
        )
        assert (
            reader.scan(b"a", limit=limit) == [row for row in ordered if row[0][:1] == b"a"][:limit]
        )
    assert reader.scan(b"\xff", KEYS[0], limit=9) == [row for row in ordered if row[0] >= b"\xff"]


@dataclass(frozen=True)
class _Block:
    """A block in the model: its layer, the state after it, and its parent."""

    layer: Layer
    rows: Rows
    parent: "_Block | None"


PARENTS = st.sampled_from([0, 0, 0, 0, 1, 2, 9])
FINALS = st.sampled_from([0, 0, 0, 1, 2])
STEPS = st.lists(st.tuples(PARENTS, WRITES, FINALS), max_size=14)


@settings(max_examples=40)
@given(WRITES, STEPS, st.sampled_from([2_000, 100_000]))
def test_forks_and_finality_agree_with_the_model(
    shared_database: Database, first: Writes, steps: list[tuple[int, Writes, int]], cache_bytes: int
) -> None:
    """Each step adds a block on some newest block (0: the newest) and then makes so many final."""
    database = shared_database
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_module, "MERGE_EVERY", 3)
        final = _after({}, first)
        write_first_state(database, final.items(), lambda _: [])
        state = FinalState(database, cache_bytes=cache_bytes)
        blocks: list[_Block] = []
        views = [(state.view(), final)]
        for choice, writes, finals in steps:
            parent = blocks[-1 - choice] if choice < len(blocks) else None
            layer, root = make_layer(parent.layer if parent else state, writes)
            blocks.append(_Block(layer, _after(parent.rows if parent else final, writes), parent))
            assert root == model_root(model_leaves(blocks[-1].rows))
            for _ in range(finals):
                oldest = _oldest(blocks[-1]) if blocks else None
                if oldest is None:
                    break
                _finalize_anyhow(database, state, oldest.layer)
                final = oldest.rows
                views.append((state.view(), final))
                blocks = _descendants(blocks, oldest)
                _check(oldest.layer, final)
            for block in blocks:
                _check(block.layer, block.rows)
            _check(state, final)
        for view, rows in views:
            _check(view, rows)
        assert {key[1:]: value for key, value in database.scan(STATE_ROW, limit=99)} == final
        stored = {key[1:]: page for key, page in database.scan(PAGE_ROW, limit=99)}
        assert stored == model_pages(model_leaves(final))


def _oldest(block: _Block) -> _Block | None:
    """The ancestor (or the block itself) that lies directly on the final state."""
    while block.parent is not None and block.parent.layer.settled is None:
        block = block.parent
    return None if block.layer.settled is not None else block


def _descendants(blocks: list[_Block], final: _Block) -> list[_Block]:
    kept: list[_Block] = []
    for block in blocks:
        above = block.parent
        if above is final or any(above is other for other in kept):
            kept.append(block)
    return kept


@pytest.fixture(scope="module")
def shared_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Database.open(tmp_path_factory.mktemp("shared")) as opened:
        yield opened


def test_a_long_chain_is_read_in_few_steps(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = FinalState(database)
    parent: Layer | FinalState = state
    layers: list[Layer] = []
    rows: Rows = {}
    for number in range(300):
        writes = {b"%d" % number: b"new", b"last": b"%d" % number}
        parent, _ = make_layer(parent, writes)
        layers.append(parent)
        rows |= writes
    steps: list[Layer] = []
    below = Layer.below

    def counted(self: Layer) -> Layer | FinalView:
        steps.append(self)
        return below(self)

    monkeypatch.setattr(Layer, "below", counted)
    for number in (0, 15, 150, 287, 299):
        assert layers[-1].get(b"%d" % number) == b"new"
        assert layers[number].get(b"last") == b"%d" % number
        assert len(steps) <= 2 * (2 * state_module.MERGE_EVERY + MAX_MERGED)
        steps.clear()
    for layer in layers[:-1]:
        _finalize_anyhow(database, state, layer)
        assert layers[-1].scan(b"", limit=1000) == sorted(rows.items())
    assert layers[-1].below() is state.view()


def _finalize_anyhow(database: Database, state: FinalState, layer: Layer) -> None:
    """Whether or not the layer still knows what it lies on."""
    if state.carries(layer):
        _finalize(database, state, layer)
    else:
        same, _ = make_layer(state, dict(layer.writes()))
        database.write(layer_batch(same), sync=False)
        state.absorb(same)
        layer.settle(state.view())


def test_layers_that_nobody_asks_for_are_let_go(database: Database) -> None:
    """A thousand layers that write the same few rows, after some that write many."""
    state = FinalState(database)
    layer: Layer | FinalState = state
    rows: Rows = {}
    born: list[weakref.ref[Layer]] = []
    for number in range(1000):
        writes = {b"%d" % (number % 21): b"%d" % number}
        if number < 40:
            writes |= {b"%d/%d" % (number, i): b"early" for i in range(20)}
        layer, root = make_layer(layer, writes)
        born.append(weakref.ref(layer))
        rows |= writes
    assert isinstance(layer, Layer)
    assert root == model_root(model_leaves(rows))
    assert layer.scan(b"", limit=2000) == sorted(rows.items())
    assert sum(known() is not None for known in born) <= 2 * state_module.MERGE_EVERY + MAX_MERGED
    joined, joined_root = make_layer(state, rows)
    assert joined_root == root
    child, _ = make_layer(layer, {b"last": b"1"})
    database.write(layer_batch(joined), sync=False)
    state.absorb(joined)
    layer.settle(state.view())
    assert child.below() is state.view()
    assert child.scan(b"", limit=2000) == sorted({**rows, b"last": b"1"}.items())


def test_a_scan_is_filled_up_behind_deleted_rows(database: Database) -> None:
    rows = [(b"%d" % i, b"old") for i in range(8)]
    write_first_state(database, rows, lambda _: [])
    deleting, _ = make_layer(FinalState(database), {b"0": None, b"2": None, b"3": None})
    layer, _ = make_layer(deleting, {b"2": b"new", b"1": None})
    assert layer.scan(b"", limit=3) == [(b"2", b"new"), rows[4], rows[5]]
    assert layer.scan(b"", b"3", limit=1) == [rows[4]]


def test_only_the_oldest_layer_is_absorbed(database: Database) -> None:
    state = FinalState(database)
    oldest, _ = make_layer(state, {b"a": b"1"})
    child, _ = make_layer(oldest, {b"a": b"2"})
    fork, _ = make_layer(state, {b"a": b"3"})
    with pytest.raises(ValueError, match="directly on the final state"):
        state.absorb(child)
    _finalize(database, state, oldest)
    for layer in (oldest, fork):
        with pytest.raises(ValueError, match="directly on the final state"):
            state.absorb(layer)
    assert state.get(b"a") == b"1"
    assert fork.get(b"a") == b"3"
    _finalize(database, state, child)
    assert state.get(b"a") == b"2"


def test_a_batch_shows_only_once_it_is_absorbed(database: Database) -> None:
    rows = {b"a": b"1", b"b": b"1"}
    write_first_state(database, rows.items(), lambda _: [])
    state = FinalState(database)
    assert state.get(b"a") == b"1"
    layer, _ = make_layer(state, {b"a": b"2", b"b": b"2", b"c": b"2"})
    database.write(layer_batch(layer), sync=True)
    assert state.scan(b"", limit=9) == sorted(rows.items())
    assert [state.get(key) for key in (b"a", b"b", b"c")] == [b"1", b"1", None]
    state.absorb(layer)
    assert [state.get(key) for key in (b"a", b"b", b"c")] == [b"2"] * 3


def test_a_read_begun_before_finality_does_not_spoil_the_cache(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_first_state(database, [(b"a", b"old")], lambda _: [])
    state = FinalState(database)
    layer, _ = make_layer(state, {b"a": b"new"})
    follower, _ = make_layer(layer, {})
    get = Snapshot.get

    def overtaken(self: Snapshot, key: bytes) -> bytes | None:
        monkeypatch.setattr(Snapshot, "get", get)
        value = get(self, key)
        _finalize(database, state, layer)
        _finalize(database, state, follower)
        return value

    monkeypatch.setattr(Snapshot, "get", overtaken)
    assert state.get(b"a") == b"old"
    assert state.get(b"a") == b"new"


def test_a_read_during_finality_is_not_answered_from_the_old_cache(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [b"a", b"b", b"c"]
    write_first_state(database, [(key, b"old") for key in keys], lambda _: [])
    state = FinalState(database)
    assert [state.get(key) for key in keys] == [b"old"] * 3
    layer, _ = make_layer(state, dict.fromkeys(keys, b"new"))
    seen: list[bytes | None] = []
    keep = _Cache.keep

    def observed(self: _Cache, view: FinalView, key: bytes, value: bytes | None) -> None:
        seen.extend(state.get(key) for key in keys)
        keep(self, view, key, value)

    monkeypatch.setattr(_Cache, "keep", observed)
    _finalize(database, state, layer)
    assert len(seen) > len(keys)
    assert set(seen) == {b"new"}


def test_readers_see_one_block_while_others_become_final(database: Database) -> None:
    keys = [b"%d" % i for i in range(20)]
    write_first_state(database, [(key, b"0") for key in keys], lambda _: [])
    state = FinalState(database, cache_bytes=1_000)
    mixed: list[set[bytes | None]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            view = state.view()
            seen = {view.get(key) for key in keys} | {row[1] for row in view.scan(b"", limit=99)}
            if len(seen) != 1:
                mixed.append(seen)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 60):
        layer, _ = make_layer(state, dict.fromkeys(keys, b"%d" % number))
        _finalize(database, state, layer)
    stop.set()
    for reader in readers:
        reader.join()
    assert mixed == []
    assert {state.get(key) for key in keys} == {b"59"}


def test_reads_are_cached_absent_rows_too(database: Database, reads: list[bytes]) -> None:
    write_first_state(database, [(b"a", b"1")], lambda _: [])
    state = FinalState(database)
    for _ in range(3):
        assert (state.get(b"a"), state.get(b"b")) == (b"1", None)
    assert reads == [STATE_ROW + b"a", STATE_ROW + b"b"]
    layer, _ = make_layer(state, {b"a": b"2", b"c": b"3"})
    _finalize(database, state, layer)
    reads.clear()
    assert [state.get(key) for key in (b"a", b"b", b"c")] == [b"2", None, b"3"]
    prove(state.page, [tree.key_path(b"a")])
    assert reads == []


def test_the_cache_is_bounded_and_drops_the_least_used(
    database: Database, reads: list[bytes]
) -> None:
    write_first_state(database, [(b"%d" % i, bytes(1000)) for i in range(100)], lambda _: [])
    state = FinalState(database, cache_bytes=20_000)
    for i in range(100):
        state.get(b"%d" % i)
        state.get(b"0")
    assert len(reads) == 100
    reads.clear()
    for i in (0, 99, 98, 97):
        state.get(b"%d" % i)
    assert reads == []
    for i in range(1, 80):
        state.get(b"%d" % i)
    assert len(reads) == 79


def test_rows_written_again_take_their_room_once(database: Database, reads: list[bytes]) -> None:
    state = FinalState(database, cache_bytes=20_000)
    state.get(b"other")
    for number in range(100):
        layer, _ = make_layer(state, {b"a": b"%d" % number * 100})
        _finalize(database, state, layer)
        assert state.get(b"other") is None
    assert reads.count(STATE_ROW + b"other") == 1


def test_a_damaged_page_is_a_database_error(database: Database) -> None:
    write_first_state(database, [(b"%d" % i, b"") for i in range(300)], lambda _: [])
    position = bytes([sha256(b"7")[0] >> 4])
    database.write([(PAGE_ROW + position, None)], sync=False)
    with pytest.raises(DatabaseError, match=f"page {position.hex()}: .* `reelect db repair`"):
        make_layer(FinalState(database), {b"7": None})


def test_the_first_state_is_written_in_chunks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "FIRST_STATE_CHUNK_ROWS", 7)
    rows = {b"%d" % i: b"value %d" % i for i in range(40)}
    given_roots: list[bytes] = []

    def finish(root: bytes) -> list[tuple[bytes, bytes | None]]:
        assert database.get(META_ROW) is None
        given_roots.append(root)
        return [(META_ROW, root)]

    root = write_first_state(database, iter(rows.items()), finish)
    assert given_roots == [root] == [model_root(model_leaves(rows))]
    assert database.get(META_ROW) == root
    assert FinalState(database).scan(b"", limit=99) == sorted(rows.items())
    stored = {key[1:]: page for key, page in database.scan(PAGE_ROW, limit=999)}
    assert stored == model_pages(model_leaves(rows))


def test_an_interrupted_first_state_leaves_no_trace(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "FIRST_STATE_CHUNK_ROWS", 7)

    def interrupted() -> Iterator[tuple[bytes, bytes]]:
        for i in range(30):
            yield b"old %d" % i, b""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_first_state(database, interrupted(), lambda _: [])
    assert len(database.keys(STATE_ROW)) == 28
    assert write_first_state(database, [], lambda _: []) == tree.EMPTY_ROOT
    assert database.keys(STATE_ROW) == database.keys(PAGE_ROW) == []
