"""What mana pays for from the command line, what is said of it, and when a fee is paid instead."""

from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.commands.sending import FREE_VALID_BLOCKS, VALID_BLOCKS
from tests.api.world import ALICE, SEATS, World
from tests.commands.conftest import Answer, LivingTransport, Run
from vm.modules.tokens import balance_of

FIRST, SECOND = (format_address(producer) for producer in sorted(SEATS)[:2])
DAY_SLOTS = 86_400


def bond(run: Run, amount: str = "10") -> None:
    assert run("stake", "bond", amount).code == 0


def max_fee_and_fee(answer: Answer) -> tuple[int, int]:
    assert (answer.code, answer.err) == (0, ""), answer.err
    order = cast(JsonObject, answer.json["transaction"])
    receipt = cast(JsonObject, answer.json["receipt"])
    assert receipt["status"] == "ok"
    return int(str(order["max_fee"])), int(str(receipt["fee"]))


def mana(run: Run) -> JsonObject:
    return cast(JsonObject, run("account", "show", "alice", "--json").json["mana"])


def test_an_accounts_mana_is_shown(world: World, node: LivingTransport, run: Run) -> None:
    assert "none: it grows with bonded stake" in run("account", "show", "alice").out
    assert (mana(run)["gas"], mana(run)["max_gas"]) == ("0", "0")
    bond(run)
    node.skip(DAY_SLOTS // 2)
    half = mana(run)
    assert half["max_gas"] == "700000"
    assert int(str(half["gas"])) in range(350_000, 350_100)
    left_ms = cast(int, half["full_time_ms"]) - world.now_ms
    assert left_ms in range(DAY_SLOTS * 500 - 10_000, DAY_SLOTS * 500)
    assert " of 700000 gas, full at 20" in run("account", "show", "alice").out
    node.skip(DAY_SLOTS // 2)
    assert "700000 of 700000 gas, full\n" in run("account", "show", "alice").out


def test_mana_pays_when_it_suffices(world: World, node: LivingTransport, run: Run) -> None:
    bond(run)
    node.skip(DAY_SLOTS)
    held = balance_of(world.chain.state.view(), ALICE.public, "REEL")
    dry = run("vote", "add", FIRST, "--dry-run").out
    assert "none, mana pays" in dry
    assert "max fee" not in dry
    assert max_fee_and_fee(run("vote", "add", FIRST, "--json")) == (0, 0)
    assert balance_of(world.chain.state.view(), ALICE.public, "REEL") == held
    out = run("vote", "add", SECOND).out
    assert " gas of mana" in out
    assert "REEL" not in out
    assert int(str(mana(run)["gas"])) in range(700_000 - 70_000, 700_000 - 50_000)


def test_what_mana_pays_for_does_not_hold_up_the_account_for_long(
    world: World, node: LivingTransport, run: Run
) -> None:
    bond(run)
    node.skip(DAY_SLOTS)
    for options, blocks in (((), FREE_VALID_BLOCKS), (("--max-fee", "1"), VALID_BLOCKS)):
        height = world.chain.fork.head.height
        sent = run("vote", "set", FIRST, *options, "--wait", "sent", "--json").json
        (pending,) = world.mempool.ready(world.next_nonce)
        assert sent["id"] == pending.id.hex()
        assert pending.transaction.valid_until_height == height + blocks
        node.skip(0)
        assert run("vote", "set", "--nobody").code == 0


def test_a_shown_transaction_says_what_paid(node: LivingTransport, run: Run) -> None:
    bond(run)
    node.skip(DAY_SLOTS)
    sent = run("vote", "add", FIRST, "--json").json
    assert " gas of mana" in run("tx", "show", str(sent["id"])).out


def test_a_fee_is_paid_while_mana_does_not_suffice(node: LivingTransport, run: Run) -> None:
    bond(run)
    max_fee, fee = max_fee_and_fee(run("vote", "add", FIRST, "--json"))
    assert max_fee >= 4 * fee > 0


def test_a_fee_is_paid_for_what_is_not_free(node: LivingTransport, run: Run) -> None:
    bond(run)
    node.skip(DAY_SLOTS)
    max_fee, fee = max_fee_and_fee(run("tx", "transfer", "bob", "1", "--json"))
    assert max_fee >= 4 * fee > 0


def test_a_max_fee_decides_what_pays(node: LivingTransport, run: Run) -> None:
    bond(run)
    node.skip(DAY_SLOTS)
    max_fee, fee = max_fee_and_fee(run("vote", "add", FIRST, "--max-fee", "1", "--json"))
    assert (max_fee, fee > 0) == (10**8, True)
    assert max_fee_and_fee(run("vote", "add", SECOND, "--max-fee", "0", "--json")) == (0, 0)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("stake", "unbond", "1", "--max-fee", "0"), "mana.too-little", "or pay a fee"),
        (("tx", "transfer", "bob", "1", "--max-fee", "0"), "mana.not-free", "set max_fee"),
    ],
)
def test_who_cannot_pay_hears_why(
    node: LivingTransport, run: Run, command: tuple[str, ...], code: str, words: str
) -> None:
    bond(run)
    answer = run(*command, "--json")
    assert (answer.code, answer.error["code"]) == (1, code)
    assert words in str(answer.error["message"])
