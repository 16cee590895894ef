"""The market, from the command line to the state."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.kinds import JsonObject
from consensus.record import replace
from genesis.file import Genesis, make_genesis
from node.client_market import MarketClient
from node.query.chain_view import Finality
from node.query.market_answers import BookAnswer
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.dividends import PairName, open_pair
from vm.modules.dividends.holdings import circulating
from vm.modules.market import PAIRS, PRICES, Pair, Price
from vm.modules.tokens import ASSETS, AssetRow, balance_of, mint

TOKEN = 10**8


def market_genesis() -> Genesis:
    """REEL is traded for USDT, of which Bob has a thousand."""
    state = GENESIS.state()
    usdt = AssetRow("Tether", 6, 0, 0, 10**12, True, True, None)
    ASSETS.put(state, usdt, "USDT")
    mint(state, BOB.public, "USDT", 1_000 * 10**6)
    mint(state, BOB.public, "REEL", 10 * TOKEN)
    PAIRS.put(state, Pair(100, 10**6, 10 * 10**6), "REEL", "USDT")
    PRICES.put(state, Price(500_000, ()), "REEL", "USDT")
    open_pair(state, PairName("REEL", "USDT"), circulating(state, "REEL"))
    return make_genesis(state)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", market_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def done(run: Run, *command: str) -> None:
    answer = run("market", *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def listed(run: Run, name: str, *command: str, of: str = "market") -> list[JsonObject]:
    answer = run(of, *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    return cast(list[JsonObject], answer.json[name])


def test_orders_are_placed_filled_and_cancelled(world: World, run: Run) -> None:
    placed = run("market", "place", "sell", "3", "REEL-USDT", "--price", "0.52")
    assert placed.code == 0
    assert placed.out.splitlines()[-1].split() == ["order", "1"]
    done(run, "place", "sell", "1.5", "REEL-USDT", "--price", "0.51", "--valid-s", "100000000")
    done(run, "place", "buy", "2", "REEL-USDT", "--price", "0.52", "--from", "bob", "--immediate")
    view = world.chain.state.view()
    assert balance_of(view, BOB.public, "USDT") == 1_000 * 10**6 - 1_500_000 * 51 // 100 - 260_000
    assert balance_of(view, ALICE.public, "USDT") == 1_500_000 * 51 // 100 + 260_000
    lines = run("market", "orders", "alice").out.splitlines()
    assert lines[0].split() == ["ORDER", "SIDE", "PRICE", "AMOUNT", "LEFT", "UNTIL"]
    assert lines[1].split() == ["1", "sell", "0.52", "USDT", "3", "REEL", "2.5", "REEL", "-"]
    done(run, "cancel", "1")
    assert listed(run, "orders", "orders", "alice") == []


def test_what_an_order_holds_is_shown_as_its_owners(run: Run) -> None:
    before = listed(run, "dividends", "show", "bob", of="dividends")
    done(run, "place", "sell", "3", "REEL-USDT", "--price", "0.52", "--from", "bob")
    (after,) = listed(run, "dividends", "show", "bob", of="dividends")
    assert int(str(after["units"])) > int(str(before[0]["units"])) - TOKEN


def test_what_the_chain_refuses_is_one_sentence(run: Run) -> None:
    done(run, "place", "sell", "3", "REEL-USDT", "--price", "0.52", "--post-only")
    for command, code in [
        (("cancel", "9"), "market.unknown-order"),
        (("cancel", "1", "--from", "bob"), "market.unknown-order"),
        (
            ("place", "buy", "1", "REEL-USDT", "--price", "0.52", "--post-only"),
            "market.would-trade",
        ),
        (("place", "buy", "1.001", "REEL-USDT", "--price", "0.1"), "market.off-lot"),
        (("place", "buy", "1", "REEL-USDT", "--price", "0.10005"), "market.off-tick"),
    ]:
        answer = run("market", *command, "--json")
        assert (answer.code, answer.out) == (1, "")
        assert answer.error["code"] == code
    answer = run("market", "place", "buy", "1", "USDT-REEL", "--price", "1", "--json")
    assert (answer.code, answer.error["code"]) == (1, "market.unknown-pair")


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("book", "REEL/USDT"), "PAIR"),
        (("trades", "REEL-USDT", "--most", "257"), "--most"),
        (("place", "buy", "1", "REELUSDT", "--price", "1"), "PAIR"),
        (("place", "buy", "0", "REEL-USDT", "--price", "1"), "AMOUNT"),
        (("place", "buy", "1", "REEL-USDT", "--price", "0.0000001"), "--price"),
        (
            ("place", "buy", "1", "REEL-USDT", "--price", "1", "--post-only", "--immediate"),
            "--post-only",
        ),
        (("place", "buy", "1", "REEL-USDT", "--price", "1", "--most-fills", "65"), "--most-fills"),
        (("place", "buy", "1", "REEL-USDT", "--price", "1", "--valid-s", "0"), "--valid-s"),
        (("cancel", "-1"), "number"),
    ],
)
def test_a_mistake_names_its_argument(run: Run, command: tuple[str, ...], field: str) -> None:
    answer = run("market", *command, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", field)


def test_a_pair_that_is_none(run: Run) -> None:
    for command in ("book", "price", "trades"):
        answer = run("market", command, "USDT-REEL", "--json")
        assert (answer.code, answer.error["code"]) == (1, "not-found")


def test_what_is_placed_may_be_tried_first(world: World, run: Run) -> None:
    answer = run("market", "place", "sell", "1", "REEL-USDT", "--price", "1", "--dry-run")
    assert answer.code == 0
    assert listed(run, "orders", "orders", "alice") == []


def test_pairs_books_trades_and_prices_are_shown(run: Run) -> None:
    lines = run("market", "pairs").out.splitlines()
    assert lines[0].split("  ")[0] == "PAIR"
    assert lines[1].split() == (
        ["REEL-USDT", "0.5", "USDT", "0.0001", "USDT", "0.01", "REEL", "10", "USDT"]
    )
    (pair,) = listed(run, "items", "pairs")
    assert (pair["base"], pair["quote"], pair["price"]) == ("REEL", "USDT", "500000")
    for amount, price in (("2", "0.53"), ("3", "0.52"), ("1", "0.52")):
        done(run, "place", "sell", amount, "REEL-USDT", "--price", price)
    done(run, "place", "buy", "1", "REEL-USDT", "--price", "0.52", "--from", "bob")
    done(run, "place", "buy", "7", "REEL-USDT", "--price", "0.4", "--from", "bob")
    lines = run("market", "book", "REEL-USDT").out.splitlines()
    assert [line.split() for line in lines] == [
        ["SIDE", "PRICE", "AMOUNT", "ORDERS"],
        ["sell", "0.53", "USDT", "2", "REEL", "1"],
        ["sell", "0.52", "USDT", "3", "REEL", "2"],
        ["buy", "0.4", "USDT", "7", "REEL", "1"],
    ]
    (best,) = listed(run, "sell", "book", "REEL-USDT", "--levels", "1")
    assert best == {"price": "520000", "amount": str(3 * TOKEN), "orders": 2}
    lines = run("market", "trades", "REEL-USDT").out.splitlines()
    assert lines[1].split()[3:] == ["buy", "0.52", "USDT", "1", "REEL"]
    (trade,) = listed(run, "items", "trades", "REEL-USDT", "--most", "5")
    assert (trade["number"], trade["price"]) == (1, "520000")
    shown = run("market", "price", "REEL-USDT").out.splitlines()
    assert shown[0].split() == ["price", "0.5", "USDT"]
    assert shown[2].split()[1:] == ["day", "0:", "1", "REEL", "for", "0.52", "USDT"]
    answer = run("market", "price", "REEL-USDT", "--json").json
    assert (answer["volume"], answer["turnover"]) == (str(TOKEN), "520000")


def test_a_watched_book_is_printed_when_it_changes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(run, "place", "sell", "1", "REEL-USDT", "--price", "0.52")
    read, reads = MarketClient.book, 0

    async def book(client: MarketClient, *pair: str, levels: int, finality: Finality) -> BookAnswer:
        nonlocal reads
        reads += 1
        if reads == 4:
            raise KeyboardInterrupt
        answer = await read(client, *pair, levels=levels, finality=finality)
        return answer if reads < 3 else replace(answer, sell=())

    monkeypatch.setattr(MarketClient, "book", book)
    monkeypatch.setattr("node.commands.market.WATCH_S", 0)
    answer = run("market", "book", "REEL-USDT", "--watch", "--json")
    assert answer.code == 130
    assert [len(json.loads(line)["sell"]) for line in answer.out.splitlines()] == [1, 0]
