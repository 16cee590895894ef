"""Proofs of rows of the state: what is true verifies, and nothing else."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.tree import key_path, update
from consensus.tree_proof import StateProof, prove, verify

Pages = dict[bytes, bytes | None]

KEYS = st.binary(max_size=2)
ROWS = st.dictionaries(KEYS, st.binary(max_size=4), max_size=24)


def _tree(rows: Mapping[bytes, bytes]) -> tuple[bytes, Pages]:
    made = update(lambda _: None, {key_path(key): sha256(value) for key, value in rows.items()})
    return made.root, made.pages


@given(ROWS, st.sets(KEYS, max_size=20), KEYS, st.none() | st.binary(max_size=4))
def test_proofs_verify_exactly_for_what_is_true(
    rows: dict[bytes, bytes], absent: set[bytes], key: bytes, claim: bytes | None
) -> None:
    root, pages = _tree(rows)
    asked = {key: rows.get(key) for key in [*rows, *absent, key]}
    proof = prove(pages.get, map(key_path, asked))
    assert StateProof.decode(proof.encode()) == proof
    verify(root, asked, proof)
    if claim != rows.get(key):
        with pytest.raises(InvalidProof):
            verify(root, asked | {key: claim}, proof)
