"""Rewards for activity from the command line to the state, and by the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from consensus.unixfs import KUBO
from node.content_transfer import measure
from tests.api.world import ALICE, BOB, GENESIS, World
from tests.commands.community import cells, done, genesis_of, open_community, refused
from tests.commands.conftest import LivingTransport, Run
from tests.vm.liveliness import BASE, PAIRING, RULES
from vm.modules.tokens import balance_of

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
CID = str(measure(SMALL, KUBO).cid)
ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)
DAY_SLOTS = 60
POOL = BASE * 6 // 10


def fund() -> list[JsonObject]:
    """Governed actions: a fund, rules for it, and Alice attests."""
    return [
        {
            "type": "token.issue_to_pot",
            "pot": "incentive",
            "asset": "REEL",
            "amount": str(10 * BASE),
            "memo": "",
        },
        {"type": "activity.set_rules", **RULES.to_json()},
        {"type": "poc.set_rules", **PAIRING.to_json()},
        {"type": "account.set_attester", "account": ALICES, "attests": True},
    ]


@pytest.fixture
def is_rewarded() -> bool:
    """Whether activity is rewarded on the chain."""
    return True


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_rewarded: bool) -> Iterator[World]:
    genesis = genesis_of(("activity.set_rules",), *fund()) if is_rewarded else GENESIS
    with open_community(tmp_path / "world", monkeypatch, genesis) as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def attest(run: Run, *names: str) -> None:
    for name in names:
        done(run, "account", "attest", name, "--evidence", "met on Monday")


def test_a_day_of_activity_is_shown_shared_and_claimed(
    world: World, node: LivingTransport, run: Run
) -> None:
    attest(run, "alice", "bob")
    done(run, "space", "create", "musicians", "--channel", "music", "--title", "Musicians")
    done(run, "poa", "divide", "musicians", "50%")
    assert "50%, as it has set" in run("poa", "division", "musicians").out
    published = ("--space", "musicians", "--name", "one")
    assert run("video", "publish", str(SMALL), *published).code == 0
    done(run, "video", "like", CID, "--from", "bob")
    assert "1 x like, by 1" in run("activity", "show").out
    assert "1 x like" in run("activity", "show", "bob").out
    shown = run("poa", "show", "--json").json
    assert (shown["active_accounts"], shown["roots"], shown["target"]) == (2, "1000000", "1000000")
    early = refused(run, "poa", "claim", "--from", "bob")
    assert early == (1, "poa.nothing-earned", "--from")
    day = cast(int, shown["day"])
    node.skip(DAY_SLOTS)
    days = cast(list[JsonObject], run("activity", "list", "--json").json["days"])
    shared = [cast(JsonObject, item["shared"])["owed"] for item in days if item["day"] == day]
    assert shared == [str(POOL)]
    each, creators = POOL // 2, POOL // 4
    (row,) = cast(list[JsonObject], run("poa", "list", "bob", "--json").json["days"])
    assert (row["units"], row["to_creators"]) == (str(each - creators), str(creators))
    before = balance_of(world.chain.state.view(), ALICE.public, "REEL")
    claimed = done(run, "poa", "claim", "--from", "bob")
    assert claimed.json["gets"] == str(each - creators)
    assert balance_of(world.chain.state.view(), ALICE.public, "REEL") == before + creators
    assert refused(run, "poa", "claim", "--from", "bob")[:2] == (1, "poa.nothing-earned")
    assert "has done nothing" in run("poa", "list", "bob").out


def test_creators_are_listed_by_rank(run: Run, node: LivingTransport) -> None:
    attest(run, "alice", "bob")
    assert "No creator stands" in run("poc", "list").out
    assert run("video", "publish", str(SMALL)).code == 0
    done(run, "video", "like", CID, "--from", "bob")
    (row,) = cells(run("poc", "list"))[1:]
    assert (row[0], row[2:]) == (ALICES, ["3", "2", "1"])
    assert "1, the newest in no channel" in run("poc", "show", "alice").out
    assert "has published nothing that counts" in run("poc", "show", "bob").out
    creator = cast(JsonObject, run("poc", "show", "alice", "--json").json["creator"])
    assert (creator["interactions"], creator["fans"], creator["earned"]) == (1, 1, "0")
    assert "above 4e" in run("poc", "show").out
    node.skip(DAY_SLOTS)
    assert run("poc", "show", "--json").json["pool"] != "0"


def test_who_is_not_attested_is_told(run: Run) -> None:
    assert "not attested" in run("activity", "show", "bob").out


@pytest.mark.parametrize("is_rewarded", [False])
def test_a_chain_without_rules_says_so(run: Run) -> None:
    for command in (("activity", "show"), ("poa", "show"), ("poc", "show")):
        assert refused(run, *command)[:2] == (1, "not-found")
    assert "No reward pool" in run("activity", "list").out


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("poa", "divide", "musicians", "12"), "PERCENT"),
        (("poa", "divide", "musicians", "101%"), "PERCENT"),
        (("activity", "show", "nobody"), "ACCOUNT"),
        (("poc", "show", "nobody"), "ACCOUNT"),
    ],
)
def test_a_mistake_names_its_argument(run: Run, command: tuple[str, ...], field: str) -> None:
    assert refused(run, *command) == (2, "invalid-encoding", field)


def test_a_division_above_the_most_or_of_no_space_is_refused(run: Run) -> None:
    done(run, "space", "create", "musicians", "--channel", "music", "--title", "Musicians")
    assert refused(run, "poa", "divide", "musicians", "51%")[:2] == (1, "poa.above-most")
    assert refused(run, "poa", "divide", "unknown", "5%")[:2] == (1, "content.unknown-space")
    assert refused(run, "poa", "division", "unknown")[:2] == (1, "not-found")
