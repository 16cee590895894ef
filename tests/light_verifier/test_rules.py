"""The rules of the verifier in JavaScript, each for itself: signatures, certificates, rows."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from consensus.certificate import check_certificate
from consensus.cid import parse_cid
from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import verifies
from consensus.kinds import Json, JsonObject
from consensus.merkle import merkle_proof, merkle_root, verify_merkle
from consensus.producers import Member, ProducerSet
from consensus.tree_proof import OtherLeaf, StateProof
from consensus.tree_proof import verify as verify_rows
from tests.light_verifier import running
from tests.light_verifier.running import judge, node
from tests.light_verifier.signatures import cases, openssl_accepts

VECTORS = Path(__file__).parents[1] / "vectors"
TREES = json.loads((VECTORS / "state-tree.json").read_text())
Rows = dict[bytes, bytes | None]
CERTIFICATES = json.loads((VECTORS / "certificate.json").read_text())["certificates"]


def test_signatures_at_the_edges() -> None:
    made = list(cases())
    asked: list[JsonObject] = [
        {
            "rule": "signature",
            "key": case.key.hex(),
            "message": case.message.hex(),
            "signature": case.signature.hex(),
        }
        for case in made
    ]
    accepted = [case.accepted for case in made]
    assert [verifies(case.key, case.message, case.signature) for case in made] == accepted
    assert judge(asked) == accepted


def test_another_library_accepts_what_the_protocol_refuses() -> None:
    wrong = {
        case.name
        for case in cases()
        if not case.accepted
        and len(case.key) == 32
        and openssl_accepts(case.key, case.message, case.signature)
    }
    assert wrong == {"small A", "R = 0", "small R, key of mixed order"}


def holds_rows(root: bytes, rows: Rows, proof: bytes) -> bool:
    try:
        verify_rows(root, rows, StateProof.decode(proof))
    except Invalid:
        return False
    return True


def test_rows_of_a_state() -> None:
    asked: list[JsonObject] = []
    expected: list[bool] = []
    for tree in TREES:
        proofs = [(each, True) for each in tree["proofs"]]
        proofs += [(each, False) for each in tree["refused"] if "prefix" not in each]
        for each, accepted in proofs:
            rows = {
                bytes.fromhex(key): None if value is None else bytes.fromhex(value)
                for key, value in each["rows"]
            }
            proof = bytes.fromhex(each["proof"])
            assert holds_rows(bytes.fromhex(tree["root"]), rows, proof) == accepted
            named = {"root": tree["root"], "rows": each["rows"], "proof": each["proof"]}
            asked.append({"rule": "rows", **named})
            expected.append(accepted)
    assert judge(asked) == expected
    assert expected.count(True) > 30
    assert expected.count(False) > 15


def rows_case(root: bytes, rows: Rows, proof: StateProof) -> JsonObject:
    named: list[Json] = [[key.hex(), value and value.hex()] for key, value in rows.items()]
    return {"rule": "rows", "root": root.hex(), "rows": named, "proof": proof.encode().hex()}


def packed(bits: list[int]) -> bytes:
    """Bits, the most significant first, in whole bytes."""
    text = "".join(map(str, bits))
    return int(text.ljust(-len(bits) // 8 * -8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def alone(path: bytes, value: bytes, depth: int) -> tuple[bytes, list[int]]:
    """The root and shape of a walk that goes on to `depth` where one row is, though it is alone."""
    node, bits = sha256(b"\0" + path + sha256(value)), [0]
    for i in reversed(range(depth)):
        right = i < 256 and path[i // 8] >> 7 - i % 8 & 1
        node = sha256(b"\1" + (bytes(32) + node if right else node + bytes(32)))
        bits = [1, 0, *bits] if right else [1, *bits, 0]
    return node, bits


def test_rows_at_the_edges() -> None:
    """Proofs whose roots fit, as nobody could make them fit a real state."""
    value, keys = b"value", [bytes([i]) for i in range(65)]
    made: list[tuple[bytes, Rows, StateProof, bool]] = []
    for depth, accepted in ((0, True), (9, True), (256, True), (257, False), (300, False)):
        root, bits = alone(sha256(keys[0]), value, depth)
        made.append((root, {keys[0]: value}, StateProof(packed(bits), (), ()), accepted))
    root, bits = alone(sha256(keys[0]), value, 0)
    both: Rows = {keys[0]: value, keys[1]: value}
    made.append((root, both, StateProof(packed(bits), (), ()), False))
    for count, accepted in ((64, True), (65, False)):
        nothing: Rows = dict.fromkeys(keys[:count])
        made.append((bytes(32), nothing, StateProof(b"\0", (), ()), accepted))
    for first in (0x00, 0x7F, 0x80, 0xFF):
        other = OtherLeaf(bytes([first]) + bytes(31), sha256(value))
        node = sha256(b"\0" + other.path + other.value_hash)
        right = sha256(keys[0])[0] >> 7
        root = sha256(b"\1" + (bytes(32) + node if right else node + bytes(32)))
        bits = [1, 0, 0, 1] if right else [1, 0, 1, 0]
        accepted = first >> 7 == right
        made.append((root, {keys[0]: None}, StateProof(packed(bits), (), (other,)), accepted))
    expected = [accepted for *_, accepted in made]
    ours = [holds_rows(root, rows, proof.encode()) for root, rows, proof, _ in made]
    assert ours == expected
    assert judge([rows_case(root, rows, proof) for root, rows, proof, _ in made]) == expected


def test_places_in_a_list() -> None:
    items = [bytes([i]) for i in range(13)]
    asked: list[JsonObject] = []
    ours: list[bool] = []
    for size in (1, 2, 7, 8, 13):
        root = merkle_root(items[:size])
        for real, claimed, told in product(range(size), range(size + 2), (size, size + 1)):
            hashes = merkle_proof(items[:size], real)
            try:
                verify_merkle(root, items[real], claimed, told, hashes)
                ours.append(True)
            except Invalid:
                ours.append(False)
            case: JsonObject = {"rule": "place", "root": root.hex(), "index": claimed, "size": told}
            named: list[Json] = [each.hex() for each in hashes]
            asked.append({**case, "item": items[real].hex(), "hashes": named})
    assert judge(asked) == ours
    assert ours.count(True) >= 31


def holds_certificate(vector: dict[str, Any], data: bytes) -> bool:
    members = [
        Member(bytes.fromhex(each["producer"]), bytes.fromhex(each["key"]))
        for each in vector["members"]
    ]
    chain, block = bytes.fromhex(vector["chain"]), parse_cid(vector["block_id"])
    try:
        check_certificate(data, ProducerSet(tuple(members)), chain, block, field="")
    except Invalid:
        return False
    return True


def changed_certificates(data: bytes) -> list[bytes]:
    """The certificate, then what is none: of another length, and with each 37th bit changed."""
    bits = range(0, 8 * len(data), 37)
    flipped = [
        data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        for bit in bits
    ]
    return [data, b"", data[:1], data[:-1], data + b"\0", data[:-64], data + data[-64:], *flipped]


@pytest.mark.parametrize("vector", CERTIFICATES, ids=lambda each: str(len(each["members"])))
def test_certificates(vector: dict[str, Any]) -> None:
    known = {name: vector[name] for name in ("members", "set_hash", "chain")}
    block = parse_cid(vector["block_id"]).binary.hex()
    made = changed_certificates(bytes.fromhex(vector["certificate"]))
    asked: list[JsonObject] = [
        {"rule": "certificate", **known, "block": block, "certificate": data.hex()} for data in made
    ]
    ours = [holds_certificate(vector, data) for data in made]
    assert ours == [True] + [False] * (len(made) - 1)
    assert judge(asked) == ours
    assert judge([{**asked[0], "set_hash": bytes(32).hex()}]) == [False]
    assert judge([{**asked[0], "chain": bytes(32).hex()}]) == [False]


# The command line


def test_without_the_machine_for_it_the_command_that_makes_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(pytest.fail.Exception, match="npm ci --prefix tests/light_verifier"):
        node("verify.mjs")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["package.json"],
        ["--genesis", "package.json"],
        ["package.json", "--genesis", "package.json", "--checkpoint", "1:x"],
        ["nowhere", "--genesis", "package.json"],
        ["package.json", "--genesis", "nowhere"],
        ["package.json", "--other"],
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(running.HERE)
    done = node("verify.mjs", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: node verify.mjs PROOF" in done.stderr
