"""Proofs of rows of the state: what is true has exactly one proof, and nothing else has any."""

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consensus import tree_proof
from consensus.errors import Invalid, InvalidProof
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.record import replace
from consensus.tree import PATH_BITS, DamagedTree, key_path, update
from consensus.tree_proof import (
    MAX_PROVED_ROWS,
    MAX_SHAPE_BYTES,
    OtherLeaf,
    StateProof,
    prove,
    verify,
)
from tests.vectors.generate_state_tree import FILE, vectors
from tests.vectors.state_tree_model import model_leaves, model_proof, packed

Pages = dict[bytes, bytes | None]
Claims = Mapping[bytes, bytes | None]
T = TypeVar("T")

KEYS = st.binary(max_size=2)
ROWS = st.dictionaries(KEYS, st.binary(max_size=2), max_size=24)


def _path(bits: Iterable[int]) -> bytes:
    return sum(1 << (255 - bit) for bit in bits).to_bytes(32, "big")


# Paths that part at the first bits, at the edges of pages, and at the very end.
PATHS = st.frozensets(st.sampled_from([0, 1, 3, 4, 7, 8, 130, 254, 255])).map(_path)
LEAVES = st.dictionaries(PATHS, st.sampled_from([sha256(b"1"), sha256(b"2")]), max_size=16)


def _tree(rows: Mapping[bytes, bytes]) -> tuple[bytes, Pages]:
    return _tree_of(model_leaves(rows))


def _tree_of(leaves: Mapping[bytes, bytes]) -> tuple[bytes, Pages]:
    made = update(lambda _: None, leaves)
    return made.root, made.pages


def _prove(pages: Pages, keys: Iterable[bytes]) -> StateProof:
    return prove(pages.get, map(key_path, keys))


