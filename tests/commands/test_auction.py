"""Auctions, from the command line to the state (W6)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.kinds import JsonObject
from consensus.record import replace
from node.output import utc
from node.query.shop_queries import state_of
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
from tests.node.network import GENESIS_TIME_MS
from vm.modules.auctions import AUCTIONS, ESCROW_POT, Auction
from vm.modules.tokens import balance_of, pot_of

A, B = format_address(ALICE.public), format_address(BOB.public)
FILM = str(cid_of(RAW, b"film"))
START = GENESIS_TIME_MS
SALE: JsonObject = {
    "type": "auctions.open",
    "place": "banner",
    "shows_s": 100,
    "asset": "REEL",
    "reserve": str(TOKEN),
    "step_ppm": 100_000,
    "open_s": 60,
    "extension_s": 10,
    "most_extension_s": 30,
    "pot": "treasury",
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A slot is on sale from 1 REEL on, for a minute; it shows from second 90 to 190."""
    made = genesis_of(["auctions.open"], SALE)
    with open_community(tmp_path / "world", monkeypatch, made) as world:
        yield world


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def bob_has(world: World) -> int:
    return balance_of(world.chain.state.view(), BOB.public, "REEL")


def numbers(run: Run, *command: str, of: str = "auctions") -> list[object]:
    items = cast(list[JsonObject], run("auction", *command, "--json").json[of])
    return [item["auction"] for item in items]


def fields(run: Run, number: str) -> Iterator[tuple[str, str]]:
    for line in run("auction", "show", number).out.splitlines():
        name, _, value = line.partition("  ")
        yield name, value.strip()


def test_a_slot_is_bid_for_donated_to_won_and_filled(
    world: World, node: LivingTransport, run: Run
) -> None:
    told = run("auction", "bid", "1", "1").out.splitlines()
    assert told[-1].split() == ["leads", "yes"]
    assert refused(run, "auction", "bid", "1", "1.09", "--from", "bob") == (
        1,
        "auctions.too-low",
        "AMOUNT",
    )
    sentence = run("auction", "bid", "1", "1.09", "--from", "bob").err
    assert sentence == "reelect: AMOUNT: a bid that leads is 1.1 REEL or more\n"
    done(run, "auction", "bid", "1", "2", "--from", "bob", "--max-fee", "1")
    told = run("auction", "donate", "1", "alice", "0.5", "--from", "bob").out.splitlines()
    assert told[-1].split() == ["leads", "no"]
    done(run, "auction", "bid", "1", "2.3")
    row = AUCTIONS.get(world.chain.state.view(), 1)
    assert row is not None
    assert (row.leader, row.top) == (ALICE.public, 230_000_000), "what bob gave counts"
    assert {tuple(line) for line in cells(run("auction", "show", "1"))[-3:]} == {
        (B, "2", "REEL", "itself", "2", "REEL"),
        (A, "2.3", "REEL", B, "0.5", "REEL"),
        (A, "2.3", "REEL", "itself", "1.8", "REEL"),
    }
    before = bob_has(world)
    node.skip(60)
    assert bob_has(world) == before + 2 * TOKEN, "what lost is back by itself"
    assert pot_of(world.chain.state.view(), ESCROW_POT, "REEL") == 0
    shown = dict(fields(run, "1"))
    assert (shown["state"], shown["won by"], shown["price"]) == ("sold", A, "2.3 REEL")
    node.skip(30)
    done(run, "auction", "choose", "1", FILM, "--link", "https://example.org")
    (line,) = cells(run("auction", "places"))[1:]
    assert line[0] == "banner"
    assert line[-4:] == ["1", "showing", FILM, "https://example.org"]
    node.skip(100)
    assert run("auction", "places").out == (
        "No slot is sold or on sale; `reelect auction open` proposes one.\n"
    )
    assert numbers(run, "list") == []
    assert numbers(run, "list", "--past") == [1]
    assert refused(run, "auction", "choose", "1", FILM)[:2] == (1, "auctions.over")


def test_what_is_outbid_is_taken_back_at_once(world: World, run: Run) -> None:
    done(run, "auction", "bid", "1", "1", "--from", "bob")
    assert refused(run, "auction", "take-back", "1", "--from", "bob")[1] == "auctions.leads"
    done(run, "auction", "bid", "1", "5")
    done(run, "auction", "take-back", "1", "--from", "bob")
    assert BOB_HAS - TOKEN // 10 < bob_has(world) < BOB_HAS, "but for fees"
    done(run, "auction", "bid", "1", "6", "--from", "bob")
    done(run, "auction", "donate", "1", "bob", "0.5")
    done(run, "auction", "bid", "1", "8")
    done(run, "auction", "take-back", "1", "bob")
    bids = cast(list[JsonObject], run("auction", "show", "1", "--json").json["bids"])
    totals = {bid["bidder"]: bid["total"] for bid in bids}
    assert totals == {A: str(8 * TOKEN), B: str(6 * TOKEN)}


