"""Bonding, voting and taking back, from the command line to the state."""

from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.world import ALICE, SEATS, World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.chain import chain_constants
from vm.modules.producer import votes_of
from vm.modules.rewards import settled
from vm.modules.tokens import balance_of

PLACES = sorted(SEATS)
ADDRESSES = [format_address(producer) for producer in PLACES]
TOKEN = 10**8


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def votes(world: World) -> list[int]:
    """For each producer, in whole tokens."""
    view = world.chain.state.view()
    return [votes_of(view, producer) // TOKEN for producer in PLACES]


def done(run: Run, *command: str) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def test_what_is_bonded_votes_until_it_is_taken_back(world: World, run: Run) -> None:
    done(run, "stake", "bond", "10")
    done(run, "vote", "add", ADDRESSES[1], ADDRESSES[2])
    assert votes(world)[:4] == [0, 10, 10, 0]
    done(run, "vote", "add", ADDRESSES[0])
    done(run, "vote", "remove", ADDRESSES[1])
    assert votes(world)[:4] == [10, 0, 10, 0]
    done(run, "stake", "unbond", "2.5")
    assert votes(world)[:4] == [7, 0, 7, 0]
    done(run, "vote", "set", ADDRESSES[3])
    assert votes(world)[:4] == [0, 0, 0, 7]
    done(run, "vote", "set", "--nobody")
    assert votes(world)[:4] == [0, 0, 0, 0]


def test_what_is_at_stake_is_shown(world: World, run: Run) -> None:
    assert "nobody" in run("stake", "show", "alice").out
    done(run, "stake", "bond", "10")
    done(run, "vote", "add", ADDRESSES[1])
    done(run, "stake", "unbond", "4")
    shown = run("stake", "show", "alice", "--json").json
    (coming,) = cast(list[JsonObject], shown["releases"])
    assert (shown["bonded"], shown["approved"]) == (str(6 * TOKEN), [ADDRESSES[1]])
    assert coming["units"] == str(4 * TOKEN)
    unbonding_ms = 1000 * chain_constants(world.chain.state.view()).unbonding_s
    assert cast(int, coming["time_ms"]) - unbonding_ms in range(world.now_ms + 1)
    lines = run("stake", "show", "alice").out
    assert "6 REEL" in lines
    assert "4 REEL at " in lines
    listed = run("producer", "list", "--json").json
    by_address = {
        row["producer"]: row["votes"] for row in cast(list[JsonObject], listed["producers"])
    }
    assert by_address[ADDRESSES[1]] == str(6 * TOKEN)
    assert "6 REEL" in run("producer", "show", ADDRESSES[1]).out


def test_rewards_are_shown_settled_and_claimed(world: World, run: Run) -> None:
    def claimable(*account: str) -> int:
        return int(str(run("stake", "rewards", *account, "--json").json["claimable"]))

    done(run, "stake", "bond", "10")
    done(run, "vote", "add", *ADDRESSES)
    assert claimable() == claimable("alice") == 0
    refused = run("stake", "claim", "--json")
    assert (refused.code, refused.error["code"]) == (1, "rewards.nothing-earned")
    head = world.chain.fork.head.slot
    world.slots([*range(head + 1, head + 4), 126, 127, 128])
    # Three blocks at least, each of 1 REEL and the votes, less a tenth that producers keep.
    shown = claimable()
    assert 3 * TOKEN < shown < 20 * TOKEN
    assert shown == settled(world.chain.state.view(), ALICE.public).earned.units
    amount = f"{shown / TOKEN:.2f}"[:-1]
    assert amount in run("stake", "rewards").out
    assert amount in run("account", "show", "alice").out
    before = balance_of(world.chain.state.view(), ALICE.public, "REEL")
    done(run, "stake", "claim")
    after = balance_of(world.chain.state.view(), ALICE.public, "REEL")
    assert 0 < before + shown - after < TOKEN // 1000  # its fee
    assert claimable() == 0
    assert "nothing" in run("account", "show", "alice").out
    assert run("stake", "claim", "--json").error["code"] == "rewards.nothing-earned"
    rows = cast(list[JsonObject], run("producer", "list", "--json").json["producers"])
    assert sum(int(str(row["earned"])) for row in rows) > shown
    assert "10%" in run("producer", "list").out
    assert "earned" in run("producer", "show", ADDRESSES[0]).out


def test_a_vote_that_changes_nothing_is_not_sent(run: Run, node: LivingTransport) -> None:
    done(run, "stake", "bond", "10")
    done(run, "vote", "add", ADDRESSES[1])
    for command in (("add", ADDRESSES[1]), ("remove", ADDRESSES[2]), ("set", ADDRESSES[1])):
        node.requests.clear()
        answer = run("vote", *command, "--json")
        assert (answer.code, answer.error["field"]) == (1, "PRODUCERS")
        assert all(method == "GET" for method, _ in node.requests)


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("stake", "bond", "0"), 2, "AMOUNT"),
        (("stake", "bond", "-1"), 2, "AMOUNT"),
        (("stake", "bond", "1.123456789"), 2, "AMOUNT"),
        (("stake", "unbond", "many"), 2, "AMOUNT"),
        (("stake", "unbond", "1"), 1, "actions[0]"),
        (("stake", "bond", "100000000000"), 1, "actions[0]"),
        (("vote", "add"), 2, "PRODUCERS"),
        (("vote", "set"), 2, "PRODUCERS"),
        (("vote", "set", "--nobody", ADDRESSES[0]), 2, "--nobody"),
        (("vote", "add", "zoe"), 2, "PRODUCER"),
        (("vote", "add", "bob"), 1, "PRODUCER"),
        (("vote", "add", "p"), 1, "PRODUCER"),  # they all have this name
        (("vote", "add", ADDRESSES[0]), 1, "actions[0]"),
    ],
)
def test_what_cannot_be_done_is_named(
    run: Run, command: tuple[str, ...], code: int, field: str
) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.out) == (code, "")
    assert answer.error["field"] == field, answer.error
