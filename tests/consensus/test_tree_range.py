"""Ranges of the state: exactly their rows verify, and those that cover all hold the state."""

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consensus import tree_range
from consensus.errors import Invalid, InvalidEncoding, InvalidProof
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.record import replace
from consensus.tree import PATH_BITS, key_path, update
from consensus.tree_range import (
    MAX_PREFIX_BITS,
    WHOLE,
    Prefix,
    RangeProof,
    prove_range,
    range_hash,
    verify_range,
)
from tests.vectors.generate_state_tree import FILE
from tests.vectors.state_tree_model import (
    model_leaves,
    model_range_proof,
    model_root,
    packed,
    spelled,
    under,
)

Pages = dict[bytes, bytes | None]
Row = tuple[bytes, bytes]


def _place(row: Row) -> bytes:
    return key_path(row[0])


def _path(bits: Iterable[int]) -> bytes:
    return sum(1 << (255 - bit) for bit in bits).to_bytes(32, "big")


# Paths that part at the first bits, at the edges of pages, and a page deeper.
PATHS = st.frozensets(st.sampled_from([0, 1, 3, 4, 7, 8, 9])).map(_path)
ROWS = st.dictionaries(st.binary(max_size=2), st.binary(max_size=2), max_size=24).map(
    lambda rows: sorted(rows.items(), key=_place)
)


def _prefix(bits: str) -> Prefix:
    return Prefix(len(bits), packed(bits))


def _tree(leaves: Mapping[bytes, bytes]) -> tuple[bytes, Pages]:
    made = update(lambda _: None, leaves)
    return made.root, made.pages


def _inside(prefix: Prefix, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if prefix.holds(_place(row))]


def _cut(rows: list[Row], most: int) -> list[Prefix]:
    """Ranges of at most so many rows, that cover all."""
    done: list[Prefix] = []
    pending = [WHOLE]
    while pending:
        prefix = pending.pop()
        if len(_inside(prefix, rows)) <= most:
            done.append(prefix)
        else:
            pending += reversed(prefix.halves())
    return done


def _subtrees(leaves: Mapping[bytes, bytes], prefix: str = "") -> Iterable[str]:
    """The prefixes that have a proof: the empty one, and the halves of all with two leaves."""
    yield prefix
    if len(leaves) > 1 and len(prefix) < MAX_PREFIX_BITS:
        for half in (prefix + "0", prefix + "1"):
            yield from _subtrees(under(leaves, half), half)


def _verifies(root: bytes, prefix: Prefix, rows: list[Row], proof: RangeProof) -> bool:
    try:
        verify_range(root, prefix, rows, proof)
    except InvalidProof:
        return False
    return True


def _agree_with_the_model(leaves: Iterable[bytes], prefixes: Iterable[str] | None = None) -> None:
    """Hash, prove and verify ranges of a tree with these paths, all if none are given."""
    values = {path: path + b"value" for path in leaves}
    hashes = {path: sha256(value) for path, value in values.items()}
    root, pages = _tree(hashes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_range, "key_path", bytes)  # as no keys with such paths can be found
        for bits in _subtrees(hashes) if prefixes is None else prefixes:
            prefix, inside = _prefix(bits), under(hashes, bits)
            assert range_hash(prefix, [*inside.items()]) == model_root(inside, len(bits))
            proof = prove_range(pages.get, prefix)
            assert proof.encode() == model_range_proof(hashes, bits)
            verify_range(root, prefix, [(path, values[path]) for path in inside], proof)


@given(st.frozensets(PATHS, max_size=8))
def test_all_ranges_of_a_tree_agree_with_the_model(leaves: frozenset[bytes]) -> None:
    _agree_with_the_model(leaves)


def test_ranges_of_paths_that_part_only_at_the_last_bits() -> None:
    leaves = [_path(bits) for bits in ([], [255], [254], [251, 255], [130, 254], [130, 200])]
    zeros = "0" * MAX_PREFIX_BITS
    _agree_with_the_model(leaves, [zeros[:depth] for depth in (0, 1, 130, 131, 250, 253, 255)])
    _agree_with_the_model(leaves, [zeros[:130] + "1", zeros[:254] + "1", zeros[:251] + "1"])


