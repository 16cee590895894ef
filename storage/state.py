"""The state: final in the database, and a layer in memory for each block that is not yet final.

Every reader here (FinalState, FinalView, Layer) answers `get` (value of a state key), `page`
(page of the state tree) and `scan` (rows in order). Readers may be used from several threads.

A block becomes final so: write `layer_batch(layer)` with whatever else belongs to the block in
one synced batch, then `FinalState.absorb(layer)`. Until then everyone reads the state before.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TypeAlias

from consensus import tree
from consensus.hashing import sha256
from storage.database import (
    PAGE_ROW,
    STATE_ROW,
    DatabaseError,
    KeyValueReader,
    KeyValueStore,
    Write,
)

CACHE_BYTES = 32 * 1024 * 1024
MERGE_EVERY = 16
# A merged map takes in the one below it unless that has more than so many times its rows: each
# row is copied a few times in all, and few maps lie below one another.
MERGE_GROWTH = 2
FIRST_STATE_CHUNK_ROWS = 20_000

_ENTRY_BYTES = 200  # what a cache entry takes beside its key and value, about

Rows: TypeAlias = Mapping[bytes, bytes | None]


class _Cache:
    """The most recently used database rows of one view, up to a number of bytes.

    Rows known to be absent are kept too. Other views than the owner find and keep nothing, so
    that no value of an older state ever slips into the newest.
    """

    def __init__(self, max_bytes: int) -> None:
        self.owner: FinalView | None = None
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[bytes, bytes | None] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, view: "FinalView", key: bytes) -> tuple[bool, bytes | None]:
        """Whether the row is known, and its value."""
        with self._lock:
            if view is not self.owner or key not in self._rows:
                return False, None
            self._rows.move_to_end(key)
            return True, self._rows[key]

    def keep(self, view: "FinalView", key: bytes, value: bytes | None) -> None:
        """Note a row of `view`."""
        with self._lock:
            if view is not self.owner:
                return
            if key in self._rows:
                self._bytes -= _entry_bytes(key, self._rows.pop(key))
            self._rows[key] = value
            self._bytes += _entry_bytes(key, value)
            while self._bytes > self._max_bytes:
                self._bytes -= _entry_bytes(*self._rows.popitem(last=False))

    def hand_over(self, view: "FinalView") -> None:
        """Make `view` the owner; its `recent` rows hide what is outdated in the cache."""
        with self._lock:
            self.owner = view


def _entry_bytes(key: bytes, value: bytes | None) -> int:
    return _ENTRY_BYTES + len(key) + (0 if value is None else len(value))


class FinalView:
    """The state after one final block, for good: later blocks do not change what it shows.

    It pins a database snapshot while it is referenced. `recent` are the rows which that block
    wrote.
    """

    def __init__(self, snapshot: KeyValueReader, cache: _Cache, recent: Rows) -> None:
        self._snapshot = snapshot
        self._cache = cache
        self._recent = recent

    @property
    def reader(self) -> KeyValueReader:
        """All rows of the database as they were when that block became final."""
        return self._snapshot

    def get(self, key: bytes) -> bytes | None:
        """The value under a state key."""
        return self.row(STATE_ROW + key)

    def page(self, position: bytes) -> bytes | None:
        """A page of the state tree."""
        return self.row(PAGE_ROW + position)

    def scan(self, prefix: bytes, start: bytes = b"", *, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows whose keys begin with `prefix`, from the key `start` on."""
        rows = self._snapshot.scan(STATE_ROW + prefix, start=STATE_ROW + start, limit=limit)
        return [(key[len(STATE_ROW) :], value) for key, value in rows]

    def row(self, key: bytes) -> bytes | None:
        """The database row under `key`."""
        if key in self._recent:
            return self._recent[key]
        known, value = self._cache.find(self, key)
        if not known:
            value = self._snapshot.get(key)
            self._cache.keep(self, key, value)
        return value


