"""Asks the verifier in JavaScript, and the project's own, what a file proves."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from consensus.block import Header
from consensus.cid import Cid, parse_cid
from consensus.errors import InvalidProof
from consensus.kinds import Json, JsonObject
from consensus.light import LightState, anchor_state
from consensus.light_answer import Facts, LightProof, decode_proof, verify_answer
from consensus.record import Record

HERE = Path(__file__).parent
MISSING = (
    "the verifier in JavaScript needs Node.js and its packages: install nodejs and npm, then run "
    "`npm ci --prefix tests/light_verifier`"
)
# What a rejection says unless something other than a check went wrong. The last: much too deep.
CHECKED = ("refused", "CBOR decode error", "CBOR encode error", "Maximum call stack")


def node(script: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs one of the scripts beside this file; fails the test if the machine cannot."""
    program = shutil.which("node")
    if program is None or not (HERE / "node_modules" / "cborg").is_dir():
        pytest.fail(MISSING, pytrace=False)
    command = [program, str(HERE / script), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def judge(cases: Sequence[JsonObject]) -> list[Json]:
    """The verdicts of judge.mjs on cases that are no whole files."""
    done = node("judge.mjs", stdin=json.dumps(list(cases)))
    assert (done.returncode, done.stderr) == (0, "")
    verdicts: list[Json] = json.loads(done.stdout)
    return verdicts


@dataclass(frozen=True)
class Trusted:
    """What a verifier trusts: a genesis file and the state that the project's own light client
    reads from it, or the checkpoint HEIGHT:ID."""

    genesis: bytes | None = None
    at_genesis: LightState | None = None
    checkpoint: str | None = None

    def state(self, proof: LightProof) -> LightState:
        """Where the project's own begins; raises InvalidProof."""
        if self.at_genesis is not None:
            if proof.anchor is not None:
                raise InvalidProof("begins at a checkpoint", field="anchor")
            return self.at_genesis
        if proof.anchor is None:
            raise InvalidProof("begins at genesis", field="anchor")
        height, _, block_id = str(self.checkpoint).partition(":")
        return anchor_state(proof.anchor, int(height), parse_cid(block_id))


def in_javascript(folder: Path, files: Sequence[bytes], trusted: Trusted) -> list[JsonObject]:
    """What verify.mjs prints for each file, all in one run; why it rejects one is left out."""
    folder.mkdir()
    paths = [folder / f"{i}.proof" for i in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(content)
    if trusted.genesis is None:
        options = ["--checkpoint", str(trusted.checkpoint)]
    else:
        (folder / "genesis").write_bytes(trusted.genesis)
        options = ["--genesis", str(folder / "genesis")]
    done = node("verify.mjs", *map(str, paths), *options, "--trust-old-anchor")
    assert done.stderr == ""
    answers = [_checked(json.loads(line)) for line in done.stdout.splitlines()]
    assert done.returncode == int(any("rejected" in answer for answer in answers))
    return answers


def _checked(answer: JsonObject) -> JsonObject:
    because = answer.pop("because", "refused")
    assert str(because).startswith(CHECKED), because
    return answer


def in_python(file: bytes, trusted: Trusted, now_ms: int | None = None) -> JsonObject:
    """The same from the project's own verifier."""
    try:
        proof = decode_proof(file)
        state = trusted.state(proof)
        if now_ms is not None and state.is_too_old(now_ms):
            raise InvalidProof("an old anchor", field="age")
        state, facts = verify_answer(state, proof.answer)
    except InvalidProof as error:
        return {"rejected": error.field}
    return _facts(state, facts)


def _facts(state: LightState, facts: Facts) -> JsonObject:
    block = facts.block
    return {
        "chain": state.chain.hex(),
        "final": {"height": facts.final.height, "id": str(facts.place.id)},
        "dynasty": facts.dynasty,
        "members": [_plain(member) for member in facts.producers.members],
        "rows": [{"key": key.hex(), "value": _plain(value)} for key, value in facts.rows.items()],
        "block": None if block is None else _header(block),
        "items": [{"list": item.list, "item": item.item.hex()} for item in facts.items],
    }


def _header(header: Header) -> Json:
    plain = _plain(header)
    assert isinstance(plain, dict)
    return {**plain, "id": str(header.id())}


def _plain(value: object) -> Json:
    """A field as verify.mjs prints it: bytes in hex, also those of an account."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Cid):
        return str(value)
    if isinstance(value, Record):
        return {field.name: _plain(getattr(value, field.name)) for field in value.fields}
    assert value is None or isinstance(value, int)
    return value


def agreed(folder: Path, files: Sequence[bytes], trusted: Trusted) -> list[JsonObject]:
    """What both find in each file; fails if they differ."""
    ours = [in_python(file, trusted) for file in files]
    assert in_javascript(folder, files, trusted) == ours
    return ours


def agreed_for(
    cases: Sequence[tuple[bytes, Trusted]], now_ms: int | None = None
) -> list[JsonObject]:
    """The same for files of which each has a verifier of its own, at a time; None: at any."""
    ours = [in_python(file, trusted, now_ms) for file, trusted in cases]
    asked: list[JsonObject] = [
        {
            "rule": "file",
            "file": file.hex(),
            "genesis": None if trusted.genesis is None else trusted.genesis.hex(),
            "checkpoint": trusted.checkpoint,
            "now_ms": now_ms,
        }
        for file, trusted in cases
    ]
    theirs = judge(asked)
    assert [_checked(each) for each in theirs if isinstance(each, dict)] == ours
    return ours