@given(ROWS, st.integers(1, 5))
def test_ranges_that_cover_all_hold_the_state(rows: list[Row], most: int) -> None:
    root, pages = _tree(model_leaves(dict(rows)))
    prefixes = _cut(rows, most)
    collected: list[Row] = []
    for prefix in prefixes:
        chunk = _inside(prefix, rows)
        proof = prove_range(pages.get, prefix)
        assert RangeProof.decode(proof.encode()) == proof
        verify_range(root, prefix, chunk, proof)
        collected += chunk
    assert collected == rows
    assert _tree(model_leaves(dict(collected))) == (root, pages)


@given(ROWS, st.integers(1, 5), st.data())
def test_only_the_rows_of_a_range_verify(rows: list[Row], most: int, data: st.DataObject) -> None:
    root, pages = _tree(model_leaves(dict(rows)))
    prefixes = _cut(rows, most)
    prefix, elsewhere = (data.draw(st.sampled_from(prefixes)) for _ in range(2))
    chunk, proof = _inside(prefix, rows), prove_range(pages.get, prefix)
    value = data.draw(st.binary(max_size=2))
    absent = data.draw(st.binary(max_size=3).filter(lambda key: key not in dict(rows)))
    for i, (key, told) in enumerate(chunk):
        left, right = chunk[:i], chunk[i + 1 :]
        assert not _verifies(root, prefix, left + right, proof)
        assert not _verifies(root, prefix, [*left, (key, told), *chunk[i:]], proof)
        assert not _verifies(root, prefix, [*left, (absent, told), *right], proof)
        if value != told:
            assert not _verifies(root, prefix, [*left, (key, value), *right], proof)
    for more in (absent, *(key for key, _ in _inside(elsewhere, rows))):
        changed = sorted([*chunk, (more, value)], key=_place)
        assert not _verifies(root, prefix, changed, proof)
    reordered = data.draw(st.permutations(chunk))
    assert _verifies(root, prefix, reordered, proof) == (reordered == chunk)
    other = _inside(elsewhere, rows)
    assert _verifies(root, prefix, other, proof) == (other == chunk)


@given(ROWS, st.integers(1, 5), st.data())
def test_a_range_proof_has_one_spelling(rows: list[Row], most: int, data: st.DataObject) -> None:
    root, pages = _tree(model_leaves(dict(rows)))
    prefix = data.draw(st.sampled_from(_cut(rows, most)))
    proof = prove_range(pages.get, prefix)
    digest = st.sampled_from([ZERO_DIGEST, root, sha256(b""), *proof.siblings])
    place = data.draw(st.integers(0, len(proof.siblings)))
    gone = data.draw(st.integers(0, 1))
    new = data.draw(st.lists(digest, max_size=1))
    siblings = proof.siblings[:place] + tuple(new) + proof.siblings[place + gone :]
    bitmap = data.draw(st.just(proof.bitmap) | st.binary(max_size=len(proof.bitmap) + 1))
    changed = RangeProof(bitmap, siblings)
    assume(changed != proof)
    assert not _verifies(root, prefix, _inside(prefix, rows), changed)


def _flipped(data: bytes) -> Iterable[bytes]:
    """The data with each of its bits changed."""
    for i in range(8 * len(data)):
        yield (int.from_bytes(data, "big") ^ 1 << i).to_bytes(len(data), "big")


def test_any_changed_bit_is_refused() -> None:
    rows = sorted(((b"row %d" % i, b"value %d" % i) for i in range(100)), key=_place)
    root, pages = _tree(model_leaves(dict(rows)))
    prefix = _prefix("10110")
    chunk, proof = _inside(prefix, rows), prove_range(pages.get, prefix)
    assert len(chunk) > 1
    verify_range(root, prefix, chunk, proof)
    for changed in _flipped(root):
        assert not _verifies(changed, prefix, chunk, proof)
    for encoded in _flipped(proof.encode()):
        with pytest.raises(Invalid):
            verify_range(root, prefix, chunk, RangeProof.decode(encoded))
    for depth in range(MAX_PREFIX_BITS + 1):
        for bits in _flipped(prefix.bits):
            with pytest.raises(Invalid):
                verify_range(root, Prefix(depth, bits), chunk, proof)


