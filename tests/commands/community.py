"""A node whose council, Alice alone, may do what a test wants; Bob has something too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from consensus.kinds import JsonObject
from genesis.file import Genesis, make_genesis
from genesis.setup import Setup, carry_out
from tests.api.world import BOB, GENESIS, World, open_world
from tests.commands.conftest import Answer, Run
from tests.node.network import GENESIS_TIME_MS
from vm.modules.tokens import mint

TOKEN = 10**8
BOB_HAS = 1_000 * TOKEN
POLICY = "community"
STAGE: JsonObject = {
    "body": "council",
    "percent": 51,
    "of_votes": False,
    "quorum": 0,
    "veto": 0,
    "open_s": 600,
}


def genesis_of(scopes: Sequence[str], *actions: JsonObject) -> Genesis:
    """The genesis in which the policy allows these scopes, and these governed actions are done."""
    state = GENESIS.state()
    mint(state, BOB.public, "REEL", BOB_HAS)
    policy: JsonObject = {
        "type": "gov.set_policy",
        "name": POLICY,
        "stages": [STAGE],
        "scopes": list(scopes),
        "proposers": "council",
        "deposit": "0",
    }
    setup = Setup({}, [policy, *actions])
    carry_out(state, setup, {}, GENESIS.producer_set, GENESIS_TIME_MS)
    return make_genesis(state)


@contextmanager
def open_community(
    folder: Path, monkeypatch: pytest.MonkeyPatch, genesis: Genesis
) -> Iterator[World]:
    """The world that begins from this genesis."""
    monkeypatch.setattr("tests.api.world.GENESIS", genesis)
    with open_world(folder) as made:
        yield made


def done(run: Run, *command: str) -> Answer:
    """What must succeed, as JSON."""
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"
    return answer


def refused(run: Run, *command: str) -> tuple[int, object, object]:
    """Exit code, error code and field of what must fail."""
    answer = run(*command, "--json")
    assert answer.out == ""
    return answer.code, answer.error["code"], answer.error["field"]


def cells(answer: Answer) -> list[list[str]]:
    """The words of each line."""
    assert (answer.code, answer.err) == (0, "")
    return [line.split() for line in answer.out.splitlines()]
