"""The rules of the verifier in JavaScript, each for itself: signatures, certificates, rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from consensus.certificate import check_certificate
from consensus.cid import parse_cid
from consensus.errors import Invalid
from consensus.keys import verifies
from consensus.kinds import JsonObject
from consensus.producers import Member, ProducerSet
from consensus.tree_proof import StateProof
from consensus.tree_proof import verify as verify_rows
from tests.light_verifier import running
from tests.light_verifier.running import judge, node
from tests.light_verifier.signatures import cases, openssl_accepts

VECTORS = Path(__file__).parents[1] / "vectors"
TREES = json.loads((VECTORS / "state-tree.json").read_text())
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


def holds_rows(root: bytes, rows: dict[bytes, bytes | None], proof: bytes) -> bool:
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