def test_a_bid_that_is_sent_twice_is_put_in_once(run: Run) -> None:
    done(run, "auction", "bid", "1", "3")
    answer = run("auction", "bid", "1", "3", "--json")
    assert (answer.code, answer.error["code"]) == (1, "auctions.too-low")
    assert "3 REEL is in it already" in str(answer.error["message"])


def test_a_slot_is_put_on_sale_by_a_proposal(world: World, run: Run) -> None:
    words = ("--reserve", "2.5", "--shows-s", "600", "--pot", "treasury", "--policy", POLICY)
    opened = run("auction", "open", "banner", *words, "--step", "2.5%", "--about", "more money")
    assert opened.out.splitlines()[-1].split() == ["proposal", "1"]
    row = AUCTIONS.get(world.chain.state.view(), 2)
    assert row is not None
    assert (row.terms.reserve, row.terms.step_ppm) == (250_000_000, 25_000)
    assert row.terms.shows_from_ms == row.terms.hard_close_ms == row.terms.closes_ms + 86_400_000
    assert numbers(run, "places", "banner", of="slots") == [1, 2]
    assert numbers(run, "list", "--place", "footer") == []
    done(run, "auction", "open", "footer", *words, "--shows-from", "2024-01-31T12:00:00Z")
    lines = cells(run("auction", "list", "--place", "footer"))
    assert " ".join(lines[1]).startswith("3 footer open from 2.5 REEL ")
    assert " ".join(lines[1][-6:]) == "2024-01-31 12:00:00 UTC 2024-01-31 12:10:00 UTC"


def test_the_times_of_an_auction_are_shown(run: Run) -> None:
    shown = dict(fields(run, "1"))
    assert shown["closes"] == utc(START + 60_000)
    assert shown["at the latest"] == utc(START + 90_000)
    assert shown["shows"] == f"{utc(START + 90_000)} to {utc(START + 190_000)}"
    assert shown["to lead"] == "1 REEL or more in all"


def test_what_becomes_of_an_auction(world: World) -> None:
    row = AUCTIONS.get(world.chain.state.view(), 1)
    assert isinstance(row, Auction)
    closed = replace(row, is_closed=True)
    sold = replace(closed, leader=ALICE.public, top=TOKEN)
    moments = [START + 1000 * second for second in (89, 90, 189, 190)]
    assert state_of(row, START) == "open"
    assert state_of(closed, START) == "unsold"
    assert [state_of(sold, now_ms) for now_ms in moments] == ["sold", "showing", "showing", "over"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("show", "9"), (1, "auctions.unknown-auction", "auction")),
        (("show", str(2**53)), (2, "usage", "AUCTION")),
        (("bid", "9", "1"), (1, "auctions.unknown-auction", "auction")),
        (("bid", "1", "0"), (2, "invalid-encoding", "AMOUNT")),
        (("bid", "1", "99999999"), (1, "token.insufficient-balance", "actions[0]")),
        (("donate", "1", "bob", "1"), (1, "auctions.no-bid", "actions[0]")),
        (("donate", "1", "@nobody", "1"), (1, "not-found", "BIDDER")),
        (("take-back", "1"), (1, "auctions.nothing-given", "actions[0]")),
        (("choose", "1", FILM), (1, "auctions.not-the-winner", "actions[0]")),
        (("choose", "1", "film"), (2, "invalid-encoding", "CID")),
        (("places", ""), (1, "invalid-encoding", "place")),
    ],
)
def test_what_cannot_be_is_named(
    run: Run, command: tuple[str, ...], expected: tuple[int, str, str]
) -> None:
    assert refused(run, "auction", *command) == expected


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--shows-from", "tomorrow"), "--shows-from"),
        (("--step", "3"), "--step"),
        (("--reserve", "0"), "--reserve"),
        (("--open-s", "0"), "open_s"),
        (("--pot", "revenue.x"), "pot"),
    ],
)
def test_a_mistake_in_what_is_put_on_sale_names_its_option(
    run: Run, words: tuple[str, ...], field: str
) -> None:
    given = {"--reserve": "1", "--shows-s": "60", "--pot": "treasury", "--policy": POLICY}
    given[words[0]] = words[1]
    flags = [word for option in given.items() for word in option]
    assert refused(run, "auction", "open", "banner", *flags)[0::2] == (2, field)
