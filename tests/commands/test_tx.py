"""Paying, running any action, and looking things up, from the command line to the state."""

import re
from pathlib import Path

import pytest

from consensus.address import format_address
from tests.api.world import ALICE, BOB, GENESIS, World
from tests.commands.conftest import LivingTransport, Run
from tests.node.network import FUNDS, make_genesis_of, make_seats
from vm.modules.tokens import balance_of
from vm.registry import REGISTRY

BOBS_ADDRESS = format_address(BOB.public)


def bobs_balance(world: World) -> int:
    return balance_of(world.chain.state.view(), BOB.public, "REEL")


@pytest.mark.parametrize("recipient", ["bob", BOBS_ADDRESS])
def test_a_transfer_is_final_when_the_command_returns(
    world: World, node: LivingTransport, run: Run, recipient: str
) -> None:
    answer = run("tx", "transfer", recipient, "12.5", "--memo", "thanks", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"
    assert bobs_balance(world) == 1_250_000_000


def test_what_people_read(world: World, node: LivingTransport, run: Run) -> None:
    answer = run("tx", "transfer", "bob", "1")
    lines = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert (lines["state"], lines["status"]) == ("final", "ok")
    assert lines["fee"].endswith(" REEL")
    assert float(lines["fee"].split()[0]) > 0


def test_a_shown_transaction_is_the_sent_one(world: World, node: LivingTransport, run: Run) -> None:
    sent = run("tx", "transfer", "bob", "1", "--wait", "included", "--json").json
    shown = run("tx", "show", str(sent["id"]), "--json")
    assert shown.code == 0
    assert (shown.json["id"], shown.json["transaction"]) == (sent["id"], sent["transaction"])


def test_sent_returns_before_any_block(world: World, node: LivingTransport, run: Run) -> None:
    answer = run("tx", "transfer", "bob", "1", "--wait", "sent", "--json")
    assert (answer.code, answer.json["state"]) == (0, "pending")
    assert bytes.fromhex(str(answer.json["id"])) in world.mempool
    assert world.chain.fork.head.height == 0


def test_two_in_a_row_get_two_nonces(world: World, node: LivingTransport, run: Run) -> None:
    run("tx", "transfer", "bob", "1", "--wait", "sent")
    assert run("tx", "transfer", "bob", "2").code == 0
    assert bobs_balance(world) == 300_000_000


def test_a_dry_run_sends_nothing(world: World, node: LivingTransport, run: Run) -> None:
    answer = run("tx", "transfer", "bob", "1", "--dry-run", "--json")
    assert answer.code == 0
    assert int(str(answer.json["fee"])) > 0
    assert len(world.mempool) == 0
    assert ("POST", "/v1/transactions") not in node.requests


def test_a_refusal_says_what_is_wrong_in_the_case_at_hand(node: LivingTransport, run: Run) -> None:
    said = run("tx", "transfer", "bob", "1000000").err
    assert re.fullmatch(
        r"reelect: actions\[0\]: The account holds less than the amount: "
        r"it has \d+ units of REEL, not 100000000000000\n",
        said,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("tx", "transfer", "bob", "1000000"), 1, "token.insufficient-balance"),
        (("tx", "transfer", "bob", "1", "--asset", "NONE"), 1, "refused"),
        (("tx", "transfer", "bob", "1", "--max-fee", "0.00000001"), 1, "fee.max-too-low"),
        (("tx", "transfer", "reel1x", "1"), 2, "invalid-encoding"),
        (("tx", "transfer", BOBS_ADDRESS.upper(), "1"), 2, "invalid-encoding"),
        (("tx", "transfer", "carol", "1"), 2, "invalid-encoding"),
        (("tx", "transfer", "bob", "1.123456789"), 2, "invalid-encoding"),
        (("tx", "transfer", "bob", "-1"), 2, "invalid-encoding"),
        (("tx", "transfer", "bob", "0"), 2, "invalid-encoding"),
        (("tx", "transfer", "bob"), 2, "usage"),
        (("tx", "transfer", "bob", "1", "--from", "carol"), 2, "invalid-encoding"),
        (("tx", "transfer", "bob", "1", "--memo", "x" * 257), 2, "invalid-encoding"),
        (("tx", "transfer", "bob", "1", "--from", "bob"), 1, "fee.payer-balance"),
        (("tx", "show", "ab" * 32), 1, "not-found"),
        (("tx", "show", "AB" * 32), 2, "invalid-encoding"),
        (("tx", "show", "ab"), 2, "invalid-encoding"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    world: World,
    node: LivingTransport,
    run: Run,
    arguments: tuple[str, ...],
    code: int,
    error: str,
) -> None:
    answer = run(*arguments, "--json")
    assert (answer.code, answer.out, answer.error["code"]) == (code, "", error)
    assert len(world.mempool) == 0
    assert balance_of(world.chain.state.view(), ALICE.public, "REEL") == FUNDS


def test_a_chain_that_stands_still(world: World, node: LivingTransport, run: Run) -> None:
    node.stalled = True
    answer = run("tx", "transfer", "bob", "1", "--timeout-s", "0.05", "--json")
    assert (answer.code, answer.out, answer.error["code"]) == (4, "", "timed-out")
    assert "tx show" in str(answer.error["message"])


def test_a_wrong_password_sends_nothing(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELECT_PASSWORD", "wrong")
    answer = run("tx", "transfer", "bob", "1", "--json")
    assert (answer.code, answer.error["code"]) == (1, "wrong-password")
    assert len(world.mempool) == 0


def test_an_account_without_its_key_here(world: World, node: LivingTransport, run: Run) -> None:
    sender = ("--from", format_address(ALICE.public), "--keystore", "empty")
    answer = run("tx", "transfer", BOBS_ADDRESS, "1", *sender, "--json")
    assert (answer.code, answer.error["code"]) == (1, "unknown-key")
    assert len(world.mempool) == 0


def test_nothing_is_signed_for_another_chain_than_that_of_the_genesis_file(
    world: World, node: LivingTransport, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = home / "own.cbor", home / "other.cbor"
    own.write_bytes(GENESIS.encode())
    other.write_bytes(make_genesis_of(make_seats(5).values()).encode())
    monkeypatch.setenv("REELECT_CLIENT_GENESIS", str(other))
    answer = run("tx", "transfer", "bob", "1", "--json")
    assert (answer.code, answer.error["code"]) == (1, "other-chain")
    assert len(world.mempool) == 0
    monkeypatch.setenv("REELECT_CLIENT_GENESIS", str(own))
    assert run("tx", "transfer", "bob", "1").code == 0


def test_nobody_answers(run: Run) -> None:
    answer = run("status", "--node", "http://127.0.0.1:9", "--json")
    assert (answer.code, answer.error["code"]) == (3, "unreachable")


def test_every_action_that_accounts_send_is_a_command(run: Run) -> None:
    for tag, declared in REGISTRY.actions.items():
        command = ("gov", "propose") if declared.governed else ("tx", "call")
        answer = run(*command, tag, "--help")
        assert answer.code == 0
        for field in declared.type.fields:
            assert f"--{field.name.replace('_', '-')}" in answer.out


def test_an_action_by_its_declaration(world: World, node: LivingTransport, run: Run) -> None:
    fields = ("--to", "bob", "--asset", "REEL", "--amount", "77", "--memo", "")
    answer = run("tx", "call", "token.transfer", *fields, "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    assert bobs_balance(world) == 77


def test_an_action_with_a_composed_field(world: World, node: LivingTransport, run: Run) -> None:
    following = '{"salt": "0102030405060708", "end": "%s", "length": 8}' % ("ab" * 32)
    answer = run("tx", "call", "producer.recommit", "--following", following, "--json")
    assert (answer.code, answer.error["code"]) == (1, "producer.not-registered")
    broken = run("tx", "call", "producer.recommit", "--following", "{", "--json")
    assert (broken.code, broken.error["field"]) == (2, "--following")


def test_a_bad_field_is_named(world: World, node: LivingTransport, run: Run) -> None:
    fields = ("--to", "bob", "--asset", "reel", "--amount", "77", "--memo", "")
    answer = run("tx", "call", "token.transfer", *fields, "--json")
    assert answer.code == 2
    assert "asset" in str(answer.error["message"])
