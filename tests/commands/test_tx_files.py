"""Transactions that several sign: written, passed around, merged and sent, to the state."""

import json
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from consensus.record import replace
from node.commands.transaction_file import read_transaction, write_transaction
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from tests.api.world import ALICE, BOB, GENESIS, World
from tests.commands.conftest import PASSWORD, WEAK, LivingTransport, Run
from tests.node.network import FUNDS, key, make_genesis_of, make_seats
from vm.modules.account import Authority as Rule
from vm.modules.account import SetAuthority, WeightedKey
from vm.modules.tokens import balance_of

CAROL, DAVE = key("carol"), key("dave")
TOKEN = 10**8


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node; the keystore has alice, who has funds, and bob."""


def keystore(home: Path, name: str, pair: KeyPair) -> str:
    """Another person's keystore, with one key."""
    folder = home / f"keys of {name}"
    Keystore(folder).add(name, KeyKind.ACCOUNT, pair.seed, PASSWORD, strength=WEAK)
    return str(folder)


def rule_of(threshold: int, **weights: int) -> Rule:
    pairs = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
    keys = [WeightedKey(pairs[name].public, weight) for name, weight in weights.items()]
    return Rule(threshold, tuple(sorted(keys, key=lambda item: item.key)))


def set_authority(run: Run, rule: Rule) -> None:
    form = json.dumps(SetAuthority(rule).to_json()["authority"])
    assert run("tx", "call", "account.set_authority", "--authority", form, "--json").code == 0


def bobs(world: World) -> int:
    return balance_of(world.chain.state.view(), BOB.public, "REEL")


def test_two_of_three_pay_together(world: World, run: Run, home: Path) -> None:
    set_authority(run, rule_of(2, bob=1, carol=1, dave=1))
    lone = run("tx", "transfer", "bob", "3", "--json")
    assert (lone.code, lone.error["code"]) == (1, "unknown-key")
    assert format_address(CAROL.public) in str(lone.error["message"])

    made = run("tx", "transfer", "bob", "3", "--unsigned", "pay.json", "--json")
    assert (made.code, made.json) == (0, {"file": "pay.json", "state": "unsigned"})
    (home / "carol.json").write_bytes((home / "pay.json").read_bytes())
    first = run("tx", "sign", "pay.json", "--json")
    (party,) = cast(list[JsonObject], first.json["parties"])
    assert (party["role"], party["weight"], party["missing"]) == ("sender", 1, 1)
    assert first.json["enough"] is False
    early = run("tx", "send", "pay.json", "--json")
    assert (early.code, early.error["code"]) == (1, "account.signature-missing")

    carols = keystore(home, "carol", CAROL)
    assert run("tx", "sign", "carol.json", "--keystore", carols, "--json").code == 0
    merged = run("tx", "merge", "pay.json", "carol.json", "-o", "both.json", "--json")
    both = sorted([BOB.public, CAROL.public])
    assert merged.json == {"file": "both.json", "signed_by": [each.hex() for each in both]}
    assert run("tx", "send", "both.json", "--json").json["state"] == "final"
    assert bobs(world) == 3 * TOKEN


def test_signatures_too_many_are_left_out(world: World, run: Run, home: Path) -> None:
    set_authority(run, rule_of(2, bob=1, carol=2, dave=1))
    run("tx", "transfer", "bob", "1", "--unsigned", "pay.json")
    for name, pair in (("carol", CAROL), ("dave", DAVE)):
        folder = keystore(home, name, pair)
        assert run("tx", "sign", "pay.json", "--keystore", folder).code == 0
    run("tx", "sign", "pay.json", "--key", "alice", "--key", "bob")  # alice's is nobody's here
    assert len(read_transaction(home / "pay.json").signatures) == 4
    sent = run("tx", "send", "pay.json", "--json")
    assert sent.code == 0
    transaction = cast(dict[str, list[JsonObject]], sent.json["transaction"])
    assert [item["key"] for item in transaction["signatures"]] == [CAROL.public.hex()]
    assert bobs(world) == TOKEN


