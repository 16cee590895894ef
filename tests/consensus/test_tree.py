"""The state tree against a naive model: roots, pages, and what must be refused."""

from collections.abc import Callable, Mapping
from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import tree
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.tree import (
    EMPTY_ROOT,
    DamagedTree,
    ReadPage,
    key_path,
    read_way,
    root,
    update,
)
from tests.consensus.builds import reference
from tests.vectors.state_tree_model import (
    model_leaves,
    model_pages,
    model_root,
)

Pages = dict[bytes, bytes]
REFERENCE = reference("tree")


def _path(bits: frozenset[int]) -> bytes:
    return sum(1 << (255 - bit) for bit in bits).to_bytes(32, "big")


# Paths that part at the first bits, at the edges of pages, and some pages deeper.
PATHS = st.frozensets(st.sampled_from([0, 1, 3, 4, 5, 7, 8, 17])).map(_path)
VALUE_HASHES = st.sampled_from([sha256(b"%d" % i) for i in range(3)])
LEAVES = st.dictionaries(PATHS, VALUE_HASHES, max_size=12)
CHANGES = st.dictionaries(PATHS, st.none() | VALUE_HASHES, max_size=12)
ROWS = st.dictionaries(st.binary(max_size=2), st.binary(max_size=4), max_size=24)


def _change(pages: Pages, changes: Mapping[bytes, bytes | None]) -> bytes:
    """Update stored pages as a database would; returns the new root."""
    made = update(pages.get, changes)
    for position, page in made.pages.items():
        assert pages.get(position) != page, "a page that did not change was returned"
        if page is None:
            del pages[position]
        else:
            pages[position] = page
    return made.root


def _tree(rows: Mapping[bytes, bytes]) -> tuple[bytes, Pages]:
    pages: Pages = {}
    return _change(pages, model_leaves(rows)), pages


@given(LEAVES, st.lists(CHANGES, max_size=4))
def test_updates_agree_with_the_model(
    leaves: dict[bytes, bytes], steps: list[dict[bytes, bytes | None]]
) -> None:
    pages: Pages = {}
    present: dict[bytes, bytes] = {}
    all_changes: list[Mapping[bytes, bytes | None]] = [leaves, *steps]
    for changes in all_changes:
        assert _change(pages, changes) == root(pages.get)
        for path, value_hash in changes.items():
            present.pop(path, None)
            if value_hash is not None:
                present[path] = value_hash
        assert root(pages.get) == model_root(present)
        assert pages == model_pages(present)


@given(LEAVES, PATHS)
def test_the_way_to_a_path_is_what_an_update_there_reads(
    leaves: dict[bytes, bytes], path: bytes
) -> None:
    pages: Pages = {}
    _change(pages, leaves)

    def reads(walk: Callable[[ReadPage], object]) -> list[bytes]:
        found: list[bytes] = []

        def read(position: bytes) -> bytes | None:
            found.append(position)
            return pages.get(position)

        walk(read)
        return found

    changed = reads(lambda read: update(read, {path: sha256(b"new")}))
    assert reads(lambda read: read_way(read, path)) == changed


def test_paths_that_part_only_at_the_last_bits() -> None:
    paths = [_path(frozenset(bits)) for bits in ([], [255], [254], [251, 255])]
    leaves = {path: sha256(path) for path in paths}
    pages: Pages = {}
    assert _change(pages, leaves) == model_root(leaves)
    assert pages == model_pages(leaves)
    assert max(len(position) for position in pages) == 63
    assert _change(pages, dict.fromkeys(paths[1:])) == model_root({paths[0]: sha256(paths[0])})
    assert list(pages) == [b""]


