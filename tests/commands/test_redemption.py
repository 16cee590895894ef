"""Redemptions, from the command line to the state (W2, W3, W8)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
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
from vm.modules.redemption import ESCROW_POT, VOUCHERS
from vm.modules.tokens import pot_of

A, B = format_address(ALICE.public), format_address(BOB.public)
DAY_SLOTS = 60


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """What is redeemed goes to the treasury, and prices double once, on the second day."""
    steps: JsonObject = {
        "type": "steps.set_schedule",
        "days": [1],
        "price_step": 2,
        "reward_step": 1,
    }
    pool: JsonObject = {"type": "redemption.set_pool", "pot": "treasury"}
    made = genesis_of(["redemption.approve", "redemption.remove"], pool, steps)
    with open_community(tmp_path / "world", monkeypatch, made) as world:
        yield world


@pytest.fixture(autouse=True)
def _node(node: LivingTransport, run: Run) -> None:
    """Commands ask a node; bob offers two dinners for 5 REEL each, and alice lets them in."""
    words = ("--price", "5", "--stock", "2", "--valid-s", "100")
    told = run("redemption", "offer", "A dinner", *words, "--from", "bob").out.splitlines()
    assert told[-1].split() == ["offer", "1"]
    assert run("redemption", "list").out.startswith("There is no open offer")
    assert cells(run("redemption", "list", "--status", "proposed"))[1][-2] == "proposed"
    done(run, "gov", "propose", "redemption.approve", "--offer", "1", "--policy", POLICY)


def offers(run: Run, *words: str) -> list[object]:
    items = cast(list[JsonObject], run("redemption", "list", *words, "--json").json["offers"])
    return [item["offer"] for item in items]


def held(run: Run, *words: str) -> list[object]:
    answer = run("redemption", "vouchers", *words, "--json").json
    return [item["voucher"] for item in cast(list[JsonObject], answer["vouchers"])]


def test_a_voucher_is_bought_handed_on_and_honoured(world: World, run: Run) -> None:
    assert " ".join(cells(run("redemption", "list"))[1]) == f"1 A dinner 5 REEL 2 open {B}"
    told = run("redemption", "redeem", "1").out.splitlines()
    assert told[-1].split() == ["voucher", "1"]
    assert pot_of(world.chain.state.view(), ESCROW_POT, "REEL") == 5 * TOKEN
    done(run, "redemption", "hand-on", "1", "bob")
    assert (held(run), held(run, "bob"), held(run, "--offer", "1")) == ([], [1], [1])
    shown = run("redemption", "voucher", "1", "--json").json
    assert (shown["holder"], shown["paid"]) == (B, str(5 * TOKEN))
    assert cast(JsonObject, shown["of"])["title"] == "A dinner"
    before = pot_of(world.chain.state.view(), "treasury", "REEL")
    done(run, "redemption", "honour", "1", "--from", "bob")
    after = pot_of(world.chain.state.view(), "treasury", "REEL")
    assert after - before == 5 * TOKEN
    lines = {line[0]: line[-1] for line in cells(run("redemption", "show", "1"))}
    assert (lines["left"], lines["honoured"], lines["lapsed"]) == ("1", "1", "0")


def test_a_price_steps_up_and_nobody_pays_more_than_it_says(
    world: World, node: LivingTransport, run: Run
) -> None:
    node.skip(DAY_SLOTS)
    assert "5 REEL" not in run("redemption", "list").out
    shown = run("redemption", "show", "1").out
    assert "10 REEL: 2 times 5 REEL by now" in shown
    assert refused(run, "redemption", "redeem", "1", "--most", "9.9") == (
        1,
        "redemption.too-dear",
        "--most",
    )
    done(run, "redemption", "redeem", "1", "--most", "12")
    voucher = VOUCHERS.get(world.chain.state.view(), 1)
    assert voucher is not None
    assert voucher.paid == 10 * TOKEN, "not the most, but the price"
    done(run, "redemption", "redeem", "1")
    assert refused(run, "redemption", "redeem", "1")[1] == "redemption.sold-out"


def test_what_nobody_honours_comes_back(world: World, node: LivingTransport, run: Run) -> None:
    done(run, "redemption", "redeem", "1")
    assert refused(run, "redemption", "give-back", "1")[1] == "redemption.too-early"
    node.skip(100)
    assert "over, `reelect redemption give-back`" in run("redemption", "vouchers").out
    assert refused(run, "redemption", "honour", "1", "--from", "bob")[1] == "redemption.too-late"
    done(run, "redemption", "give-back", "1", "--from", "bob")
    assert pot_of(world.chain.state.view(), ESCROW_POT, "REEL") == 0
    assert run("redemption", "vouchers").out.startswith("There is no voucher")
    assert refused(run, "redemption", "give-back", "1")[1] == "redemption.unknown-voucher"


def test_offers_are_listed_by_status_and_provider(run: Run) -> None:
    words = ("--price", "1", "--stock", "9", "--valid-s", "600")
    done(run, "redemption", "offer", "A book", *words)
    assert (offers(run), offers(run, "--status", "proposed")) == ([1], [2])
    assert offers(run, "--status", "any", "--provider", "alice") == [2]
    done(run, "redemption", "close", "1", "--from", "bob")
    done(run, "gov", "propose", "redemption.remove", "--offer", "2", "--policy", POLICY)
    assert offers(run, "--status", "closed") == [1, 2]
    assert refused(run, "redemption", "redeem", "1")[1] == "redemption.not-open"


def test_so_many_vouchers_are_listed_at_most(run: Run) -> None:
    for _ in range(2):
        done(run, "redemption", "redeem", "1")
    assert held(run, "--most", "1") == [1]
    assert held(run, "alice", "--most", "2") == [1, 2]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("show", "9"), (1, "redemption.unknown-offer", "offer")),
        (("show", str(2**53)), (2, "usage", "OFFER")),
        (("redeem", "9"), (1, "redemption.unknown-offer", "offer")),
        (("redeem", "1", "--most", "0"), (2, "invalid-encoding", "--most")),
        (("voucher", "9"), (1, "redemption.unknown-voucher", "voucher")),
        (("vouchers", "--offer", "9"), (1, "redemption.unknown-offer", "offer")),
        (("vouchers", "bob", "--offer", "1"), (2, "usage", "--offer")),
        (("vouchers", "--most", "0"), (2, "usage", "--most")),
        (("hand-on", "9", "bob"), (1, "redemption.unknown-voucher", "actions[0]")),
        (("honour", "9"), (1, "redemption.unknown-voucher", "actions[0]")),
        (("close", "1"), (1, "redemption.not-the-provider", "actions[0]")),
        (
            ("offer", "", "--price", "1", "--stock", "1", "--valid-s", "60"),
            (2, "invalid-encoding", "title"),
        ),
        (
            ("offer", "x", "--price", "1", "--stock", "1", "--valid-s", "59"),
            (2, "invalid-encoding", "valid_s"),
        ),
        (
            ("offer", "x", "--price", "0", "--stock", "1", "--valid-s", "60"),
            (2, "invalid-encoding", "--price"),
        ),
    ],
)
def test_what_cannot_be_is_named(
    run: Run, command: tuple[str, ...], expected: tuple[int, str, str]
) -> None:
    assert refused(run, "redemption", *command) == expected


def test_another_can_neither_hand_a_voucher_on_nor_honour_it(run: Run) -> None:
    done(run, "redemption", "redeem", "1")
    for command, code in (
        (("hand-on", "1", "bob", "--from", "bob"), "redemption.not-the-holder"),
        (("honour", "1"), "redemption.not-the-provider"),
    ):
        assert refused(run, "redemption", *command)[1] == code