def test_another_pays_by_a_file(world: World, run: Run, home: Path) -> None:
    poor = keystore(home, "carol", CAROL)
    made = run(
        *("tx", "call", "producer.stand", "--standing", "true", "--from", "carol"),
        *("--payer", format_address(ALICE.public), "--keystore", poor),
        *("--unsigned", "ask.json", "--json"),
    )
    assert (made.code, made.error["code"]) == (1, "producer.not-registered")
    fields = ("--to", format_address(BOB.public), "--asset", "REEL", "--amount", "1", "--memo", "")
    refused = run(*("tx", "call", "token.transfer", *fields, "--from", "carol", "--json"))
    assert refused.code == 2  # no such name in this keystore
    run("tx", "transfer", format_address(CAROL.public), "5")
    made = run(
        *("tx", "transfer", format_address(BOB.public), "5", "--from", "carol"),
        *("--payer", format_address(ALICE.public), "--keystore", poor, "--unsigned", "ask.json"),
    )
    assert made.code == 0
    assert run("tx", "sign", "ask.json", "--keystore", poor).code == 0
    shown = run("tx", "show", "ask.json", "--json").json
    parties = cast(list[JsonObject], shown["parties"])
    assert [(each["role"], each["missing"]) for each in parties] == [("sender", 0), ("payer", 1)]
    assert run("tx", "sign", "ask.json").code == 0
    assert run("tx", "send", "ask.json").code == 0
    assert bobs(world) == 5 * TOKEN  # the fee is not carol's
    assert balance_of(world.chain.state.view(), CAROL.public, "REEL") == 0


def test_another_whose_key_is_here_pays_at_once(world: World, run: Run) -> None:
    run("tx", "transfer", "bob", "2")
    answer = run("tx", "transfer", "alice", "2", "--from", "bob", "--payer", "alice", "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    assert bobs(world) == 0
    assert run("tx", "transfer", "bob", "1", "--payer", "alice").code == 0  # as without it
    bad = run("tx", "transfer", "bob", "1", "--payer", "nobody", "--json")
    assert (bad.code, bad.error["field"]) == (2, "--payer")


def test_a_file_is_told_in_sentences(run: Run) -> None:
    set_authority(run, rule_of(2, bob=1, carol=1))
    run("tx", "transfer", "bob", "3", "--memo", "for tea", "--unsigned", "pay.json")
    run("tx", "sign", "pay.json")
    out = run("tx", "show", "pay.json").out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert "token.transfer (to reel1" in out
    assert "memo for tea): Send an amount of an asset to an account" in out
    assert lines["now"] == "ok"
    alice, carol = format_address(ALICE.public), format_address(CAROL.public)
    assert lines["sender"] == f"{alice} has 1 of 2; 1 missing, of {carol} (1)"
    assert format_address(BOB.public) in lines["signed"]


def test_a_file_that_would_fail_says_so(run: Run, home: Path) -> None:
    run("tx", "transfer", "bob", "3", "--unsigned", "pay.json")
    run("tx", "transfer", "bob", "1000000", "--dry-run")
    assert run("tx", "transfer", "bob", "3").code == 0  # uses the same nonce
    assert run("tx", "show", "pay.json", "--json").json["outcome"] == "account.nonce-used"
    run("tx", "sign", "pay.json")
    late = run("tx", "send", "pay.json", "--json")
    assert (late.code, late.error["code"]) == (1, "account.nonce-used")


def test_a_dry_run_of_a_file_sends_nothing(world: World, run: Run) -> None:
    run("tx", "transfer", "bob", "3", "--unsigned", "pay.json")
    run("tx", "sign", "pay.json")
    answer = run("tx", "send", "pay.json", "--dry-run", "--json")
    assert int(str(answer.json["fee"])) > 0
    assert len(world.mempool) == 0
    sent = run("tx", "send", "pay.json", "--wait", "sent", "--json")
    assert (sent.json["state"], len(world.mempool)) == ("pending", 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"max_fee": 7}, "max_fee"),
        ({"nonce": 7}, "nonce"),
        ({"valid_until_height": 7}, "valid_until_height"),
        ({"sender": BOB.public}, "sender"),
        ({"payer": BOB.public}, "payer"),
        ({"actions": (["producer.stand", 1, True],)}, "actions"),
    ],
)
def test_different_transactions_do_not_merge(
    run: Run, home: Path, change: dict[str, object], field: str
) -> None:
    run("tx", "transfer", "bob", "3", "--unsigned", "one.json")
    made = read_transaction(home / "one.json")
    write_transaction(home / "other.json", replace(made, **change))
    answer = run("tx", "merge", "one.json", "other.json", "-o", "both.json", "--json")
    assert (answer.code, answer.error["code"]) == (1, "other-transaction")
    assert answer.error["field"] == f"other.json: {field}"
    assert not (home / "both.json").exists()


