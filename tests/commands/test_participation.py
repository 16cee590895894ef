"""Check-ins, tasks, grants and the steps of rewards, from the command line to the state."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from node.client import Client
from node.query.answers import RowItem
from node.query.chain_view import Finality
from tests.api.world import ALICE, BOB, World, open_world
from tests.commands.conftest import LivingTransport, Run
from tests.commands.participation import NORTH, TOKEN, participation_genesis
from vm.modules.checkin import PAST
from vm.modules.gov import Policy
from vm.modules.tasks import CLAIMS
from vm.modules.tokens import balance_of

A, B = format_address(ALICE.public), format_address(BOB.public)
CID = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"  # of hello
DAY_SLOTS = 60
COUNCIL = ("--policy", "council")
PAY = ("--reward", "2.5", "--places", "2", "--valid-s", "600")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", participation_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def transport(node: LivingTransport) -> LivingTransport:
    """Commands ask a node; alice, who decides, sends."""
    return node


def done(run: Run, *command: str) -> dict[str, object]:
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"
    return answer.json


def refused(run: Run, *command: str) -> tuple[int, object, object]:
    answer = run(*command, "--json")
    assert answer.out == ""
    return answer.code, answer.error["field"], answer.error["code"]


def held(world: World, account: bytes) -> int:
    return balance_of(world.chain.state.view(), account, "REEL")


def fields(out: str) -> dict[str, str]:
    """A page of fields, by their names."""
    rows = (line.split("  ", 1) for line in out.splitlines() if "  " in line)
    return {name: value.strip() for name, value in rows}


# Check-ins


def test_two_check_in_and_take_their_shares(
    world: World, transport: LivingTransport, run: Run
) -> None:
    assert fields(run("checkin", "show").out)["ends"].startswith("1 days with blocks after")
    done(run, "checkin", "in", "3")
    done(run, "checkin", "in", "1", "--from", "bob")
    shown = fields(run("checkin", "show").out)
    assert shown["pool"] == "1000 REEL in the pot participation, of which 10% is shared"
    assert (shown["locked by all"], shown["locked"]) == ("4 REEL", "3 REEL")
    assert (shown["share now"], shown["can be claimed"]) == ("75 REEL", "nothing")
    assert refused(run, "checkin", "claim") == (1, "actions[0]", "checkin.not-over")
    transport.skip(DAY_SLOTS)
    shown = fields(run("checkin", "show", "bob").out)
    assert shown["can be claimed"] == "1 REEL that were locked, and 25 REEL"
    assert (shown["period"], shown["locked"]) == ("1", "0 REEL")
    before = held(world, BOB.public)
    done(run, "checkin", "claim", "--from", "bob", "--max-fee", "1")
    assert held(world, BOB.public) > before + 25 * TOKEN
    assert refused(run, "checkin", "claim", "--from", "bob")[2] == "checkin.nothing-locked"
    done(run, "checkin", "in", "2")  # takes what the first has earned
    row = PAST.get(world.chain.state.view(), ALICE.public)
    assert row is not None
    lines = run("checkin", "list").out.splitlines()
    assert [line.split() for line in lines] == [
        ["PERIOD", "LOCKED", "SHARE"],
        ["0", "3", "REEL", "75", "REEL"],
    ]
    (settled,) = row.periods
    assert run("checkin", "list", "--json").json["periods"] == [settled.to_json()]


def test_the_end_of_a_period_is_that_of_its_last_day(
    world: World, transport: LivingTransport, run: Run
) -> None:
    done(run, "checkin", "in", "3")
    ends_ms = run("checkin", "show", "--json").json["ends_ms"]
    assert ends_ms == world.chain.clock.start_ms(DAY_SLOTS)
    transport.skip(DAY_SLOTS - world.chain.fork.head.slot - 1)
    assert run("checkin", "show", "--json").json["ends_ms"] is None


def test_who_never_checked_in_is_told_so(run: Run) -> None:
    assert "no period settled yet" in run("checkin", "list", "bob").out
    assert run("checkin", "list", "bob", "--json").json == {"account": B, "periods": []}
    assert refused(run, "checkin", "in", "0") == (2, "AMOUNT", "invalid-encoding")


# Steps


def test_the_economy_says_what_prices_and_rewards_have_stepped_up_to(
    transport: LivingTransport, run: Run
) -> None:
    transport.skip(0)  # the first day has a block
    shown = fields(run("economy", "show").out)
    assert (shown["prices"], shown["rewards"]) == ("x 1", "x 1")
    assert shown["next step"] == "with day 1: prices x 2, rewards x 3"
    transport.skip(DAY_SLOTS)
    shown = fields(run("economy", "show").out)
    assert (shown["prices"], shown["rewards"], shown["next step"]) == ("x 2", "x 3", "none")
    found = run("economy", "show", "--json").json
    assert found["next_step"] is None
    assert (found["price_factor"], found["reward_factor"]) == (2, 3)


# Tasks


def test_what_is_proposed_is_accepted_claimed_and_paid_by_the_step(
    world: World, transport: LivingTransport, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "hello.txt").write_text("hello")
    made = done(run, "task", "propose", "A game", "--brief", "hello.txt", "--from", "bob")
    assert made["brief"] == CID
    assert run("task", "list").out.splitlines()[1].split()[:4] == ["1", "proposed", "-", "0"]
    assert refused(run, "task", "claim", "1", "--evidence", CID)[2] == "tasks.not-accepted"
    done(run, "task", "accept", "1", *PAY)
    assert fields(run("task", "show", "1").out)["pays"] == "2.5 REEL: 2.5 REEL x 1"
    done(run, "task", "claim", "1", "--evidence", "hello.txt", "--from", "bob")
    again = ("task", "claim", "1", "--evidence", CID, "--from", "bob")
    assert refused(run, *again) == (1, "actions[0]", "tasks.already-claimed")
    done(run, "task", "claim", "1", "--evidence", CID)
    transport.skip(DAY_SLOTS)
    assert fields(run("task", "show", "1").out)["pays"] == "7.5 REEL: 2.5 REEL x 3"
    before = held(world, BOB.public)
    done(run, "task", "approve", "1", "bob")
    assert held(world, BOB.public) == before + 750_000_000
    done(run, "task", "reject", "1", "alice")
    found = run("task", "show", "1", "--json").json
    claims = {A: "refused", B: "approved"}
    assert sorted(map(str, cast(list[object], found["claims"]))) == sorted(
        str({"account": account, "evidence": CID, "status": status})
        for account, status in claims.items()
    )
    assert run("task", "show", "1", "--waiting", "--json").json["claims"] == []
    assert len(list(CLAIMS.every(world.chain.state.view()))) == 2


def test_a_task_is_published_and_lists_say_what_can_be_done(
    transport: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no task is open" in run("task", "list").out
    assert run("task", "list", "--json").json == {"tasks": []}
    publish = ("task", "publish", "An article", "--brief", CID, *COUNCIL)
    done(run, *publish, *PAY, "--title", "Why")
    assert "Why" in run("gov", "list").out
    done(run, *publish, "--reward", "1", "--places", "1", "--valid-s", "600")
    done(run, "task", "claim", "2", "--evidence", CID)
    done(run, "task", "approve", "2", "alice")
    states = [line.split()[1] for line in run("task", "list").out.splitlines()]
    assert states == ["STATE", "open", "full"]
    done(run, "task", "claim", "1", "--evidence", CID)
    done(run, "task", "claim", "1", "--evidence", CID, "--from", "bob")
    for more in ((), ("--waiting",)):
        transport.requests.clear()
        claims = run("task", "show", "1", "--most", "1", *more, "--json").json["claims"]
        assert isinstance(claims, list)
        assert len(claims) == 1
        pages = [path for _, path in transport.requests if path.endswith("tasks/1/claims")]
        assert len(pages) == 1, "the second is not read"
    transport.skip(600)
    states = [line.split()[1] for line in run("task", "list", "--most", "1").out.splitlines()]
    assert states == ["STATE", "ended"]


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("show", "7"), 1, "task"),
        (("accept", "7", *PAY), 1, "task"),
        (("approve", "7", "bob"), 1, "task"),
        (("approve", "1"), 2, "ACCOUNTS"),
        (("approve", "1", "bob"), 1, "ACCOUNTS"),
        (("reject", "1", "nobody"), 2, "ACCOUNTS"),
        (("claim", "1", "--evidence", "no-file"), 2, "--evidence"),
        (("propose", "x", "--brief", "no-file"), 2, "--brief"),
        (("propose", "", "--brief", CID), 2, "title"),
        (("publish", "x", "--brief", CID, "--reward", "1.5x", *PAY[2:]), 2, "--reward"),
        (("accept", "1", *PAY[:4], "--valid-s", "0"), 2, "--valid-s"),
        (("publish", "x", "--brief", CID, *PAY), 2, "--policy"),
        (("publish", "x", "--brief", CID, *PAY, "--policy", "content"), 1, "actions[0]"),
        (("accept", "1", *PAY), 1, "TASK"),
    ],
)
def test_a_mistake_names_its_argument(
    run: Run, command: tuple[str, ...], code: int, field: str
) -> None:
    done(run, "task", "publish", "A form", "--brief", CID, *PAY, *COUNCIL)
    assert refused(run, "task", *command)[:2] == (code, field)


def test_what_no_policy_allows_is_said_before_anything_is_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(run, "grant", "register", "node", "--profile", CID)

    async def no_policies(client: Client, finality: Finality) -> dict[str, Policy]:
        return {}

    monkeypatch.setattr("node.commands.proposal.read_policies", no_policies)
    answer = run("grant", "approve", "alice", "--json")
    assert (answer.code, answer.error["code"]) == (1, "not-found")
    assert "tasks.approve_nodes" in str(answer.error["message"])


# Grants


def test_a_node_and_who_delegates_to_it_are_granted_what_they_are_due(
    world: World, transport: LivingTransport, run: Run
) -> None:
    assert len(run("grant", "nodes").out.splitlines()) == 2, "a heading and north"
    shown = fields(run("grant", "show").out)
    assert shown["for a node"] == "100 REEL, and 50 REEL if it is approved"
    assert shown["for delegating"] == "10 REEL after 60 s, and 5 REEL if to an approved node"
    assert shown["as a node"].startswith("not registered")
    before = held(world, ALICE.public)
    done(run, "grant", "register", "alice's", "--profile", CID)
    assert refused(run, "grant", "register", "x", "--profile", CID)[2] == "tasks.already-registered"
    done(run, "grant", "approve", "alice")
    assert held(world, ALICE.public) > before + 149 * TOKEN
    lines = [line.split() for line in run("grant", "nodes").out.splitlines()]
    assert ["alice's", "yes", A, CID] in lines
    nodes = cast(list[object], run("grant", "nodes", "--json").json["nodes"])
    assert {"account": A, "name": "alice's", "profile": CID, "is_approved": True} in nodes
    assert refused(run, "grant", "delegate", "alice", "--from", "bob")[2] == "tasks.not-delegated"
    assert refused(run, "grant", "claim")[2] == "tasks.not-begun"
    assert refused(run, "grant", "approve", "bob") == (1, "NODES", "tasks.no-node")
    assert refused(run, "grant", "approve")[1] == "NODES"


def test_who_delegates_for_long_enough_gets_the_grant_once(
    world: World, transport: LivingTransport, run: Run
) -> None:
    north = format_address(NORTH)
    done(run, "stake", "bond", "1")
    done(run, "vote", "add", north)
    done(run, "grant", "delegate", north)
    shown = fields(run("grant", "show").out)
    assert shown["delegates"].startswith("to north; the grant is due at ")
    assert refused(run, "grant", "claim")[2] == "tasks.too-early"
    transport.skip(DAY_SLOTS)
    before = held(world, ALICE.public)
    done(run, "grant", "claim")
    assert held(world, ALICE.public) > before + 14 * TOKEN
    assert fields(run("grant", "show").out)["delegates"] == "to north; it has got its grant"
    assert refused(run, "grant", "claim")[2] == "tasks.already-granted"
    delegation = run("grant", "show", "--json").json["delegation"]
    assert cast(dict[str, object], delegation)["is_paid"] is True


def test_a_chain_that_grants_nothing_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(client: Client, table: str, **_: object) -> list[RowItem]:
        return []

    monkeypatch.setattr(Client, "first_rows", nothing)
    assert refused(run, "grant", "show")[2] == "tasks.no-grants"