@given(LEAVES, LEAVES, st.randoms(use_true_random=False))
def test_order_and_deleted_rows_leave_no_trace(
    leaves: dict[bytes, bytes], passing: dict[bytes, bytes], random: Random
) -> None:
    at_once: Pages = {}
    expected = _change(at_once, leaves)
    one_by_one: Pages = {}
    order = [*passing.items(), *leaves.items()]
    random.shuffle(order)
    for path, value_hash in order:
        _change(one_by_one, {path: value_hash})
    _change(one_by_one, {path: None for path in passing if path not in leaves})
    _change(one_by_one, leaves)
    assert (root(one_by_one.get), one_by_one) == (expected, at_once)
    assert _change(at_once, dict.fromkeys(leaves)) == EMPTY_ROOT
    assert at_once == {}


@given(LEAVES, CHANGES)
def test_an_update_reads_each_page_at_most_once(
    leaves: dict[bytes, bytes], changes: dict[bytes, bytes | None]
) -> None:
    pages: Pages = {}
    _change(pages, leaves)
    read: list[bytes] = []

    def read_page(position: bytes) -> bytes | None:
        read.append(position)
        return pages.get(position)

    update(read_page, changes)
    assert len(read) == len(set(read))


def test_missing_and_malformed_pages_are_named() -> None:
    rows = {b"row %d" % i: b"" for i in range(300)}
    path = key_path(b"row 7")
    _, pages = _tree(rows)
    position = bytes([path[0] >> 4])
    page = pages.pop(position)
    with pytest.raises(DamagedTree, match=f"lacks its page {position.hex()}"):
        update(pages.get, {path: None})
    for bad in (b"", page[:3], page[:-1], page + b"\x00", bytes(4)):
        pages[position] = bad
        with pytest.raises(DamagedTree, match=f"page {position.hex()} is malformed"):
            update(pages.get, {path: None})


def test_a_page_that_names_itself_below_the_last_level_is_refused() -> None:
    page = b"\xff\xff\x00\x00" + bytes(range(32)) * 16
    with pytest.raises(DamagedTree):
        update(lambda _: page, {key_path(b"any"): None})


def test_update_refuses_what_is_not_a_hash() -> None:
    for changes in ({b"short": ZERO_DIGEST}, {ZERO_DIGEST: b"short"}):
        with pytest.raises(ValueError, match="32 bytes"):
            update(lambda _: None, changes)


def _outcome(module: ModuleType, page: bytes, changes: Mapping[bytes, bytes | None]) -> object:
    """What an update makes of any bytes as a tree's pages."""
    try:
        made = module.update({b"": page, b"\x00": page}.get, changes)
    except (DamagedTree, REFERENCE.DamagedTree) as error:
        return str(error)
    return made.root, made.pages


@given(st.integers(0, 2**32 - 1), st.binary(max_size=80), CHANGES)
def test_both_builds_take_any_page_alike(
    masks: int, nodes: bytes, changes: dict[bytes, bytes | None]
) -> None:
    used, leaves = masks >> 16, masks >> 16 & masks
    whole = 32 * (used.bit_count() + leaves.bit_count())
    for page in (nodes, masks.to_bytes(4, "big") + nodes, masks.to_bytes(4, "big") + bytes(whole)):
        assert _outcome(tree, page, changes) == _outcome(REFERENCE, page, changes)


def test_a_row_that_is_stored_beside_its_place_is_damage() -> None:
    path, stray = _path(frozenset([0])), bytes(32)
    page = (0x0080_0080).to_bytes(4, "big") + stray + sha256(b"value")  # in slot 8, that of `path`
    with pytest.raises(DamagedTree, match="beside its place"):
        update({b"": page}.get, {_path(frozenset([0, 255])): sha256(b"new"), path: sha256(b"new")})
    pages = {b"": (0x0080_0000).to_bytes(4, "big") + sha256(b"below")}
    pages[b"\x08"] = (0x8000_8000).to_bytes(4, "big") + stray + sha256(b"value")
    with pytest.raises(DamagedTree, match="beside its place"):
        update(pages.get, {path: sha256(b"new")})
