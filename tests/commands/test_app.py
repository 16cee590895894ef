"""Apps, from the command line to the state."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.kinds import JsonObject
from tests.api.community import USDT, community_genesis
from tests.api.world import ALICE, BOB, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.tokens import balance_of

ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)
PAGE = str(cid_of(RAW, b"the page of chess"))
REFUND_S = 600  # of this chain


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", community_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


@pytest.fixture
def chess(run: Run, tmp_path: Path) -> None:
    """Bob offers chess, paid in USDT, in which a sword costs 1.01; alice has it enabled."""
    assert run("tx", "transfer", "bob", "200").code == 0
    (tmp_path / "page.html").write_bytes(b"the page of chess")
    page = ("--title", "Chess", "--manifest", "page.html", "--asset", "USDT", "--any-amount")
    done(run, "register", "chess", "game", *page, "--from", "bob")
    done(run, "set-item", "chess", "sword", "1.01", "--title", "A sword", "--from", "bob")
    done(run, "enable", "chess", "--limit", "2.5")


def done(run: Run, *command: str) -> None:
    answer = run("app", *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def listed(run: Run, name: str, *command: str) -> list[JsonObject]:
    answer = run("app", *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    return cast(list[JsonObject], answer.json[name])


def lines(run: Run, *command: str) -> list[str]:
    answer = run("app", *command)
    assert (answer.code, answer.err) == (0, "")
    return [" ".join(line.split()) for line in answer.out.splitlines()]


def held(world: World, account: bytes) -> int:
    return balance_of(world.chain.state.view(), account, "USDT")


@pytest.mark.usefixtures("chess")
def test_an_app_is_found_with_what_is_sold_in_it(run: Run) -> None:
    (row,) = lines(run, "list")[1:]
    assert row == f"chess game Chess 1 0 USDT open {BOBS}"
    assert lines(run, "list", "--kind", "game", "--developer", "bob")[1:] == [row]
    assert "no such app" in run("app", "list", "--kind", "tool").out
    assert "no such app" in run("app", "list", "--official").out
    assert "no such app" in run("app", "list", "--developer", "alice").out
    shown = lines(run, "show", "chess")
    assert f"manifest {PAGE}" in shown, "the content id of the file"
    for line in ("paid in USDT", "platform's part 20%", "deposit 100 REEL", "any amount yes"):
        assert line in shown
    assert shown[-1] == "sword 1.01 USDT A sword"
    (item,) = listed(run, "items", "show", "chess")
    assert cast(JsonObject, item["item"])["price"] == "1010000"


@pytest.mark.usefixtures("chess")
def test_a_user_pays_and_the_developer_refunds(world: World, run: Run) -> None:
    before = held(world, ALICE.public), held(world, BOB.public)
    answer = run("app", "pay", "chess", "--item", "sword", "--memo", "order 7")
    assert (answer.code, answer.err) == (0, "")
    told = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert told[:3] == [
        "amount 1.01 USDT",
        "developer gets 0.808 USDT",
        "platform gets 0.202 USDT",
    ]
    assert told[-1] == "payment 1"
    done(run, "pay", "chess", "0.5")
    assert held(world, ALICE.public) == before[0] - 1_510_000
    assert held(world, BOB.public) == before[1] + 1_208_000
    rows = lines(run, "payments", "chess")[1:]
    assert rows == lines(run, "payments")[1:] == lines(run, "payments", "--account", "alice")[1:]
    assert rows[0].startswith("chess 1 sword 1.01 USDT 0.202 USDT the payer ")
    assert rows[0].endswith(f"{ALICES} order 7")
    assert len(lines(run, "payments", "chess", "--most", "1")) == 2
    assert lines(run, "bought")[1:] == ["chess sword 1"]
    done(run, "refund", "chess", "1", "--from", "bob")
    assert held(world, ALICE.public) == before[0] - 500_000
    assert "no item" in run("app", "bought", "alice").out
    (left,) = listed(run, "payments", "payments", "chess")
    assert left["payment"] == 2


@pytest.mark.usefixtures("chess")
def test_an_app_charges_within_the_limit_that_everybody_sees(world: World, run: Run) -> None:
    before = held(world, ALICE.public)
    for _ in range(2):
        done(run, "charge", "chess", "alice", "--item", "sword", "--from", "bob")
    answer = run("app", "charge", "chess", "alice", "--item", "sword", "--from", "bob", "--json")
    assert (answer.code, answer.error["code"]) == (1, "apps.above-limit")
    assert held(world, ALICE.public) == before - 2 * 1_010_000
    assert lines(run, "enabled")[1:] == ["chess 2.5 USDT 2.02 USDT enabled"]
    assert all("the app" in line for line in lines(run, "payments", "chess")[1:])
    done(run, "disable", "chess")
    assert "no app enabled" in run("app", "enabled", "alice").out
    done(run, "enable", "chess", "--limit", "2.5")
    (item,) = listed(run, "apps", "enabled")
    assert item["charged_today"] == "2020000", "disabling resets nothing"


@pytest.mark.usefixtures("chess")
def test_what_is_not_refunded_in_time_is_the_platforms(
    world: World, node: LivingTransport, run: Run
) -> None:
    done(run, "pay", "chess", "5")
    node.skip(REFUND_S)
    assert "can still be refunded" in run("app", "payments", "chess").out
    assert lines(run, "list")[1] == f"chess game Chess 1 1 USDT open {BOBS}"
    answer = run("app", "refund", "chess", "1", "--from", "bob", "--json")
    assert (answer.code, answer.error["code"]) == (1, "apps.unknown-payment")
    assert held(world, BOB.public) == 10 * USDT + 4 * USDT


@pytest.mark.usefixtures("chess")
def test_an_app_gets_new_versions_and_is_withdrawn(run: Run) -> None:
    done(run, "update", "chess", "--title", "Chess 2", "--no-any-amount", "--from", "bob")
    shown = lines(run, "show", "chess")
    assert f"manifest {PAGE}" in shown, "what is not given stays"
    assert {"title Chess 2", "versions 2", "any amount no"} <= set(shown)
    done(run, "remove-item", "chess", "sword", "--from", "bob")
    assert listed(run, "items", "show", "chess") == []
    done(run, "withdraw", "chess", "--from", "bob")
    assert "no such app" in run("app", "list").out
    (row,) = lines(run, "enabled")[1:]
    assert row == "chess - - withdrawn: `reelect app disable` forgets it"
    done(run, "disable", "chess")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("show", "go-game"), "apps.unknown-app"),
        (("register", "chess", "game", "--title", "x", "--manifest", PAGE), "apps.name-taken"),
        (
            ("register", "go-game", "game", "--title", "x", "--manifest", PAGE, "--asset", "GOLD"),
            "refused",
        ),
        (("update", "chess", "--title", "x"), "apps.not-the-developer"),
        (("withdraw", "chess"), "apps.not-the-developer"),
        (("set-item", "chess", "sword", "1", "--title", "x"), "apps.not-the-developer"),
        (("remove-item", "chess", "shield", "--from", "bob"), "apps.unknown-item"),
        (("enable", "go-game"), "apps.unknown-app"),
        (("disable", "go-game"), "apps.not-enabled"),
        (("pay", "chess", "--item", "shield"), "apps.unknown-item"),
        (("pay", "chess", "1", "--from", "bob"), "apps.not-enabled"),
        (("pay", "chess", "1000"), "token.insufficient-balance"),
        (("charge", "chess", "bob", "1"), "apps.not-the-developer"),
        (("refund", "chess", "9", "--from", "bob"), "apps.unknown-payment"),
        (("payments", "--account", "@nobody"), "not-found"),
    ],
)
@pytest.mark.usefixtures("chess")
def test_what_the_chain_refuses_is_one_sentence(
    run: Run, command: tuple[str, ...], code: str
) -> None:
    answer = run("app", *command, "--json")
    assert (answer.code, answer.out, answer.error["code"]) == (1, "", code)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("show", "Chess!"), "APP"),
        (("list", "--kind", "film"), "--kind"),
        (("register", "go", "game", "--title", "x", "--manifest", PAGE), "app"),
        (("register", "go-game", "film", "--title", "x", "--manifest", PAGE), "kind"),
        (("register", "go-game", "game", "--title", "x", "--manifest", "no page"), "--manifest"),
        (("set-item", "chess", "Sword!", "1", "--title", "x"), "ITEM"),
        (("set-item", "chess", "sword", "0", "--title", "x"), "PRICE"),
        (("enable", "chess", "--limit", "much"), "--limit"),
        (("disable", "Chess!"), "APP"),
        (("pay", "chess"), "AMOUNT"),
        (("pay", "chess", "1", "--item", "sword"), "AMOUNT"),
        (("pay", "chess", "0"), "AMOUNT"),
        (("pay", "chess", "1", "--memo", "x" * 257), "memo"),
        (("charge", "chess", "nobody", "1"), "ACCOUNT"),
        (("refund", "chess", "-1"), "PAYMENT"),
        (("payments", "chess", "--account", "alice"), "--account"),
    ],
)
@pytest.mark.usefixtures("chess")
def test_a_mistake_names_its_argument(run: Run, command: tuple[str, ...], field: str) -> None:
    answer = run("app", *command, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", field)