def _verify_paths(root: bytes, values: Claims, proof: StateProof) -> None:
    """Verify with keys that are their own paths, as no real keys can be found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_proof, "key_path", bytes)
        verify(root, values, proof)


def _verifies(root: bytes, rows: Claims, proof: StateProof) -> bool:
    try:
        verify(root, rows, proof)
    except InvalidProof:
        return False
    return True


@given(LEAVES, st.lists(PATHS, max_size=12))
def test_proofs_agree_with_the_model(leaves: dict[bytes, bytes], asked: list[bytes]) -> None:
    _, pages = _tree_of(leaves)
    for paths in [asked, list(leaves), asked + list(leaves)]:
        proof = prove(pages.get, paths)
        assert proof.encode() == model_proof(leaves, paths)
        assert prove(pages.get, [*reversed(paths), *paths]) == proof


@given(LEAVES, st.lists(PATHS, max_size=12))
def test_paths_that_part_late_are_proved(leaves: dict[bytes, bytes], absent: list[bytes]) -> None:
    values = {path: path + b"value" for path in leaves}
    root, pages = _tree_of({path: sha256(value) for path, value in values.items()})
    asked = dict.fromkeys(absent) | values
    proof = prove(pages.get, asked)
    _verify_paths(root, asked, proof)
    for path, value in asked.items():
        with pytest.raises(InvalidProof):
            _verify_paths(root, asked | {path: None if value else b"value"}, proof)


@given(ROWS, st.sets(KEYS, max_size=20), KEYS, st.none() | st.binary(max_size=2))
def test_proofs_verify_exactly_for_what_is_true(
    rows: dict[bytes, bytes], absent: set[bytes], key: bytes, claim: bytes | None
) -> None:
    root, pages = _tree(rows)
    for asked in ([key], [*rows], [key, *absent], [key, *rows, *absent]):
        truth = {key: rows.get(key) for key in asked}
        proof = _prove(pages, asked)
        assert StateProof.decode(proof.encode()) == proof
        verify(root, truth, proof)
        if claim != rows.get(key):
            assert not _verifies(root, truth | {key: claim}, proof)


@given(ROWS, st.sets(KEYS, max_size=4), st.sets(KEYS, max_size=4), st.data())
def test_another_set_of_keys_has_its_own_proof(
    rows: dict[bytes, bytes], some: set[bytes], others: set[bytes], data: st.DataObject
) -> None:
    present = st.sets(st.sampled_from(sorted(rows)), max_size=3) if rows else st.just(set())
    root, pages = _tree(rows)
    first, second = some | data.draw(present), others | data.draw(present)
    for shown, asked in ((first, second), (first, first | second), (first | second, first)):
        truth = {key: rows.get(key) for key in asked}
        proof = _prove(pages, shown)
        assert _verifies(root, truth, proof) == (proof == _prove(pages, asked))


@given(ROWS, ROWS, st.sets(KEYS, min_size=1, max_size=4))
def test_no_proof_of_one_state_holds_a_lie_about_another(
    rows: dict[bytes, bytes], others: dict[bytes, bytes], keys: set[bytes]
) -> None:
    root, _ = _tree(rows)
    _, pages = _tree(others)
    told = {key: others.get(key) for key in keys}
    if any(rows.get(key) != value for key, value in told.items()):
        assert not _verifies(root, told, _prove(pages, keys))


@given(ROWS, st.sets(KEYS, max_size=3), st.data())
def test_a_proof_has_one_spelling(
    rows: dict[bytes, bytes], absent: set[bytes], data: st.DataObject
) -> None:
    root, pages = _tree(rows)
    asked = absent | set(sorted(rows)[:2])
    proof = _prove(pages, asked)
    digests = st.sampled_from(
        [ZERO_DIGEST, root, sha256(b""), *proof.siblings, *map(key_path, asked)]
    )
    leaves = [*proof.others, *(OtherLeaf(*leaf) for leaf in model_leaves(rows).items())]
    others = st.builds(OtherLeaf, digests, digests)
    if leaves:
        others |= st.sampled_from(leaves)
    changed = StateProof(
        data.draw(st.just(proof.shape) | _changed(proof.shape)),
        data.draw(st.just(proof.siblings) | _altered(proof.siblings, digests)),
        data.draw(st.just(proof.others) | _altered(proof.others, others)),
    )
    assume(changed != proof)
    assert not _verifies(root, {key: rows.get(key) for key in asked}, changed)


def _changed(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes with a bit changed, cut off, or with some added."""
    bit = st.integers(0, 8 * len(data) - 1) if data else st.nothing()
    number, size = int.from_bytes(data, "big"), len(data)
    flipped = bit.map(lambda i: (number ^ 1 << i).to_bytes(size, "big"))
    cut = st.integers(0, size).map(lambda i: data[:i])
    return flipped | cut | st.binary(min_size=1, max_size=2).map(lambda more: data + more)


