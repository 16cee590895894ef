"""Commands that look at a node: status, account, block."""

from functools import partial
from pathlib import Path

import pytest

from consensus.address import format_address
from node.client import Client
from node.commands import status
from node.query.answers import SyncProgress
from tests.api.world import ALICE, BASE_URL, BOB, World, open_world
from tests.commands.conftest import LivingTransport, Run
from tests.node.network import transfer


@pytest.fixture
def paid(world: World) -> World:
    world.slots([1, 2, 3], [transfer(world.chain, ALICE, BOB.public, 150_000_000, 0)])
    return world


def test_status(paid: World, node: LivingTransport, run: Run) -> None:
    answer = run("status", "--json")
    assert answer.code == 0
    assert answer.json["chain"] == paid.chain.id.hex()
    assert answer.json["head"]["height"] == 3  # type: ignore[index]
    people = run("status")
    assert "height 3" in people.out
    assert paid.chain.id.hex() in people.out


def test_status_before_the_chain_begins(world: World, node: LivingTransport, run: Run) -> None:
    world.now_ms -= 20_000
    assert "the chain begins in 20 s" in run("status").out


def test_why_a_node_is_not_ready(paid: World, node: LivingTransport, run: Run) -> None:
    paid.reasons = ("no peer is connected",)
    answer = run("status")
    assert (answer.code, "no peer is connected" in answer.out) == (0, True)


def test_a_node_that_catches_up_is_watched_until_it_is_done(
    paid: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(status, "POLL_S", 0)
    monkeypatch.setattr(status, "live_line", lines.append)
    progress = [SyncProgress(0, height, 3_000, 150, 14) for height in (900, 2_000)]
    paid.catching_up = progress[:1]
    shown = run("status")
    assert "height 900 of 3,000, 150 blocks a second, 14 s left" in shown.out
    assert lines == []
    paid.catching_up = progress[:]
    watched = run("status", "--watch")
    assert (watched.code, "catching up" in watched.out) == (0, False)
    assert lines == [
        "[#########---------------------] 30%, height 900 of 3,000, 150 blocks a second, 14 s left",
        "[####################----------] 67%, height 2,000 of 3,000, "
        "150 blocks a second, 14 s left",
        "",
    ]


@pytest.mark.parametrize("spelling", ["bob", format_address(BOB.public)])
def test_an_account_in_whole_tokens(
    paid: World, node: LivingTransport, run: Run, spelling: str
) -> None:
    answer = run("account", "show", spelling)
    assert answer.code == 0
    assert "1.5 REEL" in answer.out
    balances = run("account", "show", spelling, "--json").json["balances"]
    assert balances == [{"asset": "REEL", "amount": "150000000"}]


def test_an_account_that_holds_nothing(paid: World, node: LivingTransport, run: Run) -> None:
    assert "nothing" in run("account", "show", format_address(b"z" * 32)).out


def test_an_account_that_is_none(paid: World, node: LivingTransport, run: Run) -> None:
    answer = run("account", "show", "zoe", "--json")
    assert (answer.code, answer.error["field"]) == (2, "ACCOUNT")


@pytest.mark.parametrize(("block", "height"), [("0", 0), ("2", 2), ("head", 3), ("final", 2)])
def test_blocks_by_height_and_name(
    paid: World, node: LivingTransport, run: Run, block: str, height: int
) -> None:
    answer = run("block", "show", block, "--json")
    assert answer.code == 0
    summary = answer.json["summary"]
    assert summary["height"] == height  # type: ignore[index]
    by_id = run("block", "show", summary["id"], "--json")  # type: ignore[index]
    assert by_id.json == answer.json


def test_a_block_for_people(paid: World, node: LivingTransport, run: Run) -> None:
    assert "state root" in run("block", "show", "1").out


@pytest.mark.parametrize("block", ["99", "latest"])
def test_no_such_block(paid: World, node: LivingTransport, run: Run, block: str) -> None:
    assert run("block", "show", block, "--json").code == 1


def test_a_node_that_keeps_few_blocks_says_so(
    tmp_path: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_world(tmp_path / "pruned", keep_blocks=4) as world:
        transport = LivingTransport(world)
        monkeypatch.setattr("node.commands.asking.Client", partial(Client, transport=transport))
        monkeypatch.setenv("REELECT_CLIENT_NODE", BASE_URL)
        world.slots([1, 2, 3])
        assert "blocks kept" not in run("status").out
        world.slots(range(4, 11))
        assert "from height 6 on" in run("status").out
        assert run("block", "show", "6").code == run("block", "show", "0").code == 0
        answer = run("block", "show", "5", "--json")
        assert (answer.code, answer.error["code"]) == (1, "pruned")
        assert "from height 6 on" in str(answer.error["message"])
        transport.stalled = True
        unknown = run("tx", "show", "00" * 32)
        assert unknown.code == 1
        assert "below height 6: the node keeps no older blocks" in unknown.err
