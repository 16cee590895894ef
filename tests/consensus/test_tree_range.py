"""Ranges of the state: exactly their rows verify, and those that cover all hold the state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.tree import key_path, update
from consensus.tree_range import WHOLE, Prefix, covers_all, prove_range, verify_range

Rows = list[tuple[bytes, bytes]]

ROWS = st.dictionaries(st.binary(max_size=2), st.binary(max_size=4), max_size=24).map(
    lambda rows: sorted(rows.items(), key=lambda row: key_path(row[0]))
)


def _under(prefix: Prefix, rows: Rows) -> Rows:
    return [row for row in rows if prefix.holds(key_path(row[0]))]


def _cut(rows: Rows, most: int) -> list[Prefix]:
    """Ranges of at most so many rows, that cover all."""
    done: list[Prefix] = []
    pending = [WHOLE]
    while pending:
        prefix = pending.pop()
        if len(_under(prefix, rows)) <= most:
            done.append(prefix)
        else:
            pending += reversed(prefix.halves())
    return done


@given(ROWS, st.integers(1, 5))
def test_the_ranges_of_a_state(rows: Rows, most: int) -> None:
    made = update(lambda _: None, {key_path(key): sha256(value) for key, value in rows})
    prefixes = _cut(rows, most)
    assert covers_all(prefixes)
    for prefix in prefixes:
        inside = _under(prefix, rows)
        proof = prove_range(made.pages.get, prefix)
        verify_range(made.root, prefix, inside, proof)
        for i in range(len(inside)):
            with pytest.raises(InvalidProof):
                verify_range(made.root, prefix, inside[:i] + inside[i + 1 :], proof)