def _altered(items: tuple[T, ...], item: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    """A tuple with an item added, left out, or replaced."""
    place = st.integers(0, len(items))
    return st.builds(
        lambda i, gone, new: items[:i] + tuple(new) + items[i + gone :],
        place,
        st.integers(0, 1),
        st.lists(item, max_size=1),
    )


ROWS_40 = {b"row %d" % i: b"value %d" % i for i in range(40)}
SHOWN: Claims = {key: ROWS_40.get(key) for key in (b"row 7", b"row 9", b"absent", b"gone")}


def _flipped(data: bytes) -> Iterable[bytes]:
    """The data with each of its bits changed."""
    for i in range(8 * len(data)):
        yield (int.from_bytes(data, "big") ^ 1 << i).to_bytes(len(data), "big")


def test_any_changed_bit_is_refused() -> None:
    root, pages = _tree(ROWS_40)
    proof = _prove(pages, SHOWN)
    assert proof.siblings
    assert proof.others
    verify(root, SHOWN, proof)
    for encoded in _flipped(proof.encode()):
        with pytest.raises(Invalid):
            verify(root, SHOWN, StateProof.decode(encoded))
    for changed in _flipped(root):
        assert not _verifies(changed, SHOWN, proof)
    for key, value in SHOWN.items():
        others = {other: told for other, told in SHOWN.items() if other != key}
        assert not _verifies(root, others, proof)
        for changed in _flipped(key):  # another absent key may have the same proof
            same = value is None and proof == _prove(pages, [*others, changed])
            assert _verifies(root, others | {changed: value}, proof) == same
        for changed in _flipped(value or b""):
            assert not _verifies(root, others | {key: changed}, proof)


def test_each_fault_is_named() -> None:
    root, pages = _tree(ROWS_40)
    key, value = b"row 7", ROWS_40[b"row 7"]
    proof = _prove(pages, [key])
    leaf = OtherLeaf(key_path(key), sha256(value))
    far = OtherLeaf(bytes([key_path(key)[0] ^ 0x80]) + key_path(key)[1:], leaf.value_hash)
    none: Claims = {key: None}
    gone: Claims = {b"gone": None}
    by_other = _prove(pages, gone)
    for claims, changed, field, reason in (
        ({key: value}, replace(proof, shape=proof.shape[:-1]), "shape", "too short"),
        ({key: value}, replace(proof, shape=proof.shape + b"\x00"), "shape", "beyond the end"),
        ({key: value}, replace(proof, siblings=proof.siblings[1:]), "siblings", "too few"),
        ({key: value}, replace(proof, siblings=(root, *proof.siblings)), "siblings", "too many"),
        ({key: value}, replace(proof, siblings=(ZERO_DIGEST,) * 9), "siblings", "empty"),
        ({key: value}, replace(proof, others=(leaf,)), "others", "too many"),
        (none, StateProof(b"\x40", (), ()), "others", "too few"),
        (none, StateProof(b"\x40", (), (leaf,)), "others", "present, not absent"),
        (gone, replace(by_other, others=(leaf,)), "others", "another subtree"),
        (none, StateProof(b"\x40", (), (far,)), "", "does not lead to the state root"),
        (ROWS_40, StateProof(b"\x00", (), ()), "shape", "above two rows"),
    ):
        with pytest.raises(InvalidProof, match=reason) as caught:
            verify(root, claims, changed)
        assert caught.value.field == field


def test_no_keys_are_proved_by_the_root_alone() -> None:
    root, pages = _tree(ROWS_40)
    assert prove(pages.get, []) == StateProof(b"\x80", (root,), ())
    verify(root, {}, StateProof(b"\x80", (root,), ()))
    assert prove(lambda _: None, []) == StateProof(b"\x00", (), ())
    verify(ZERO_DIGEST, {}, StateProof(b"\x00", (), ()))
    with pytest.raises(InvalidProof):
        verify(ZERO_DIGEST, {}, StateProof(b"\x80", (ZERO_DIGEST,), ()))


def test_the_keys_of_a_proof_are_bounded() -> None:
    root, pages = _tree(ROWS_40)
    keys = [b"row %d" % i for i in range(MAX_PROVED_ROWS + 1)]
    most = _prove(pages, keys[:-1])
    assert _prove(pages, keys[:-1] * 2) == most
    verify(root, {key: ROWS_40.get(key) for key in keys[:-1]}, most)
    with pytest.raises(ValueError, match="64 paths"):
        _prove(pages, keys)
    with pytest.raises(InvalidProof, match="at most 64"):
        verify(root, dict.fromkeys(keys), most)
    with pytest.raises(ValueError, match="32 bytes"):
        prove(pages.get, [b"short"])


def test_ways_to_the_last_bit() -> None:
    """A sibling at every depth, and asked paths that part at the first bits and the last."""
    paths = [_path([]), *(_path([depth]) for depth in range(PATH_BITS))]
    values = dict.fromkeys(paths, b"value")
    root, pages = _tree_of(dict.fromkeys(paths, sha256(b"value")))
    alone = prove(pages.get, paths[:1])
    assert (len(alone.siblings), len(alone.shape)) == (256, 65)
    _verify_paths(root, {paths[0]: b"value"}, alone)
    shown = {path: values[path] for path in paths[-MAX_PROVED_ROWS:]}
    _verify_paths(root, shown, prove(pages.get, shown))


def _endless(asked: list[bytes], depth: int) -> str:
    """The longest shape for these paths: all go on to the last bit, with siblings all along."""
    if not asked:
        return "1"
    if depth == PATH_BITS:
        return "00"
    left, right = tree_proof._halves(asked, depth)
    return "1" + _endless(left, depth + 1) + _endless(right, depth + 1)


def test_the_work_for_the_largest_proof_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [_path(bit for bit in range(6) if number >> bit & 1) for number in range(64)]
    bits = _endless(asked, 0)
    assert MAX_SHAPE_BYTES - 128 < len(packed(bits)) <= MAX_SHAPE_BYTES
    siblings = (sha256(b""),) * (64 * (PATH_BITS - 6))
    proof = StateProof(packed(bits), siblings, ())
    assert StateProof.decode(proof.encode()) == proof
    hashes = 0

    def inner_hash(left: bytes, _: bytes) -> bytes:
        nonlocal hashes
        hashes += 1
        return left

    monkeypatch.setattr(tree_proof, "inner_hash", inner_hash)
    with pytest.raises(InvalidProof, match="does not lead to the state root"):
        _verify_paths(b"any root", dict.fromkeys(asked), proof)
    assert hashes <= MAX_PROVED_ROWS * PATH_BITS
    beyond = StateProof(b"\xff" * MAX_SHAPE_BYTES, siblings, ())
    with pytest.raises(InvalidProof, match="below the last bit"):
        _verify_paths(b"any root", dict.fromkeys(asked), beyond)


def test_a_proof_in_a_million_rows_is_small() -> None:
    """A 64th of a million rows lies under each prefix of 6 bits: such a part is a tree of as
    many rows, of the same kind, and the way to it has 6 siblings."""
    _, pages = _tree({b"%d" % i: b"" for i in range(1_000_000 // 64)})
    sizes = [len(_prove(pages, [b"%d" % i]).encode()) for i in range(15_000, 17_000)]
    assert max(sizes) + 6 * 34 + 2 <= 1000


def test_missing_and_malformed_pages_are_named() -> None:
    rows = {b"row %d" % i: b"" for i in range(300)}
    _, pages = _tree(rows)
    position = bytes([key_path(b"row 7")[0] >> 4])
    page = pages.pop(position)
    assert page is not None
    with pytest.raises(DamagedTree, match=f"lacks its page {position.hex()}"):
        _prove(pages, [b"row 7"])
    for bad in (b"", page[:3], page[:-1], page + b"\x00", bytes(4)):
        pages[position] = bad
        with pytest.raises(DamagedTree, match=f"page {position.hex()} is malformed"):
            _prove(pages, [b"row 7"])


def test_a_page_that_names_itself_below_the_last_level_is_refused() -> None:
    page = b"\xff\xff\x00\x00" + bytes(range(32)) * 16
    with pytest.raises(DamagedTree):
        prove(lambda _: page, [key_path(b"any")])


def test_vectors() -> None:
    cases = json.loads(FILE.read_text())
    assert cases == vectors()
    for case in cases:
        root, pages = _tree(_values(case["rows"]))
        assert root.hex() == case["root"]
        for item in case["proofs"]:
            rows = _claims(item["rows"])
            proof = StateProof.decode(bytes.fromhex(item["proof"]))
            assert _prove(pages, rows) == proof
            verify(root, rows, proof)
        for item in case["refused"]:
            if "prefix" not in item:
                with pytest.raises(Invalid):
                    verify(
                        root,
                        _claims(item["rows"]),
                        StateProof.decode(bytes.fromhex(item["proof"])),
                    )


def _values(rows: list[tuple[str, str]]) -> dict[bytes, bytes]:
    return {bytes.fromhex(key): bytes.fromhex(value) for key, value in rows}


def _claims(rows: list[tuple[str, str | None]]) -> dict[bytes, bytes | None]:
    return {
        bytes.fromhex(key): None if value is None else bytes.fromhex(value) for key, value in rows
    }
