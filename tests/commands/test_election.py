"""Elections, from the command line to the state (P5, P6)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World
from tests.commands.community import (
    POLICY,
    TOKEN,
    cells,
    done,
    genesis_of,
    open_community,
    refused,
)
from tests.commands.conftest import LivingTransport, Run
from vm.modules.gov import ROLL

A, B = format_address(ALICE.public), format_address(BOB.public)
PROGRAMME = str(cid_of(RAW, b"what I would do"))
STAND = ("election", "stand", "council", PROGRAMME)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Holders elect the council, of which alice is, for 300 s, voting in the last 150."""
    found: JsonObject = {
        "type": "elections.found",
        "body": "council",
        "seats": 2,
        "term_s": 300,
        "open_s": 150,
        "deposit": str(TOKEN),
    }
    made = genesis_of(["gov.dismiss:council"], found)
    with open_community(tmp_path / "world", monkeypatch, made) as world:
        yield world


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def shown(run: Run) -> dict[str, object]:
    return run("election", "show", "council", "--json").json


def test_who_stands_is_voted_for_sits_and_is_recalled(
    world: World, node: LivingTransport, run: Run
) -> None:
    done(run, *STAND, "--from", "bob")
    done(run, *STAND)
    done(run, "stake", "bond", "10")
    done(run, "stake", "bond", "3", "--from", "bob")
    (line,) = cells(run("election", "list"))[1:]
    assert line[:7] == ["council", "2", "1", "candidates", "stand", "until", line[6]]
    node.skip(150)
    assert "the vote is open" in run("election", "list").out
    done(run, "election", "vote", "council", "bob", "--from", "bob")
    assert refused(run, "election", "vote", "council", "alice", "--from", "bob")[1] == (
        "elections.voted-already"
    )
    done(run, "election", "vote", "council", "bob", "alice")
    assert refused(run, "stake", "unbond", "10")[0] == 1, "what has voted stays bonded"
    lines = run("election", "show", "council").out.splitlines()
    assert [line.split()[:3] for line in lines[-2:]] == [[B, "13", "REEL"], [A, "10", "REEL"]]
    assert f"sits now: {A}" in lines
    ballots = {line[0]: line[1:] for line in cells(run("election", "ballots", "council"))[1:]}
    assert ballots == {B: ["3", "REEL", B], A: ["10", "REEL", f"{B},", A]}
    assert len(cells(run("election", "ballots", "council", "--most", "1"))) == 2
    node.skip(150)
    after = shown(run)
    assert (after["term"], after["standing"], after["candidates"]) == (2, 0, [])
    assert set(cast(list[str], after["sit"])) == {A, B}
    assert run("election", "ballots", "council").out == "Nobody has voted in term 2 of council.\n"
    recall = ("election", "recall", "council", "bob", "--policy", POLICY, "--about", "never there")
    told = run(*recall).out.splitlines()
    assert told[-1].split() == ["proposal", "1"]
    done(run, "gov", "vote", "1", "yes", "--from", "bob")
    assert ROLL.get(world.chain.state.view(), "council", BOB.public) is None


def test_who_withdraws_has_the_deposit_back(run: Run) -> None:
    done(run, *STAND, "--from", "bob")
    (candidate,) = cast(list[JsonObject], shown(run)["candidates"])
    assert (candidate["account"], candidate["deposit"]) == (B, str(TOKEN))
    done(run, "election", "withdraw", "council", "--from", "bob")
    assert shown(run)["candidates"] == []
    assert run("election", "show", "council").out.splitlines()[-1] == "Nobody stands."
    again = refused(run, "election", "withdraw", "council", "--from", "bob")
    assert again[1] == "elections.not-standing"


def test_a_vote_out_of_time_says_when_it_is_open(node: LivingTransport, run: Run) -> None:
    done(run, *STAND)
    early = run("election", "vote", "council", "alice", "--json")
    assert (early.code, early.error["code"]) == (1, "elections.not-open")
    assert "open from 2023-" in str(early.error["message"])
    node.skip(150)
    assert refused(run, *STAND, "--from", "bob")[1] == "elections.vote-open"
    assert refused(run, "election", "withdraw", "council")[1] == "elections.vote-open"
    assert refused(run, "election", "vote", "council", "bob") == (
        1,
        "elections.not-standing",
        "CANDIDATES",
    )
    assert refused(run, "election", "vote", "council", "alice")[1] == "elections.no-vote"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("show", "senate"), (1, "elections.no-election", "BODY")),
        (("show", "The Senate"), (2, "invalid-encoding", "BODY")),
        (("ballots", "holders"), (1, "elections.no-election", "BODY")),
        (("ballots", "council", "--most", "0"), (2, "usage", "--most")),
        (("stand", "senate", PROGRAMME), (1, "elections.no-election", "actions[0]")),
        (("stand", "council", "programme"), (2, "invalid-encoding", "PROGRAMME")),
        (("vote", "council"), (2, "usage", "CANDIDATES")),
        (("vote", "senate", "alice"), (1, "elections.no-election", "BODY")),
        (("recall", "council", "nobody", "--policy", POLICY), (2, "invalid-encoding", "MEMBER")),
        (
            ("recall", "council", "alice", "--policy", "none"),
            (1, "gov.unknown-policy", "actions[0]"),
        ),
    ],
)
def test_what_cannot_be_is_named(
    run: Run, command: tuple[str, ...], expected: tuple[int, str, str]
) -> None:
    assert refused(run, "election", *command) == expected
