"""Gifts, from the command line to the state."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.kinds import JsonObject
from tests.api.community import ROSE, USDT, community_genesis
from tests.api.world import ALICE, BOB, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.tokens import balance_of

ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)
BRIEF, MADE = str(cid_of(RAW, b"a cat in a hat")), str(cid_of(RAW, b"the cat"))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", community_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def done(run: Run, *command: str) -> None:
    answer = run("gift", *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def listed(run: Run, name: str, *command: str) -> list[JsonObject]:
    answer = run("gift", *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    return cast(list[JsonObject], answer.json[name])


def table(run: Run, *command: str) -> list[list[str]]:
    answer = run("gift", *command)
    assert (answer.code, answer.err) == (0, "")
    return [line.split() for line in answer.out.splitlines()[1:]]


def held(world: World, account: bytes) -> int:
    return balance_of(world.chain.state.view(), account, "USDT")


def test_the_catalogue_says_what_the_receiver_gets(run: Run) -> None:
    rose = ["rose", "1", "USDT", "0.8", "USDT", "0.2", "USDT", "yes", ROSE]
    lily = ["lily", "2.000003", "USDT", "1.600003", "USDT", "0.4", "USDT", "no", ROSE]
    assert table(run, "list") == [rose]
    assert table(run, "list", "--retired") == [lily, rose]
    (item,) = listed(run, "gifts", "list")
    assert (item["name"], item["fee"], item["earned"]) == ("rose", "200000", "800000")
    shown = dict(line.split(maxsplit=1) for line in run("gift", "show", "lily").out.splitlines())
    assert (shown["price"], shown["sold"], shown["animation"]) == ("2.000003 USDT", "no", ROSE)


def test_a_gift_is_given_and_everybody_sees_it(world: World, run: Run) -> None:
    assert "No gift was given" in run("gift", "recent").out
    assert "no gift yet" in run("gift", "received", "bob").out
    refused = run("gift", "give", "rose", "bob", "--video", ROSE, "--json")
    assert refused.error["code"] == "gifts.not-theirs", "bob has published no such video"
    answer = run("gift", "give", "rose", "bob")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[:3] == [
        "price          1 USDT",
        "receiver gets  0.8 USDT",
        "platform gets  0.2 USDT",
    ]
    done(run, "give", "rose", "bob")
    assert (held(world, ALICE.public), held(world, BOB.public)) == (98 * USDT, 11_600_000)
    newest, first = table(run, "recent")
    assert newest[3:] == ["rose", ALICES, BOBS, "1", "USDT", "0.8", "USDT", "-", "-"]
    assert first[-1] == "-"
    (only,) = listed(run, "items", "recent", "--most", "1")
    assert (only["number"], only["video"], only["earned"]) == (2, None, "800000")
    assert table(run, "received", "bob") == [["rose", "2", "2", "USDT"]]
    (item,) = listed(run, "gifts", "received", "bob")
    assert (item["gift"], item["asset"], item["units"]) == ("rose", "USDT", str(2 * USDT))


def test_an_app_hands_out_what_it_has_paid_for(world: World, run: Run) -> None:
    chess = ("app", "register", "chess", "game", "--title", "Chess", "--manifest", ROSE)
    poor = run(*chess, "--from", "bob", "--json")
    assert poor.error["code"] == "apps.deposit-missing"
    assert run("tx", "transfer", "bob", "200").code == 0
    assert run(*chess, "--from", "bob").code == 0
    assert "no gifts to hand out" in run("gift", "stock", "bob").out
    answer = run("gift", "hand-out", "chess", "rose", "alice", "--from", "bob", "--json")
    assert answer.error["code"] == "gifts.no-stock"
    done(run, "stock-up", "chess", "rose", "2", "--from", "bob")
    assert table(run, "stock", "bob") == [["rose", "2"]]
    done(run, "hand-out", "chess", "rose", "alice", "--from", "bob")
    assert listed(run, "stock", "stock", "bob") == [{"gift": "rose", "pieces": 1}]
    assert held(world, ALICE.public) == 100 * USDT + 800_000
    (item,) = listed(run, "items", "recent")
    assert item["app"] == "chess"


def test_a_gift_is_made_to_order_and_passed_on(world: World, run: Run, tmp_path: Path) -> None:
    assert "No gift is being made" in run("gift", "orders").out
    (tmp_path / "cat.txt").write_bytes(b"the cat")
    answer = run("gift", "order", "bob", "5USDT", "--brief", BRIEF)
    assert (answer.code, answer.out.splitlines()[-1].split()) == (0, ["order", "1"])
    done(run, "order", "bob", "3USDT", "--brief", BRIEF, "--wait-s", "100")
    rows = table(run, "orders", "bob")
    assert [row[:5] for row in rows] == [
        ["1", ALICES, BOBS, "5", "USDT"],
        ["2", ALICES, BOBS, "3", "USDT"],
    ]
    done(run, "decline", "2", "--from", "bob")
    done(run, "deliver", "1", "cat.txt", "--from", "bob")  # its content id is MADE
    assert (held(world, ALICE.public), held(world, BOB.public)) == (95 * USDT, 14 * USDT)
    assert table(run, "made", "alice") == [["1", ALICES, BOBS, MADE]]
    done(run, "pass-on", "1", "bob")
    assert table(run, "made", "alice") == []
    (item,) = listed(run, "made", "made", "bob")
    assert (item["order"], item["owner"], item["animation"]) == (1, BOBS, MADE)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("give", "tulip", "bob"), "not-found"),
        (("show", "tulip"), "not-found"),
        (("give", "lily", "bob"), "gifts.retired"),
        (("give", "rose", "alice", "--from", "bob", "--max-fee", "0"), "mana.not-free"),
        (("stock-up", "chess", "rose", "1"), "apps.unknown-app"),
        (("hand-out", "chess", "rose", "bob"), "apps.unknown-app"),
        (("hand-out", "chess", "rose", "alice", "--from", "bob"), "apps.unknown-app"),
        (("order", "alice", "5USDT", "--brief", BRIEF), "gifts.own-order"),
        (("order", "bob", "500USDT", "--brief", BRIEF), "token.insufficient-balance"),
        (("order", "bob", "5GOLD", "--brief", BRIEF), "refused"),
        (("deliver", "9", MADE), "gifts.unknown-order"),
        (("decline", "1"), "gifts.not-the-maker"),
        (("pass-on", "1", "bob"), "gifts.unknown-made"),
    ],
)
def test_what_the_chain_refuses_is_one_sentence(
    run: Run, command: tuple[str, ...], code: str
) -> None:
    done(run, "order", "bob", "3USDT", "--brief", BRIEF)
    answer = run("gift", *command, "--json")
    assert (answer.code, answer.out, answer.error["code"]) == (1, "", code)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("give", "Rose!", "bob"), "GIFT"),
        (("give", "rose", "nobody"), "ACCOUNT"),
        (("give", "rose", "bob", "--video", "x"), "--video"),
        (("order", "bob", "5 dollars", "--brief", BRIEF), "PRICE"),
        (("order", "bob", "0USDT", "--brief", BRIEF), "PRICE"),
        (("order", "bob", "5USDT", "--brief", "a cat"), "--brief"),
        (("order", "bob", "5USDT", "--brief", BRIEF, "--wait-s", "59"), "wait_s"),
        (("deliver", "1", "x"), "ANIMATION"),
        (("deliver", "-1", MADE), "order"),
        (("stock-up", "chess", "rose", "0"), "pieces"),
        (("hand-out", "Chess!", "rose", "bob"), "APP"),
        (("stock", "nobody"), "DEVELOPER"),
        (("orders", "nobody"), "ACCOUNT"),
    ],
)
def test_a_mistake_names_its_argument(run: Run, command: tuple[str, ...], field: str) -> None:
    answer = run("gift", *command, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", field)


def test_a_late_order_is_paid_back_and_cannot_be_delivered(
    world: World, node: LivingTransport, run: Run
) -> None:
    done(run, "order", "bob", "3USDT", "--brief", BRIEF, "--wait-s", "60")
    node.skip(60)
    assert held(world, ALICE.public) == 100 * USDT
    answer = run("gift", "deliver", "1", MADE, "--from", "bob", "--json")
    assert (answer.code, answer.error["code"]) == (1, "gifts.unknown-order")


def test_a_trial_says_what_it_would_cost_and_sends_nothing(run: Run) -> None:
    answer = run("gift", "give", "rose", "bob", "--dry-run")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "price          1 USDT")
    assert listed(run, "items", "recent") == []
