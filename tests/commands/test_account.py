"""Keys, recovery, handles and attestations of accounts, from the command line to the state."""

import pytest

from consensus.address import format_address
from consensus.hashing import sha256
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import LivingTransport, Run
from tests.node.network import key
from vm.modules.account import ATTESTATIONS, Authority, WeightedKey, authority_of
from vm.modules.tokens import balance_of

CAROL = key("carol")
ALICES, BOBS, CAROLS = (format_address(each.public) for each in (ALICE, BOB, CAROL))


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node; the keystore has alice, who has funds, and bob."""


def done(run: Run, *command: str) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def refused(run: Run, *command: str) -> tuple[int, object, object]:
    answer = run(*command, "--json")
    assert answer.out == ""
    return answer.code, answer.error["code"], answer.error["field"]


def lines_of(run: Run, *command: str) -> dict[str, str]:
    answer = run(*command)
    assert (answer.code, answer.err) == (0, "")
    split = (line.split("  ", 1) for line in answer.out.splitlines())
    return {name.strip(): value.strip() for name, value in split}


# Authority


def test_keys_are_set_and_shown(world: World, run: Run) -> None:
    keys = ("--key", "bob:2", "--key", CAROLS)
    done(run, "account", "authority", "set", *keys, "--threshold", "3")
    made = Authority(
        3, tuple(sorted((WeightedKey(BOB.public, 2), WeightedKey(CAROL.public, 1)), key=by_key))
    )
    assert authority_of(world.chain.state.view(), ALICE.public) == made
    shown = run("account", "authority", "show", "alice", "--json")
    assert shown.json == {"account": ALICES, **made.to_json()}
    lines = lines_of(run, "account", "authority", "show", "alice")
    assert lines["threshold"] == "3"
    assert f"{BOBS} (2)" in lines["keys"]
    assert lines_of(run, "account", "show", "alice")["threshold"] == "3"
    assert lines_of(run, "account", "show", "bob")["keys"] == f"{BOBS} (1)"


def by_key(item: WeightedKey) -> bytes:
    return item.key


def test_another_key_alone_sends_for_the_account(world: World, run: Run) -> None:
    done(run, "account", "authority", "set", "--key", "bob")
    done(run, "tx", "transfer", CAROLS, "1")  # from alice, signed by bob's key
    assert balance_of(world.chain.state.view(), CAROL.public, "REEL") == 10**8


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (("--key", "zoe"), (2, "invalid-encoding", "--key")),
        (("--key", "bob:x"), (2, "usage", "--key")),
        (("--key", "bob:"), (2, "usage", "--key")),
        (("--key", "bob:0"), (2, "invalid-encoding", "authority.keys[0].weight")),
        (("--key", "bob:1001"), (2, "invalid-encoding", "authority.keys[0].weight")),
        (("--key", "bob", "--threshold", "2"), (1, "account.authority-unusable", "actions[0]")),
        (("--key", "bob", "--key", "bob"), (1, "account.authority-unusable", "actions[0]")),
    ],
)
def test_an_authority_that_cannot_be(
    run: Run, options: tuple[str, ...], answer: tuple[int, str, str]
) -> None:
    assert refused(run, "account", "authority", "set", *options) == answer


# Recovery


def test_a_lost_account_is_recovered(world: World, run: Run, node: LivingTransport) -> None:
    done(run, "tx", "transfer", "bob", "5")
    assert lines_of(run, "account", "recovery", "show", "alice")["recovered by"] == "nobody"
    done(run, "account", "recovery", "set", "bob", "--delay-s", "60")
    assert lines_of(run, "account", "recovery", "show", "alice")["recovered by"] == (
        f"{BOBS} after 60 s"
    )
    done(run, "account", "recovery", "start", "alice", "--key", CAROLS, "--from", "bob")
    shown = lines_of(run, "account", "recovery", "show", "alice")
    assert "can be cancelled until 20" in shown["recovery runs"]
    assert shown["new keys"] == f"{CAROLS} (1)"
    early = refused(run, "account", "recovery", "finish", "alice", "--from", "bob")
    assert early == (1, "account.recovery-not-due", "actions[0]")
    world.slots([100])
    done(run, "account", "recovery", "finish", "alice", "--from", "bob")
    authority = authority_of(world.chain.state.view(), ALICE.public)
    assert authority == Authority(1, (WeightedKey(CAROL.public, 1),))


def test_a_recovery_is_cancelled(run: Run) -> None:
    done(run, "tx", "transfer", "bob", "5")
    done(run, "account", "recovery", "set", BOBS, "--delay-s", "60")
    done(run, "account", "recovery", "start", "alice", "--key", "bob", "--from", "bob")
    done(run, "account", "recovery", "cancel")
    done(run, "account", "recovery", "start", "alice", "--key", "bob", "--from", "bob")
    done(run, "account", "recovery", "cancel", "alice", "--from", "bob")
    assert run("account", "recovery", "show", "alice", "--json").json["recovering"] is None
    assert refused(run, "account", "recovery", "cancel")[1] == "account.no-recovery"


def test_a_change_of_the_guard_waits_and_is_shown(run: Run) -> None:
    done(run, "account", "recovery", "set", "bob", "--delay-s", "60")
    done(run, "account", "recovery", "set", "--nobody")
    lines = lines_of(run, "account", "recovery", "show", "alice")
    assert lines["recovered by"].startswith(BOBS)
    assert lines["changes to"].startswith("nobody, 20")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("set",), (2, "usage", "RECOVERY_ACCOUNT")),
        (("set", "bob", "--nobody"), (2, "usage", "RECOVERY_ACCOUNT")),
        (("set", "bob", "--delay-s", "0"), (2, "invalid-encoding", "guard.delay_s")),
        (("set", "bob", "--delay-s", "59"), (1, "account.delay-out-of-bounds", "actions[0]")),
        (("set", "alice"), (1, "account.own-guard", "actions[0]")),
        (("set", "--nobody"), (1, "account.recovery-unchanged", "actions[0]")),
        (("start", "bob", "--key", "bob"), (1, "account.not-recovery-account", "actions[0]")),
        (("finish", "bob"), (1, "account.no-recovery", "actions[0]")),
    ],
)
def test_a_recovery_that_cannot_be(
    run: Run, command: tuple[str, ...], answer: tuple[int, str, str]
) -> None:
    assert refused(run, "account", "recovery", *command) == answer


# Handles


def test_a_handle_stands_for_its_account_everywhere(world: World, run: Run) -> None:
    done(run, "account", "claim", "@alice-a")
    assert lines_of(run, "account", "show", "@alice-a")["handle"] == "@alice-a"
    assert lines_of(run, "account", "show", "alice")["account"] == ALICES
    assert lines_of(run, "account", "show", "bob")["handle"] == "none"
    answer = run("tx", "transfer", "@alice-a", "1", "--from", "@alice-a", "--payer", "@alice-a")
    assert (answer.code, f"@alice-a {ALICES}" in answer.out) == (0, True)
    fields = ("--to", "@alice-a", "--asset", "REEL", "--amount", "7", "--memo", "")
    done(run, "tx", "call", "token.transfer", *fields)
    for command in (
        ("stake", "show", "@alice-a"),
        ("video", "list", "--owner", "@alice-a"),
        ("account", "authority", "show", "@alice-a"),
        ("account", "recovery", "show", "@alice-a"),
    ):
        assert run(*command).code == 0, command
    assert refused(run, "vote", "add", "@alice-a")[1] == "producer.not-registered"
    done(run, "account", "recovery", "set", BOBS, "--from", "@alice-a")


def test_a_handle_is_given_up(run: Run) -> None:
    assert refused(run, "account", "release")[1] == "account.no-handle"
    done(run, "account", "claim", "the-handle")
    assert refused(run, "account", "claim", "another-one")[1] == "account.has-handle"
    done(run, "account", "release")
    gone = refused(run, "tx", "transfer", "@the-handle", "1")
    assert gone == (1, "not-found", "RECIPIENT")


@pytest.mark.parametrize("name", ["@nobody", "@never-claimed"])
def test_a_handle_that_nobody_has(run: Run, name: str) -> None:
    assert refused(run, "account", "show", name) == (1, "not-found", "ACCOUNT")
    assert refused(run, "tx", "transfer", "bob", "1", "--from", name)[2] == "--from"
    assert refused(run, "tx", "transfer", "bob", "1", "--payer", name)[2] == "--payer"


@pytest.mark.parametrize("name", ["@", "@ab", "@Alice", "@a--b"])
def test_what_can_be_no_handle(run: Run, name: str) -> None:
    assert refused(run, "account", "show", name) == (2, "invalid-encoding", "ACCOUNT")
    assert refused(run, "account", "claim", name) == (2, "invalid-encoding", "HANDLE")


# Attestations


def test_an_attester_attests_and_revokes(world: World, run: Run) -> None:
    """Bob is one from genesis on; he has no funds, and alice pays."""
    paid = ("--from", "bob", "--payer", "alice")
    answer = run("account", "attest", CAROLS, "--evidence", "seen in Seoul", *paid, "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    row = ATTESTATIONS.get(world.chain.state.view(), CAROL.public)
    assert row is not None
    salt = bytes.fromhex(str(answer.json["salt"]))
    assert row.commitment == sha256(salt + b"seen in Seoul")
    assert row.commitment.hex() == answer.json["commitment"]
    assert lines_of(run, "account", "show", CAROLS)["attested by"] == BOBS
    assert refused(run, "account", "revoke", CAROLS)[1] == "account.other-attester"
    done(run, "account", "revoke", CAROLS, *paid)
    assert lines_of(run, "account", "show", CAROLS)["attested by"] == "nobody"
    done(run, "account", "attest", CAROLS, "--commitment", "ab" * 32, *paid)
    assert run("account", "show", CAROLS, "--json").json["attester"] == BOBS


def test_who_is_no_attester_attests_nobody(run: Run) -> None:
    command = ("account", "attest", "bob", "--commitment", "ab" * 32)
    assert refused(run, *command)[1] == "account.not-attester"
    assert refused(run, "account", "revoke", "bob")[1] == "account.not-attested"
    assert refused(run, "account", "attest", "bob") == (2, "usage", "--evidence")
    assert refused(run, *command, "--evidence", "x") == (2, "usage", "--evidence")
    short = refused(run, "account", "attest", "bob", "--commitment", "ab")
    assert short == (2, "invalid-encoding", "--commitment")
