"""The state tree against a naive model: roots, pages, proofs, and what must be refused."""

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import Invalid, InvalidProof
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.tree import (
    EMPTY_ROOT,
    DamagedTree,
    OtherLeaf,
    StateProof,
    key_path,
    prove,
    root,
    update,
    verify,
)
from tests.vectors.generate_state_tree import (
    FILE,
    alike,
    model_leaves,
    model_pages,
    model_proof,
    model_root,
    vectors,
)

Pages = dict[bytes, bytes]


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


def test_paths_that_part_only_at_the_last_bits() -> None:
    paths = [_path(frozenset(bits)) for bits in ([], [255], [254], [251, 255])]
    leaves = {path: sha256(path) for path in paths}
    pages: Pages = {}
    assert _change(pages, leaves) == model_root(leaves)
    assert pages == model_pages(leaves)
    assert max(len(position) for position in pages) == 63
    for path in paths:
        assert prove(pages.get, path).encode() == model_proof(leaves, path)
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


@given(LEAVES, PATHS)
def test_proofs_agree_with_the_model(leaves: dict[bytes, bytes], absent: bytes) -> None:
    pages: Pages = {}
    _change(pages, leaves)
    for path in [*leaves, absent]:
        assert prove(pages.get, path).encode() == model_proof(leaves, path)


@given(ROWS, st.binary(max_size=2), st.binary(max_size=4))
def test_proofs_verify_exactly_for_what_is_true(
    rows: dict[bytes, bytes], key: bytes, claim: bytes
) -> None:
    state_root, pages = _tree(rows)
    for proved in [*rows, key]:
        proof = prove(pages.get, key_path(proved))
        assert StateProof.decode(proof.encode()) == proof
        verify(state_root, proved, rows.get(proved), proof)
        for false in {None, claim, b""} - {rows.get(proved)}:
            with pytest.raises(InvalidProof):
                verify(state_root, proved, false, proof)


@given(ROWS, ROWS, st.binary(max_size=2))
def test_no_proof_of_one_state_holds_a_lie_about_another(
    rows: dict[bytes, bytes], others: dict[bytes, bytes], key: bytes
) -> None:
    state_root, _ = _tree(rows)
    _, pages = _tree(others)
    proof = prove(pages.get, key_path(key))
    if rows.get(key) != others.get(key):
        with pytest.raises(InvalidProof):
            verify(state_root, key, others.get(key), proof)


def test_any_changed_byte_is_refused() -> None:
    rows = {b"row %d" % i: b"value %d" % i for i in range(300)}
    state_root, pages = _tree(rows)
    for key, value in [(b"row 7", b"value 7"), (b"absent", None), (b"gone", None)]:
        proof = prove(pages.get, key_path(key))
        encoded = proof.encode()
        for changed in _changed(encoded):
            with pytest.raises(Invalid):
                verify(state_root, key, value, StateProof.decode(changed))
        for changed in _changed(state_root):
            with pytest.raises(InvalidProof):
                verify(changed, key, value, proof)
    proof = prove(pages.get, key_path(b"row 7"))
    for key in _changed(b"row 7"):
        with pytest.raises(InvalidProof):
            verify(state_root, key, b"value 7", proof)
    for value in _changed(b"value 7"):
        with pytest.raises(InvalidProof):
            verify(state_root, b"row 7", value, proof)


def _changed(data: bytes) -> list[bytes]:
    return [
        data[:i] + bytes([data[i] ^ mask]) + data[i + 1 :]
        for i in range(len(data))
        for mask in (0x01, 0x08, 0x80, 0xFF)
    ]


