"""Trades over the counter, from the command line to the state (K9)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World
from tests.commands.community import (
    BOB_HAS,
    POLICY,
    TOKEN,
    cells,
    done,
    genesis_of,
    open_community,
    refused,
)
from tests.commands.conftest import LivingTransport, Run
from tests.node.network import key
from vm.modules.otc import ESCROW_POT
from vm.modules.tokens import balance_of, pot_of

A, B = format_address(ALICE.public), format_address(BOB.public)
JUDGE = format_address(key("judge").public)
WORDS = ("--terms", "EUR 3 by bank transfer", "--bond", "5")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice has a thousand cents, and a policy rules on sales."""
    asset: JsonObject = {
        "type": "token.create",
        "asset": "CENT",
        "name": "Cents",
        "decimals": 2,
        "cap": "1000000",
        "transferable": True,
        "tradable": True,
        "gateway": None,
    }
    issued: JsonObject = {
        "type": "token.issue",
        "to": A,
        "asset": "CENT",
        "amount": "100000",
        "memo": "",
    }
    genesis = genesis_of(["otc.rule"], asset, issued)
    with open_community(tmp_path / "world", monkeypatch, genesis) as world:
        yield world


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node."""


def bob_has(world: World, asset: str = "REEL") -> int:
    return balance_of(world.chain.state.view(), BOB.public, asset)


def as_bob(run: Run, *command: str) -> None:
    done(run, *command, "--from", "bob", "--payer", "alice")


def test_an_offer_is_taken_at_its_price(world: World, run: Run) -> None:
    assert run("otc", "list").out.startswith("There is no offer; `reelect otc offer`")
    told = run("otc", "offer", "3", "CENT", "--price", "2.5")
    assert told.out.splitlines()[-1].split() == ["offer", "1"]
    assert " ".join(cells(run("otc", "list"))[1]).startswith("1 3 CENT 2.5 REEL anybody")
    assert "2.5 REEL" in run("otc", "show", "1").out
    as_bob(run, "otc", "take", "1")
    assert (bob_has(world, "CENT"), bob_has(world)) == (300, BOB_HAS - 5 * TOKEN // 2)
    gone = refused(run, "otc", "take", "1", "--from", "bob")
    assert gone == (1, "otc.unknown-offer", "OFFER")


def test_an_offer_is_withdrawn_or_for_one_account(run: Run) -> None:
    done(run, "otc", "offer", "3", "CENT", "--price", "2.5", "--taker", JUDGE)
    assert refused(run, "otc", "take", "1", "--from", "bob")[1] == "otc.not-for-you"
    assert refused(run, "otc", "withdraw", "1", "--from", "bob")[1] == "otc.not-the-maker"
    done(run, "otc", "withdraw", "1")
    assert run("otc", "list", "--json").json == {"offers": []}


def test_a_sale_is_paid_and_released(world: World, run: Run) -> None:
    assert run("otc", "sale", "list").out.startswith("There is no sale; `reelect otc sale make`")
    told = run("otc", "sale", "make", "3", "CENT", *WORDS, "--arbiter", JUDGE)
    assert told.out.splitlines()[-1].split() == ["sale", "1"]
    as_bob(run, "otc", "sale", "buy", "1")
    assert bob_has(world) == BOB_HAS - 5 * TOKEN
    assert refused(run, "otc", "sale", "buy", "1", "--from", "bob")[1] == "otc.not-open"
    assert refused(run, "otc", "sale", "dispute", "1", "--from", "bob")[1] == "otc.not-paid"
    as_bob(run, "otc", "sale", "paid", "1", "--evidence", "number 7")
    shown = run("otc", "sale", "show", "1").out
    assert all(text in shown for text in ("paid", "disputed at", JUDGE, B, "5 REEL"))
    done(run, "otc", "sale", "release", "1")
    assert (bob_has(world, "CENT"), bob_has(world)) == (300, BOB_HAS)
    assert pot_of(world.chain.state.view(), ESCROW_POT, "REEL") == 0


def test_a_policy_rules_where_no_arbiter_is_named(world: World, run: Run) -> None:
    done(run, "otc", "sale", "make", "3", "CENT", *WORDS)
    as_bob(run, "otc", "sale", "buy", "1")
    as_bob(run, "otc", "sale", "paid", "1")
    as_bob(run, "otc", "sale", "dispute", "1")
    assert "decide by" in run("otc", "sale", "list").out
    decided = refused(run, "otc", "sale", "decide", "1", "--has-paid")
    assert decided[1] == "otc.not-the-arbiter"
    done(run, "gov", "propose", "otc.rule", "--sale", "1", "--has-paid", "true", "--policy", POLICY)
    assert (bob_has(world, "CENT"), bob_has(world)) == (300, BOB_HAS + 5 * TOKEN)


def test_an_arbiter_decides(world: World, run: Run) -> None:
    words = ("--terms", "cash", "--arbiter", "alice", "--from", "bob", "--payer", "alice")
    done(run, "otc", "sale", "make", "1", "REEL", *words)
    assert refused(run, "otc", "sale", "buy", "1")[1] == "otc.is-party"
    assert refused(run, "otc", "sale", "decide", "1")[::2] == (2, "--has-paid")
    early = refused(run, "otc", "sale", "decide", "1", "--has-not-paid")
    assert early[1] == "otc.not-disputed"


def test_who_does_not_pay_in_time_loses_the_bond(
    world: World, node: LivingTransport, run: Run
) -> None:
    done(run, "otc", "sale", "make", "3", "CENT", *WORDS, "--pay-s", "60")
    as_bob(run, "otc", "sale", "buy", "1")
    node.skip(60)
    assert bob_has(world) == BOB_HAS - 5 * TOKEN
    assert refused(run, "otc", "sale", "show", "1") == (1, "otc.unknown-sale", "SALE")


def test_what_cannot_be_is_named(run: Run) -> None:
    assert refused(run, "otc", "offer", "0", "CENT", "--price", "1")[::2] == (2, "AMOUNT")
    assert refused(run, "otc", "offer", "1", "CENT", "--price", "0")[::2] == (2, "--price")
    assert refused(run, "otc", "offer", "1", "NONE", "--price", "1")[::2] == (1, "asset")
    same = refused(run, "otc", "offer", "1", "REEL", "--price", "1")
    assert same[1] == "otc.same-asset"
    assert refused(run, "otc", "show", "9") == (1, "otc.unknown-offer", "OFFER")