class FinalState:
    """The state after the newest final block.

    Between two calls the newest final block may change: take `view()` for several reads that
    must agree.
    """

    def __init__(self, database: KeyValueStore, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._database = database
        self._cache = _Cache(cache_bytes)
        self._view = FinalView(database.snapshot(), self._cache, {})
        self._cache.hand_over(self._view)

    def view(self) -> FinalView:
        """The state as it is now, and stays."""
        return self._view

    def get(self, key: bytes) -> bytes | None:
        """The value under a state key."""
        return self._view.get(key)

    def page(self, position: bytes) -> bytes | None:
        """A page of the state tree."""
        return self._view.page(position)

    def scan(self, prefix: bytes, start: bytes = b"", *, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows whose keys begin with `prefix`, from the key `start` on."""
        return self._view.scan(prefix, start, limit=limit)

    def read_ahead(self, key: bytes) -> None:
        """Read a row, and what a change of it needs of the tree, into the cache."""
        self.get(key)
        tree.read_way(self.page, tree.key_path(key))

    def carries(self, layer: "Layer") -> bool:
        """Whether `layer` is known to lie directly on the present state. One that merged others
        may have forgotten it, once many layers lie above it."""
        return layer.settled is None and layer.below() is self._view

    def absorb(self, layer: "Layer") -> None:
        """Go on to the state of `layer`, whose batch has just been written.

        The layers above it read on from here; other forks keep reading the state below them. If
        those above lie on another layer of the same state, `settle` that too. Raises ValueError
        unless `layer` lies directly on the present state.
        """
        if not self.carries(layer):
            raise ValueError("only a layer that lies directly on the final state can be absorbed")
        view = FinalView(self._database.snapshot(), self._cache, layer.rows)
        self._cache.hand_over(view)
        self._view = view
        layer.settle(view)
        for key, value in layer.rows.items():
            self._cache.keep(view, key, value)


class Layer:
    """What one block that is not yet final writes, over the state of its parent.

    Every `MERGE_EVERY`-th layer of a chain also merges what the layers since the last such one
    wrote, and all below that is not much more. So a read passes few maps however many blocks
    are not final, and the layers far below are not needed by those above: who has no use for
    their own state can let go of them.
    """

    def __init__(self, parent: "Layer | FinalState | FinalView", writes: Rows, pages: Rows) -> None:
        below = parent.view() if isinstance(parent, FinalState) else parent
        self.rows: Rows = {STATE_ROW + key: value for key, value in writes.items()} | {
            PAGE_ROW + position: page for position, page in pages.items()
        }
        self._number: int = below._number + 1 if isinstance(below, Layer) else 0
        self.settled: FinalView | None = None
        self._merged = self.rows
        self._covered: tuple[Layer, ...] = ()  # others in _merged, the oldest last; not all
        self._below = below
        self._sorted_keys: list[bytes] | None = None
        if self._is_merged:
            self._merge()

    @property
    def _is_merged(self) -> bool:
        return self._number % MERGE_EVERY == MERGE_EVERY - 1

    def _merge(self) -> None:
        covered: list[Layer] = []
        below = self._below
        while isinstance(below, Layer) and below.settled is None and not below._is_merged:
            covered.append(below)
            below = below._below
        maps = [self.rows, *(layer.rows for layer in covered)]
        size = sum(map(len, maps))
        while isinstance(below, Layer):
            below._covered = ()  # or this layer would hold on to all layers there ever were
            if below.settled is not None or len(below._merged) > MERGE_GROWTH * size:
                break
            maps.append(below._merged)
            size += len(below._merged)
            below = below._below
        merged: dict[bytes, bytes | None] = {}
        for rows in reversed(maps):
            merged |= rows
        self._merged, self._covered, self._below = merged, tuple(covered), below

    def writes(self) -> tuple[tuple[bytes, bytes | None], ...]:
        """The state keys that the block wrote, with their values; None: deleted."""
        start = len(STATE_ROW)
        return tuple(
            (key[start:], value) for key, value in self.rows.items() if key.startswith(STATE_ROW)
        )

    def below(self) -> "Layer | FinalView":
        """Where reads go on that this layer does not answer: past all that is final by now."""
        below = self._below
        if isinstance(below, Layer) and below.settled is not None:
            below = below.settled
        covered = self._covered
        while covered and (view := covered[-1].settled) is not None:
            below, covered = view, covered[:-1]
        self._below, self._covered = below, covered
        return below

    def settle(self, view: FinalView) -> None:
        """Note that the state after this layer is final, as `view` shows, and let go of all
        below."""
        self.settled = view
        self._below = view
        self._covered = ()

    def get(self, key: bytes) -> bytes | None:
        """The value under a state key."""
        return self._row(STATE_ROW + key)

    def page(self, position: bytes) -> bytes | None:
        """A page of the state tree."""
        return self._row(PAGE_ROW + position)

    def _row(self, key: bytes) -> bytes | None:
        layer: Layer | FinalView = self
        while isinstance(layer, Layer):
            if key in layer._merged:
                return layer._merged[key]
            layer = layer.below()
        return layer.row(key)

    def scan(self, prefix: bytes, start: bytes = b"", *, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` rows whose keys begin with `prefix`, from the key `start` on."""
        changed: dict[bytes, bytes | None] = {}
        layer: Layer | FinalView = self
        while isinstance(layer, Layer):
            changed = layer._changed(STATE_ROW + prefix, STATE_ROW + start) | changed
            layer = layer.below()
        # Each changed row hides one row of the view at most.
        rows: dict[bytes, bytes | None] = dict(
            layer.scan(prefix, start, limit=limit + len(changed))
        )
        rows |= {key[len(STATE_ROW) :]: value for key, value in changed.items()}
        found = ((key, value) for key in sorted(rows) if (value := rows[key]) is not None)
        return list(islice(found, limit))

    def _changed(self, prefix: bytes, start: bytes) -> dict[bytes, bytes | None]:
        """The rows in this layer's map whose keys begin with `prefix`, from `start` on."""
        keys = self._sorted_keys
        if keys is None:
            keys = self._sorted_keys = sorted(self._merged)
        changed: dict[bytes, bytes | None] = {}
        for i in range(bisect_left(keys, max(prefix, start)), len(keys)):
            if not keys[i].startswith(prefix):
                break
            changed[keys[i]] = self._merged[keys[i]]
        return changed


StateReader: TypeAlias = FinalState | FinalView | Layer


def make_layer(parent: StateReader, writes: Rows) -> tuple[Layer, bytes]:
    """The layer of `writes` (state key → value, None to delete) over `parent`, and its root."""
    update = _update(parent.page, writes)
    return Layer(parent, writes, update.pages), update.root


def layer_batch(layer: Layer) -> list[Write]:
    """The database rows that make `layer` final, for one synced batch."""
    return list(layer.rows.items())


def write_first_state(
    database: KeyValueStore,
    rows: Iterable[tuple[bytes, bytes]],
    finish: Callable[[bytes], Iterable[Write]],
) -> bytes:
    """Write a chain's first state, in chunks of bounded memory; returns its root.

    `finish` is given the root and returns the writes that make the state valid (the genesis
    block and its ChainMeta); they alone are synced, and come last. Until then the database has
    no ChainMeta, and the next call clears what an interrupted one left.
    """
    _clear(database, STATE_ROW)
    _clear(database, PAGE_ROW)
    root = tree.EMPTY_ROOT
    pending = iter(rows)
    while chunk := dict(islice(pending, FIRST_STATE_CHUNK_ROWS)):
        pages = _pages_with(database, chunk)
        batch: list[Write] = [(STATE_ROW + key, value) for key, value in chunk.items()]
        database.write(batch + _page_writes(pages), sync=False)
        root = pages.root
    database.write(finish(root), sync=True)
    return root


def rebuild_pages(database: KeyValueStore) -> bytes:
    """Make the pages of the state tree anew from the rows of the state; returns the root.

    Until it is done the tree has not the root of the final block, and no chain can be opened.
    """
    _clear(database, PAGE_ROW)
    root, start = tree.EMPTY_ROOT, STATE_ROW
    while rows := database.scan(STATE_ROW, start=start, limit=FIRST_STATE_CHUNK_ROWS):
        pages = _pages_with(database, {key[len(STATE_ROW) :]: value for key, value in rows})
        database.write(_page_writes(pages), sync=False)
        root, start = pages.root, rows[-1][0] + b"\x00"
    database.write((), sync=True)
    return root


def _clear(database: KeyValueStore, prefix: bytes) -> None:
    while old := database.scan(prefix, limit=FIRST_STATE_CHUNK_ROWS):
        database.write([(key, None) for key, _ in old], sync=False)


def _pages_with(database: KeyValueStore, rows: Rows) -> tree.TreeUpdate:
    return _update(lambda position: database.get(PAGE_ROW + position), rows)


def _page_writes(update: tree.TreeUpdate) -> list[Write]:
    return [(PAGE_ROW + position, page) for position, page in update.pages.items()]


def _update(read_page: tree.ReadPage, writes: Rows) -> tree.TreeUpdate:
    changes = {
        tree.key_path(key): None if value is None else sha256(value)
        for key, value in writes.items()
    }
    try:
        return tree.update(read_page, changes)
    except tree.DamagedTree as error:
        raise DatabaseError(f"{error}: stop the node and run `reelect db repair`") from error