def test_each_fault_is_named() -> None:
    rows = sorted(((b"row %d" % i, b"") for i in range(100)), key=_place)
    root, pages = _tree(model_leaves(dict(rows)))
    prefix = _prefix("0110")
    chunk, proof = _inside(prefix, rows), prove_range(pages.get, prefix)
    for changed, other, field, reason in (
        ([*chunk, rows[-1]], proof, "rows", "outside the range"),
        ([rows[0], *chunk], proof, "rows", "outside the range"),
        (chunk[::-1], proof, "rows", "ascending"),
        ([*chunk[:1], *chunk], proof, "rows", "ascending"),
        (chunk[1:], proof, "", "do not lead to the state root"),
        (chunk, replace(proof, bitmap=b"\xf8"), "bitmap", "4 bits"),
        (chunk, replace(proof, bitmap=b"\xf0\x00"), "bitmap", "4 bits"),
        (chunk, replace(proof, bitmap=b""), "bitmap", "4 bits"),
        (chunk, replace(proof, siblings=proof.siblings[1:]), "siblings", "as many"),
        (chunk, replace(proof, siblings=(root, *proof.siblings)), "siblings", "as many"),
        (chunk, replace(proof, siblings=(*proof.siblings[1:], ZERO_DIGEST)), "siblings", "empty"),
    ):
        with pytest.raises(InvalidProof, match=reason) as caught:
            verify_range(root, prefix, changed, other)
        assert caught.value.field == field


def test_a_range_below_the_last_subtree_of_two_rows_has_no_proof() -> None:
    rows = [(b"row 1", b""), (b"row 0", b"")]
    paths = [spelled(key_path(key)) for key, _ in rows]
    shared = next(i for i in range(PATH_BITS) if paths[0][i] != paths[1][i])
    root, pages = _tree(model_leaves(dict(rows)))
    prefix = paths[0][: shared + 1]
    verify_range(root, _prefix(prefix), rows[:1], prove_range(pages.get, _prefix(prefix)))
    with pytest.raises(ValueError, match=f"the first {shared + 1} bits"):
        prove_range(pages.get, _prefix(prefix + "0"))
    with pytest.raises(ValueError, match="the first 0 bits"):
        prove_range(lambda _: None, _prefix("1"))
    assert prove_range(lambda _: None, WHOLE) == RangeProof(b"", ())


@given(st.text("01", max_size=MAX_PREFIX_BITS), PATHS)
def test_a_prefix_holds_the_paths_that_begin_with_it(bits: str, path: bytes) -> None:
    prefix = _prefix(bits)
    assert Prefix.unpack(prefix.pack()) == prefix
    assert prefix.holds(path) == spelled(path).startswith(bits)
    assert prefix.holds(packed(bits.ljust(PATH_BITS, "0")))
    assert prefix.holds(packed(bits.ljust(PATH_BITS, "1")))
    if len(bits) < MAX_PREFIX_BITS:
        assert prefix.halves() == (_prefix(bits + "0"), _prefix(bits + "1"))
    else:
        with pytest.raises(InvalidEncoding):
            prefix.halves()


def test_a_prefix_has_one_spelling() -> None:
    for depth, bits in (
        (0, b"\x00"),
        (1, b""),
        (1, b"\x40"),
        (1, b"\x80\x00"),
        (8, b""),
        (9, b"\x00\x01"),
        (-1, b""),
        (256, bytes(32)),
    ):
        with pytest.raises(InvalidEncoding):
            Prefix(depth, bits)
        with pytest.raises(InvalidEncoding):
            Prefix.unpack([depth, bits])


def test_vectors() -> None:
    for case in json.loads(FILE.read_text()):
        rows = {bytes.fromhex(key): bytes.fromhex(value) for key, value in case["rows"]}
        root, pages = _tree(model_leaves(rows))
        for item in case["ranges"]:
            prefix = Prefix.from_json(item["prefix"])
            proof = RangeProof.decode(bytes.fromhex(item["proof"]))
            assert prove_range(pages.get, prefix) == proof
            verify_range(root, prefix, _rows(item), proof)
        for item in case["refused"]:
            if "prefix" in item:
                with pytest.raises(Invalid):
                    verify_range(
                        root,
                        Prefix.from_json(item["prefix"]),
                        _rows(item),
                        RangeProof.decode(bytes.fromhex(item["proof"])),
                    )


def _rows(item: dict[str, list[tuple[str, str]]]) -> list[Row]:
    return [(bytes.fromhex(key), bytes.fromhex(value)) for key, value in item["rows"]]
