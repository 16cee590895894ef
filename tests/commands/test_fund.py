"""Token funds, from the command line to the state (K9)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World
from tests.commands.community import (
    BOB_HAS,
    TOKEN,
    cells,
    done,
    genesis_of,
    open_community,
    refused,
)
from tests.commands.conftest import LivingTransport, Run
from vm.modules.fund import FUNDS
from vm.modules.tokens import balance_of

A, B = format_address(ALICE.public), format_address(BOB.public)
TERMS = ("--gather-s", "60", "--vote-s", "60", "--grace-s", "60")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice and Bob have something."""
    with open_community(tmp_path / "world", monkeypatch, genesis_of(["gov.resolve"])) as world:
        yield world


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node."""


def bob_has(world: World) -> int:
    return balance_of(world.chain.state.view(), BOB.public, "REEL")


def gather(run: Run) -> None:
    """Alice founds a fund with 30 REEL, and Bob contributes 10."""
    told = run("fund", "found", "Films", "30", "--deposit", "0.5", *TERMS)
    assert told.out.splitlines()[-1].split() == ["fund", "1"]
    done(run, "fund", "contribute", "1", "10", "--from", "bob", "--payer", "alice")


def test_a_fund_invests_and_shares_what_comes_back(
    world: World, node: LivingTransport, run: Run
) -> None:
    assert run("fund", "list").out.startswith("There is no fund; `reelect fund found`")
    assert run("fund", "list", "bob").out.startswith("The account is in no fund")
    gather(run)
    (_, listed) = cells(run("fund", "list"))
    assert listed[:7] == ["1", "Films", "2", "40", "REEL", "40", "REEL"]
    assert "contributions     takes 1 REEL or more" in run("fund", "show", "1").out
    node.skip(60)
    assert "`reelect fund propose 1` makes one" in run("fund", "proposals", "1").out
    told = run("fund", "propose", "1", B, "20", "--memo", "A film")
    assert told.out.splitlines()[-1].split() == ["proposal", "1"]
    assert "would not pass  A film" in run("fund", "proposals", "1").out
    done(run, "fund", "vote", "1", "1", "yes")
    assert "would pass  A film" in run("fund", "proposals", "1").out
    node.skip(60)
    assert "passed, paid at" in run("fund", "proposals", "1").out
    assert bob_has(world) == BOB_HAS - 10 * TOKEN
    node.skip(60)
    assert "paid 20 REEL" in run("fund", "proposals", "1").out
    assert bob_has(world) == BOB_HAS + 10 * TOKEN
    done(run, "fund", "pay-in", "1", "4", "--memo", "income", "--from", "bob", "--payer", "alice")
    own = cells(run("fund", "list", "bob"))[1]
    assert own == ["1", "Films", "10", "REEL", "0", "REEL", "1", "REEL", "5", "REEL"]
    done(run, "fund", "claim", "1", "--from", "bob", "--payer", "alice")
    assert bob_has(world) == BOB_HAS + 7 * TOKEN
    members = {row[0]: row[1:] for row in cells(run("fund", "members", "1"))[1:]}
    assert members[A] == ["30", "REEL", "0", "REEL", "3", "REEL", "15", "REEL"]
    assert members[B] == ["10", "REEL", "1", "REEL", "0", "REEL", "5", "REEL"]
    done(run, "fund", "leave", "1", "--from", "bob", "--payer", "alice")
    assert bob_has(world) == BOB_HAS + 12 * TOKEN
    done(run, "fund", "leave", "1")
    assert FUNDS.get(world.chain.state.view(), 1) is None


def test_json_is_what_the_api_answers(node: LivingTransport, run: Run) -> None:
    gather(run)
    node.skip(60)
    done(run, "fund", "propose", "1", B, "20")
    shown = run("fund", "show", "1", "--json").json
    assert (shown["gathering"], cast(JsonObject, shown["row"])["shares"]) == (
        False,
        str(40 * TOKEN),
    )
    for words, name, size in (
        (("list",), "funds", 1),
        (("list", "bob"), "funds", 1),
        (("members", "1"), "members", 2),
        (("proposals", "1"), "proposals", 1),
    ):
        found = run("fund", *words, "--json").json[name]
        assert isinstance(found, list)
        assert len(found) == size


def test_what_cannot_be_is_named(node: LivingTransport, run: Run) -> None:
    for words in (("show", "9"), ("members", "9"), ("proposals", "9"), ("contribute", "9", "1")):
        assert refused(run, "fund", *words) == (1, "fund.unknown-fund", "fund")
    assert refused(run, "fund", "leave", "9")[:2] == (1, "fund.unknown-fund")
    assert refused(run, "fund", "found", "F", "0")[::2] == (2, "AMOUNT")
    assert refused(run, "fund", "found", "F", "0.5")[1] == "fund.too-little"
    assert refused(run, "fund", "found", "F", "1", "--vote-s", "9")[1] == "fund.too-short"
    assert refused(run, "fund", "found", "F", "1", "--quorum", "101")[0] == 2
    assert refused(run, "fund", "found", "F", "1", "--asset", "NONE")[0] == 1
    assert refused(run, "fund", "list", "nobody")[::2] == (2, "ACCOUNT")
    gather(run)
    assert refused(run, "fund", "propose", "1", B, "1")[1] == "fund.gathering"
    assert refused(run, "fund", "pay-in", "1", "1")[1] == "fund.gathering"
    node.skip(60)
    assert refused(run, "fund", "contribute", "1", "1")[1] == "fund.gathered"
    assert refused(run, "fund", "propose", "1", "nobody", "1")[::2] == (2, "TO")
    assert refused(run, "fund", "propose", "1", B, "41")[1] == "fund.more-than-liquid"
    assert refused(run, "fund", "vote", "1", "7", "yes")[1] == "fund.unknown-proposal"
    assert refused(run, "fund", "vote", "1", "7", "perhaps")[0] == 2
    assert refused(run, "fund", "claim", "1")[1] == "fund.nothing-returned"
