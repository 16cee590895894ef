"""Headers, ids and votes against vectors made by another reading of the format."""

import hashlib
import json
from pathlib import Path

import pytest

from consensus.block import Header, Vote, vote_message
from consensus.cid import parse_cid
from consensus.errors import InvalidEncoding
from consensus.keys import verifies

_VECTORS = Path(__file__).parents[1] / "vectors"
HEADERS = json.loads((_VECTORS / "header.json").read_text())
CERTIFICATES = json.loads((_VECTORS / "certificate.json").read_text())["certificates"]


def _plain(value: object) -> object:
    """A field as the vectors show it: hex, CID text, integers, and lists of these."""
    if isinstance(value, dict):
        return [_plain(item) for item in value.values()]
    return value


@pytest.mark.parametrize("vector", HEADERS["headers"], ids=lambda vector: str(vector["name"]))
def test_a_header_has_the_bytes_and_the_id_of_the_vector(vector: dict[str, object]) -> None:
    encoding = bytes.fromhex(str(vector["encoding"]))
    header = Header.decode(encoding)
    assert header.encode() == encoding
    assert str(header.id()) == vector["id"]
    shown = header.to_json() | {"producer": header.producer.hex() if header.producer else None}
    assert {name: _plain(value) for name, value in shown.items()} == vector["fields"]


def test_the_chain_is_the_digest_of_the_genesis_header() -> None:
    genesis, first, _ = (Header.decode(bytes.fromhex(v["encoding"])) for v in HEADERS["headers"])
    assert hashlib.sha256(genesis.encode()).hexdigest() == HEADERS["chain"]
    assert first.chain == genesis.id().digest
    assert first.parent == genesis.id()


@pytest.mark.parametrize("vector", HEADERS["headers"], ids=lambda vector: str(vector["name"]))
def test_a_header_has_no_second_spelling(vector: dict[str, object]) -> None:
    encoding = bytes.fromhex(str(vector["encoding"]))
    identity = Header.decode(encoding).id()
    for i in range(len(encoding)):
        changed = bytearray(encoding)
        changed[i] ^= 0x01
        try:
            assert Header.decode(bytes(changed)).id() != identity
        except InvalidEncoding:
            continue


@pytest.mark.parametrize("vector", CERTIFICATES, ids=lambda vector: str(len(vector["members"])))
def test_a_vote_has_the_bytes_of_the_vector(vector: dict[str, str]) -> None:
    block_id = parse_cid(vector["block_id"])
    message = vote_message(bytes.fromhex(vector["chain"]), block_id)
    assert message.hex() == vector["vote_message"]
    encoding = bytes.fromhex(vector["vote_of_first"])
    vote = Vote.decode(encoding)
    assert vote.encode() == encoding
    assert vote.block_id == block_id
    assert verifies(vote.key, message, vote.signature)