def test_a_file_that_was_changed_after_it_was_signed_is_refused(run: Run, home: Path) -> None:
    run("tx", "transfer", "bob", "3", "--unsigned", "pay.json")
    run("tx", "sign", "pay.json")
    file = home / "pay.json"
    file.write_text(file.read_text().replace('"300000000"', '"900000000"'))
    for command in ("sign", "send", "show"):
        answer = run("tx", command, "pay.json", "--json")
        assert (answer.code, answer.error["code"]) == (1, "invalid-signature")
        assert answer.error["field"] == "pay.json: signatures[0]"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("{", "bad.json"),
        ("[]", "bad.json"),
        ('{"format": "other/1", "transaction": {}}', "bad.json: format"),
        ('{"format": "reelect-transaction/1", "transaction": {}}', "bad.json: transaction.chain"),
        ("[" * 9999, "bad.json"),
        (" " * 600_000, "bad.json"),
    ],
)
def test_what_is_no_transaction_file_is_named(
    run: Run, home: Path, content: str, field: str
) -> None:
    (home / "bad.json").write_text(content)
    answer = run("tx", "sign", "bad.json", "--json")
    assert (answer.code, answer.error["field"]) == (1, field)


def test_nothing_is_overwritten(run: Run, home: Path) -> None:
    (home / "pay.json").write_text("mine")
    answer = run("tx", "transfer", "bob", "3", "--unsigned", "pay.json", "--json")
    assert (answer.code, (home / "pay.json").read_text()) == (1, "mine")
    run("tx", "transfer", "bob", "3", "--unsigned", "one.json")
    for files, code in ((("one.json",), 2), (("one.json", "one.json"), 1)):
        assert run("tx", "merge", *files, "-o", "pay.json").code == code
    assert (home / "pay.json").read_text() == "mine"


def test_who_has_no_key_for_it_signs_nothing(run: Run, home: Path) -> None:
    run("tx", "transfer", "bob", "3", "--unsigned", "pay.json")
    before = (home / "pay.json").read_bytes()
    answer = run("tx", "sign", "pay.json", "--keystore", keystore(home, "dave", DAVE), "--json")
    assert (answer.code, answer.error["code"]) == (1, "no-key")
    assert run("tx", "sign", "pay.json", "--key", "zoe").code == 2
    assert (home / "pay.json").read_bytes() == before
    run("tx", "sign", "pay.json")
    assert run("tx", "sign", "pay.json", "--json").error["code"] == "no-key"  # nothing to add


def test_nothing_is_signed_for_another_chain(
    world: World, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("tx", "transfer", "bob", "3", "--unsigned", "pay.json")
    made = read_transaction(home / "pay.json")
    other = make_genesis_of(make_seats(5).values())
    write_transaction(home / "other.json", replace(made, chain=other.chain))
    for command in ("sign", "send", "show"):
        assert run("tx", command, "other.json", "--json").error["code"] == "other-chain"
    (home / "genesis.cbor").write_bytes(GENESIS.encode())
    monkeypatch.setenv("REELECT_CLIENT_GENESIS", str(home / "genesis.cbor"))
    offline = run("tx", "sign", "other.json", "--key", "alice", "--json")
    assert (offline.code, offline.error["code"]) == (1, "other-chain")
    assert run("tx", "sign", "pay.json", "--key", "alice").code == 0
    assert balance_of(world.chain.state.view(), ALICE.public, "REEL") == FUNDS


def test_a_file_waits_longer_than_a_command(run: Run, home: Path) -> None:
    for file, options, lasts in (("a.json", (), 86_400), ("b.json", ("--valid-blocks", "7"), 7)):
        run("tx", "transfer", "bob", "3", "--unsigned", file, *options)
        assert read_transaction(home / file).valid_until_height == lasts
    assert run("tx", "transfer", "bob", "3", "--valid-blocks", "0").code == 2
