"""Service orders, batches and finance reports, from the command line to the state. Alice decides
alone, and leads; bob is the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.record import replace
from genesis.file import Genesis, make_genesis
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.finance import PERIOD_DAYS
from vm.modules.gov import POLICIES
from vm.modules.market import PAIRS, PRICES, Pair, Price
from vm.modules.orders import TERMS, Terms
from vm.modules.tokens import ASSETS, AssetRow, balance_of, mint, pot_of

KOL, USDT = 10**8, 10**6
A, B = format_address(ALICE.public), format_address(BOB.public)
CID = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"  # of hello
DAY_SLOTS = 60
COUNCIL = ("--policy", "council")
SCOPES = (
    "orders.accept",
    "orders.approve",
    "orders.buy_back",
    "finance.publish_report",
    "finance.demand_audit",
    "finance.publish_audit",
)


def order_genesis() -> Genesis:
    """At most 100 KOL are issued, for 2 USDT each at least; bob has 1,000 USDT."""
    state = GENESIS.state()
    council = POLICIES.get(state, "council")
    assert council is not None
    POLICIES.put(state, replace(council, scopes=(*council.scopes, *SCOPES)), "council")
    for name, decimals, cap in (("KOL", 8, 100 * KOL), ("USDT", 6, 10**15)):
        ASSETS.put(state, AssetRow(name, decimals, 0, 0, cap, True, True, None), name)
    mint(state, BOB.public, "USDT", 1_000 * USDT)
    mint(state, BOB.public, "REEL", 100 * KOL)
    PAIRS.put(state, Pair(100, 10**6, 10 * USDT), "KOL", "USDT")
    PRICES.put(state, Price(2 * USDT, ()), "KOL", "USDT")
    TERMS.put(state, Terms("KOL", "USDT", "foundation", "quota"))
    PERIOD_DAYS.set(state, 1)
    return make_genesis(state)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", order_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def transport(node: LivingTransport) -> LivingTransport:
    """Commands ask a node; alice sends if nobody else is named."""
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


def fields(out: str) -> dict[str, str]:
    """A page of fields, by their names."""
    rows = (line.split("  ", 1) for line in out.splitlines() if "  " in line)
    return {name: value.strip() for name, value in rows}


def place(run: Run, fee: str = "100") -> None:
    done(run, "order", "place", "A campaign", "--fee", fee, "--brief", CID, "--from", "bob")


def scores(home: Path, *lines: str) -> str:
    file = home / "scores.txt"
    file.write_text("# who did what\n\n" + "\n".join(lines), "utf-8")
    return str(file)


def listed(run: Run, home: Path, order: str, fee: str = "100") -> None:
    place(run, fee)
    done(run, "order", "accept", order, "--leader", A, *COUNCIL)
    done(run, "order", "score", order, scores(home, f"{B} user 3", f"{A} leader 1"))


def held(world: World, account: bytes, asset: str) -> int:
    return balance_of(world.chain.state.view(), account, asset)


def test_who_places_an_order_and_gathers_a_batch_is_told_its_number(
    transport: LivingTransport, run: Run, home: Path
) -> None:
    placed = run("order", "place", "A", "--fee", "1", "--brief", CID, "--from", "bob")
    assert fields(placed.out)["order"] == "1"
    listed(run, home, "2")
    assert fields(run("batch", "gather", "2", "--price", "2").out)["batch"] == "1"


def test_an_order_goes_its_way_to_its_shares(
    world: World, transport: LivingTransport, run: Run, home: Path
) -> None:
    assert run("order", "list").out.startswith("there is no such order")
    assert run("batch", "list").out.startswith("there is no batch")
    terms = fields(run("order", "terms").out)
    assert (terms["orders are paid in"], terms["lowest price"]) == ("USDT", "2 USDT per KOL")
    assert terms["users share"] == "80%, leaders the rest"
    listed(run, home, "1")
    assert run("order", "list", "--status", "paid").out.startswith("there is no such order")
    assert "listed" in run("order", "list", "--status", "listed").out
    done(run, "batch", "gather", "1", "--price", "2.5")
    shown = fields(run("batch", "show", "1").out)
    assert (shown["status"], shown["fees"], shown["price"]) == ("open", "100 USDT", "2.5 USDT")
    done(run, "batch", "approve", "1", *COUNCIL)
    shown = fields(run("batch", "show", "1").out)
    assert (shown["status"], shown["shared"], shown["of that issued"]) == (
        "approved",
        "40 KOL",
        "40 KOL",
    )
    transport.skip(0)
    page = run("order", "show", "1").out
    assert fields(page)["shared"] == "40 KOL"
    assert "user    3      32 KOL" in page
    assert page.endswith("2 of 2 entries\n")
    assert [held(world, who.public, "KOL") for who in (BOB, ALICE)] == [32 * KOL, 8 * KOL]
    assert pot_of(world.chain.state.view(), "foundation", "USDT") == 100 * USDT
    batches = run("batch", "list", "--json").json["batches"]
    assert isinstance(batches, list)
    assert [each["issued"] for each in batches] == [str(40 * KOL)]
    entries = run("order", "show", "1", "--json").json["shares"]
    assert isinstance(entries, list)
    assert [(each["account"], each["units"], each["paid"]) for each in entries] == [
        (B, str(32 * KOL), True),
        (A, str(8 * KOL), True),
    ]


def test_orders_switch_to_the_token_when_it_is_issued_in_full(
    world: World, transport: LivingTransport, run: Run, home: Path
) -> None:
    listed(run, home, "1", fee="300")
    done(run, "batch", "gather", "1", "--price", "2")
    done(run, "batch", "approve", "1", *COUNCIL)
    transport.skip(0)
    assert run("order", "terms", "--json").json["paid_in"] == "KOL"
    listed(run, home, "2", fee="10")
    assert refused(run, "batch", "gather", "2", "--price", "2")[2] == "orders.no-price-needed"
    done(run, "batch", "gather", "2")
    done(run, "batch", "approve", "2", *COUNCIL)
    assert fields(run("batch", "show", "2").out)["of that issued"] == "0 KOL"
    transport.skip(0)
    assert held(world, BOB.public, "KOL") + held(world, ALICE.public, "KOL") == 100 * KOL
    buy = ("order", "buy-back", "foundation", "--amount", "1", "--price", "2", *COUNCIL)
    done(run, *buy)
    assert "orders.issue-is-over" in run("gov", "show", "5").out


def test_an_order_is_cancelled_and_a_batch_dissolved(world: World, run: Run, home: Path) -> None:
    place(run)
    assert refused(run, "order", "cancel", "1")[2] == "orders.not-the-client"
    done(run, "order", "cancel", "1", "--from", "bob")
    assert held(world, BOB.public, "USDT") == 1_000 * USDT
    listed(run, home, "2")
    done(run, "batch", "gather", "2", "--price", "2")
    assert refused(run, "batch", "dissolve", "1", "--from", "bob")[2] == "orders.not-the-leader"
    done(run, "batch", "dissolve", "1")
    assert refused(run, "batch", "show", "1") == (1, "BATCH", "orders.unknown-batch")


def test_what_is_wrong_is_named(run: Run, home: Path) -> None:
    assert refused(run, "order", "show", "9") == (1, "ORDER", "orders.unknown-order")
    assert refused(run, "order", "accept", "9", "--leader", A, *COUNCIL)[1] == "ORDER"
    assert refused(run, "batch", "approve", "9", *COUNCIL)[1] == "BATCH"
    assert refused(run, "batch", "gather")[:2] == (2, "ORDERS")
    poor = ("order", "place", "x", "--brief", CID, "--from", "bob", "--fee")
    assert refused(run, *poor, "0")[:2] == (2, "--fee")
    assert refused(run, *poor, "x")[:2] == (2, "--fee")
    assert refused(run, *poor, "1", "--asset", "KOL")[2] == "orders.other-asset"
    place(run)
    done(run, "order", "accept", "1", "--leader", A, *COUNCIL)
    for line in (f"{A} user", f"{A} boss 1", f"{A} user 0", f"{A} user 1000001", "nobody user 1"):
        code, field, _ = refused(run, "order", "score", "1", scores(home, f"{A} user 1", line))
        assert (code, str(field).endswith("scores.txt: line 4")) == (1, True), line
    assert refused(run, "order", "score", "1", scores(home))[0] == 1
    only = scores(home, f"{A} user 1")
    assert refused(run, "order", "score", "1", only)[2] == "orders.incomplete"
    assert refused(run, "order", "score", "1", only, "--first", "1")[:2] == (2, "--first")


def test_reports_and_audits_are_published_and_overdue(transport: LivingTransport, run: Run) -> None:
    assert run("finance", "list").out == "no period is over yet\n"
    transport.skip(12 * DAY_SLOTS)
    shown = run("finance", "list", "--overdue", "--json").json["periods"]
    assert isinstance(shown, list)
    assert [item["period"] for item in shown] == [1, 0]
    assert "overdue since day 10" in run("finance", "list").out
    done(run, "finance", "publish-report", "0", CID, *COUNCIL)
    done(run, "finance", "demand-audit", "0", *COUNCIL)
    (line,) = (line for line in run("finance", "list").out.splitlines() if line.startswith("0 "))
    assert CID in line
    assert "due by day 42" in line
    done(run, "finance", "publish-audit", "0", CID, *COUNCIL)
    assert run("finance", "list").out.count(CID) == 2
    assert refused(run, "finance", "publish-report", "1", "no such file", *COUNCIL)[1] == "REPORT"
    assert len(run("finance", "list", "--most", "1", "--json").json["periods"]) == 1  # type: ignore[arg-type]