def test_a_proof_has_one_spelling() -> None:
    first, second = alike(2, 12)
    state_root, pages = _tree({first: b"1", second: b"2"})
    proof = prove(pages.get, key_path(first))
    siblings, bitmap = proof.siblings, proof.bitmap
    assert len(siblings) == 1
    assert bitmap[0] == 0
    spelled_differently = [
        StateProof(bitmap + b"\x00", siblings, None),
        StateProof(b"\x80" + bitmap[1:], (ZERO_DIGEST, *siblings), None),
        StateProof(bitmap, (*siblings, sha256(b"")), None),
        StateProof(bitmap, (sha256(b""), *siblings), None),
        StateProof(bitmap, (), None),
        StateProof(bitmap, siblings, OtherLeaf(key_path(first), sha256(b"1"))),
        StateProof(bitmap, siblings, OtherLeaf(key_path(second), sha256(b"2"))),
    ]
    for other in spelled_differently:
        with pytest.raises(InvalidProof):
            verify(state_root, first, b"1", other)


def test_a_present_row_is_not_shown_absent() -> None:
    state_root, pages = _tree({b"a": b"1"})
    proof = StateProof(b"", (), OtherLeaf(key_path(b"a"), sha256(b"1")))
    with pytest.raises(InvalidProof, match="present, not absent"):
        verify(state_root, b"a", None, proof)
    verify(state_root, b"b", None, proof)
    assert prove(pages.get, key_path(b"b")) == proof


def test_a_row_of_another_subtree_shows_no_absence() -> None:
    path = key_path(b"absent")
    below_a_sibling = StateProof(b"\x80", (sha256(b""),), None)
    for bit, reason in ((0, "another subtree"), (1, "does not lead to the state root")):
        parted = bytes([path[0] ^ 0x80 >> bit]) + path[1:]
        proof = replace(below_a_sibling, other=OtherLeaf(parted, sha256(b"")))
        with pytest.raises(InvalidProof, match=reason):
            verify(sha256(b"any root"), b"absent", None, proof)


def test_a_proof_among_many_rows_is_small() -> None:
    _, pages = _tree({b"%d" % i: b"" for i in range(20_000)})
    sizes = [len(prove(pages.get, key_path(b"%d" % i)).encode()) for i in range(1000)]
    # Fifty times more rows add less than six siblings: below 1 KB at a million rows.
    assert max(sizes) + 6 * 34 <= 1024


def test_vectors() -> None:
    cases = json.loads(FILE.read_text())
    assert cases == vectors()
    for case in cases:
        rows = {bytes.fromhex(key): bytes.fromhex(value) for key, value in case["rows"]}
        state_root, pages = _tree(rows)
        assert state_root.hex() == case["root"]
        for item in case["proofs"]:
            key = bytes.fromhex(item["key"])
            value = None if item["value"] is None else bytes.fromhex(item["value"])
            proof = StateProof.decode(bytes.fromhex(item["proof"]))
            assert prove(pages.get, key_path(key)) == proof
            verify(state_root, key, value, proof)


def test_missing_and_malformed_pages_are_named() -> None:
    rows = {b"row %d" % i: b"" for i in range(300)}
    path = key_path(b"row 7")
    _, pages = _tree(rows)
    position = bytes([path[0] >> 4])
    page = pages.pop(position)
    with pytest.raises(DamagedTree, match=f"lacks its page {position.hex()}"):
        prove(pages.get, path)
    with pytest.raises(DamagedTree, match=f"lacks its page {position.hex()}"):
        update(pages.get, {path: None})
    for bad in (b"", page[:3], page[:-1], page + b"\x00", bytes(4)):
        pages[position] = bad
        with pytest.raises(DamagedTree, match=f"page {position.hex()} is malformed"):
            prove(pages.get, path)


def test_a_page_that_names_itself_below_the_last_level_is_refused() -> None:
    page = b"\xff\xff\x00\x00" + bytes(range(32)) * 16
    with pytest.raises(DamagedTree):
        prove(lambda _: page, key_path(b"any"))
    with pytest.raises(DamagedTree):
        update(lambda _: page, {key_path(b"any"): None})


def test_update_refuses_what_is_not_a_hash() -> None:
    for changes in ({b"short": ZERO_DIGEST}, {ZERO_DIGEST: b"short"}):
        with pytest.raises(ValueError, match="32 bytes"):
            update(lambda _: None, changes)
