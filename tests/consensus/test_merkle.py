"""Roots and audit paths of lists, against RFC 6962's definition and published vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.merkle import merkle_proof, merkle_root, verify_merkle

ITEMS = st.lists(st.binary(max_size=4), max_size=40)

# The test data of Google's certificate-transparency: the roots of the first 1, 2, … 8 inputs.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _model(items: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1."""
    if not items:
        return sha256(b"")
    if len(items) == 1:
        return sha256(b"\x00" + items[0])
    split = 1 << (len(items) - 1).bit_length() - 1
    return sha256(b"\x01" + _model(items[:split]) + _model(items[split:]))


def _model_path(items: list[bytes], index: int) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(items) == 1:
        return []
    split = 1 << (len(items) - 1).bit_length() - 1
    if index < split:
        return [*_model_path(items[:split], index), _model(items[split:])]
    return [*_model_path(items[split:], index - split), _model(items[:split])]


def test_published_roots() -> None:
    assert [merkle_root(INPUTS[: n + 1]).hex() for n in range(8)] == ROOTS
    assert merkle_root([]) == sha256(b"")


@given(ITEMS)
def test_roots_and_paths_agree_with_the_definition(items: list[bytes]) -> None:
    assert merkle_root(items) == _model(items)
    for index, item in enumerate(items):
        proof = merkle_proof(items, index)
        assert list(proof) == _model_path(items, index)
        verify_merkle(merkle_root(items), item, index, len(items), proof)


@given(ITEMS.filter(bool), st.data())
def test_anything_else_is_refused(items: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    root, item, size = merkle_root(items), items[index], len(items)
    proof = merkle_proof(items, index)
    place = data.draw(st.integers(0, 31))
    changed = [(*proof[:i], _flip(proof[i], place), *proof[i + 1 :]) for i in range(len(proof))]
    wrong = [
        (_flip(root, place), item, index, size, proof),
        (root, item + b"\x00", index, size, proof),
        (root, item, size, size, proof),
        (root, item, -1, size, proof),
        (root, item, index, 0, proof),
        (root, item, index, size, (*proof, root)),
        *((root, item, index, size, other) for other in changed),
        *((root, item, index, size, proof[:n]) for n in range(len(proof))),
        *((root, item, i, size, proof) for i in range(size) if items[i] != item),
    ]
    for arguments in wrong:
        with pytest.raises(InvalidProof):
            verify_merkle(*arguments)


def _flip(digest: bytes, place: int) -> bytes:
    return digest[:place] + bytes([digest[place] ^ 1]) + digest[place + 1 :]


def test_an_inner_node_is_no_item() -> None:
    left, right = (sha256(b"\x00" + item) for item in (b"a", b"b"))
    with pytest.raises(InvalidProof):
        verify_merkle(merkle_root([b"a", b"b"]), left + right, 0, 1, ())


def test_hashes_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidProof):
        verify_merkle(merkle_root([b"a", b"b"]), b"a", 0, 2, (b"\x00" * 33,))


@pytest.mark.parametrize("index", [-1, 2])
def test_there_is_no_proof_of_a_missing_item(index: int) -> None:
    with pytest.raises(IndexError):
        merkle_proof([b"a", b"b"], index)
