"""Proposing, voting and reading, from the command line to the state."""

import json
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.fee import BURN_PPM
from vm.modules.gov import ROLL

A, B = format_address(ALICE.public), format_address(BOB.public)


@pytest.fixture(autouse=True)
def _node(node: LivingTransport, run: Run) -> None:
    """Commands ask a node; alice, who sends, and bob, whom she admits, are the council."""
    done(run, "tx", "transfer", "bob", "10")
    propose(run, "gov.admit", "--body", "council", "--account", "bob")


def done(run: Run, *command: str) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def propose(run: Run, *words: str, policy: str = "council") -> None:
    done(run, "gov", "propose", *words, "--policy", policy)


def test_a_proposal_is_made_voted_on_and_carried_out(world: World, run: Run) -> None:
    words = ("gov.resolve", "--text", "why", "--title", "Light", "--policy", "council")
    assert "proposal  2" in run("gov", "propose", *words).out
    assert "open" in run("gov", "list").out
    done(run, "gov", "vote", "2", "yes", "--from", "bob")
    shown = run("gov", "show", "2").out
    assert "passed" in shown
    assert "stage 1 of 1: 51% of council within 600 s" in shown
    found = run("gov", "show", "2", "--json").json
    assert found["does"] == ["resolve: why"]
    votes = cast(list[JsonObject], found["votes"])
    assert {(vote["account"], vote["choice"]) for vote in votes} == {(A, "yes"), (B, "yes")}


def test_each_governed_action_is_proposed_by_its_fields(world: World, run: Run) -> None:
    carol = format_address(bytes(range(32)))
    propose(run, "gov.admit", "--body", "council", "--account", carol)
    assert f"1. admit {carol} to council" in run("gov", "show", "2").out
    done(run, "gov", "vote", "2", "yes", "--from", "bob")
    assert ROLL.get(world.chain.state.view(), "council", bytes(range(32))) is not None
    listed = run("member", "list", "council").out
    assert carol in listed
    assert "for good" in listed


def test_several_actions_come_from_a_file(world: World, run: Run, tmp_path: Path) -> None:
    actions = [
        {"type": "gov.resolve", "text": "one"},
        {"type": "gov.name_alternates", "body": "council", "accounts": [format_address(bytes(32))]},
    ]
    file = tmp_path / "actions.json"
    file.write_text(json.dumps(actions))
    propose(run, "file", str(file))
    done(run, "gov", "vote", "2", "yes", "--from", "bob")
    assert run("member", "list", "council", "--json").json["alternates"] == [
        format_address(bytes(32))
    ]
    for text, field in (("{}", "FILE"), ("[1]", "FILE"), ('[{"type": "token.transfer"}]', "FILE")):
        file.write_text(text)
        answer = run("gov", "propose", "file", str(file), "--policy", "council", "--json")
        assert (answer.code, answer.error["field"]) == (2, field)


def test_what_the_policy_does_not_allow_is_not_sent(run: Run) -> None:
    words = ("parameter.set", "--name", "fee.burn_ppm", "--value", "1")
    answer = run("gov", "propose", *words, "--policy", "council", "--json")
    assert (answer.code, answer.error["code"]) == (1, "gov.not-allowed")
    assert "fee.burn_ppm" not in run("gov", "list").out


def test_a_proposal_is_withdrawn(run: Run) -> None:
    propose(run, "gov.resolve", "--text", "why")
    done(run, "gov", "withdraw", "2")
    assert run("gov", "list", "--status", "withdrawn", "--json").out.count('"proposal": 2') == 1
    assert run("gov", "list", "--status", "open", "--json").out == "[]\n"
    answer = run("gov", "vote", "2", "yes", "--from", "bob", "--json")
    assert (answer.code, answer.error["code"]) == (1, "gov.not-open")


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("gov", "show", "7"), 1, "PROPOSAL"),
        (("gov", "vote", "1", "maybe"), 2, "choice"),
        (("gov", "vote", "-1", "yes"), 2, "proposal"),
        (("policy", "show", "none"), 1, "POLICY"),
        (("member", "list", "none"), 1, "BODY"),
        (("param", "show", "none"), 1, "NAME"),
    ],
)
def test_what_is_not_there_is_named(
    run: Run, command: tuple[str, ...], code: int, field: str
) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.error["field"]) == (code, field)


def test_policies_bodies_and_parameters_are_shown(world: World, run: Run) -> None:
    assert "council" in run("policy", "list").out
    assert "67% of the votes of holders within 120 s" in run("policy", "show", "constitution").out
    assert "anybody" in run("policy", "show", "parameters").out
    assert "out after 3 votes missed in a row" in run("member", "bodies").out
    value = str(BURN_PPM.read(world.chain.state.view()))
    assert run("param", "show", "fee.burn_ppm", "--json").json["value"] == value
    listed = run("param", "list", "fee").out
    assert "fee.burn_ppm" in listed
    assert "stake." not in listed
    for command in (("policy", "list"), ("member", "bodies"), ("param", "list")):
        assert json.loads(run(*command, "--json").out)
