"""The vectors for other verifiers of light proofs say what this one does."""

import json
from typing import Any

import pytest

from consensus.errors import InvalidProof
from consensus.hashing import sha256
from tests.vectors.generate_light import FILE, check, facts_json, vectors

VECTORS = json.loads(FILE.read_text())


def test_the_vectors_are_those_that_the_script_makes() -> None:
    assert vectors() == VECTORS


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["name"])
def test_an_accepted_file(vector: dict[str, Any]) -> None:
    facts = check(bytes.fromhex(vector["file"]), vector["trusted"])
    assert facts_json(facts) == vector["facts"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_a_refused_file(vector: dict[str, str]) -> None:
    with pytest.raises(InvalidProof) as caught:
        check(bytes.fromhex(vector["file"]), vector["trusted"])
    assert caught.value.field == vector["check"]


def test_changed_bytes_are_refused() -> None:
    files = {vector["name"]: vector for vector in VECTORS["accepted"]}
    for change in VECTORS["changed"]:
        of = files[change["of"]]
        content = bytearray.fromhex(of["file"])[:-32]
        assert content[change["place"]] != change["byte"]
        content[change["place"]] = change["byte"]
        with pytest.raises(InvalidProof) as caught:
            check(bytes(content) + sha256(bytes(content)), of["trusted"])
        assert caught.value.field == change["check"]
