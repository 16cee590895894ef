"""Sealed letters from the command line, at a node without sockets."""

from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import PASSWORD, WEAK, LivingTransport, Run
from tests.node.network import key

CAROL = key("carol")
DAY_MS = 24 * 3600 * 1000


@pytest.fixture(autouse=True)
def _people(node: LivingTransport, home: Path) -> None:
    """Alice is the account that commands are for; only she holds anything on the chain."""
    store = Keystore(home / ".reelect" / "node" / "keystore")
    store.add("carol", KeyKind.ACCOUNT, CAROL.seed, PASSWORD, strength=WEAK)


def done(run: Run, *command: str, by: str = "alice") -> JsonObject:
    answer = run("mail", *command, "--account", by, "--json")
    assert (answer.code, answer.err) == (0, "")
    return cast(JsonObject, answer.json)


def listed(run: Run, *command: str, by: str = "alice") -> list[JsonObject]:
    return cast(list[JsonObject], done(run, *(command or ("list",)), by=by))


def texts(run: Run, by: str) -> list[object]:
    return [item["text"] for item in listed(run, by=by)]


def refused(run: Run, *command: str, by: str = "alice", code: int = 1) -> tuple[str, str]:
    answer = run("mail", *command, "--account", by, "--json")
    assert (answer.code, answer.out) == (code, ""), answer
    return str(answer.error["code"]), str(answer.error["field"])


def plain_files(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


def test_a_letter_is_read_by_its_receiver_and_kept_nowhere_in_plain(run: Run, home: Path) -> None:
    sent = done(run, "send", "bob", "a secret word")
    assert listed(run, by="carol") == []
    (row,) = listed(run, by="bob")
    assert (row["id"], row["from"]) == (sent["id"], format_address(ALICE.public))
    assert row["text"] == "a secret word"
    assert done(run, "read", str(sent["id"])[:8], by="bob")["text"] == "a secret word"
    assert texts(run, "bob") == ["a secret word"]  # held until it is deleted
    assert b"a secret word" not in plain_files(home)


def test_a_letter_that_burns_is_gone_on_both_sides_once_read(run: Run) -> None:
    sent = str(done(run, "send", "bob", "burn me", "--burn")["id"])
    assert texts(run, "bob") == [None]  # a list does not show it, nor burn it
    (row,) = listed(run, "list", "--sent")
    assert (row["state"], row["text"]) == ("held", "burn me")
    assert done(run, "read", sent, by="bob")["text"] == "burn me"
    assert listed(run, by="bob") == []
    assert refused(run, "read", sent, by="bob") == ("not-found", "LETTER")
    shown = run("mail", "list", "--sent")
    assert shown.code == 0
    assert " deleted " in shown.out
    assert "burn me" not in shown.out
    assert listed(run, "list", "--sent") == []  # the copy went


def test_an_anonymous_letter_names_nobody_and_its_sender_can_take_it_back(
    run: Run, world: World
) -> None:
    sent = str(done(run, "send", "bob", "guess who", "--anonymous")["id"])
    (row,) = listed(run, by="bob")
    assert row["from"] == "anonymous"
    (held,) = world.mail.room.in_mailbox([BOB.public], None, 9)
    assert ALICE.public not in held.encode()
    done(run, "delete", sent[:6])
    assert listed(run, by="bob") == []
    assert listed(run, "list", "--sent") == []


def test_who_holds_nothing_on_the_chain_sends_by_work(run: Run, world: World) -> None:
    done(run, "send", "alice", "hi", by="carol")
    (row,) = listed(run)
    assert row["from"] == format_address(CAROL.public)
    (held,) = world.mail.room.in_mailbox([ALICE.public], None, 9)
    assert held.head.has_work(len(held.sealed))


def test_mail_expires(run: Run, world: World) -> None:
    done(run, "send", "bob", "short-lived", "--expire", "1d")
    world.now_ms += DAY_MS
    assert listed(run, by="bob") == []
    assert listed(run, "list", "--sent") == []


def test_members_read_a_group_and_who_is_removed_reads_no_more(run: Run, world: World) -> None:
    done(run, "group", "create", "chess")
    for name in ("bob", "carol"):
        done(run, "group", "add", "chess", name)
    done(run, "send", "chess", "welcome", "--group")
    assert texts(run, "bob") == texts(run, "carol") == texts(run, "alice") == ["welcome"]
    world.now_ms += 1000
    done(run, "send", "chess", "from bob", "--group", by="bob")
    shown = done(run, "group", "remove", "chess", "carol")
    assert (shown["key"], shown["members"]) == (1, [format_address(BOB.public)])
    world.now_ms += 1000
    done(run, "send", "chess", "without carol", "--group", by="bob")
    assert texts(run, "alice") == texts(run, "bob") == ["welcome", "from bob", "without carol"]
    assert listed(run, by="carol") == []
    assert listed(run, "group", "list", by="carol") == []
    assert refused(run, "send", "chess", "hm", "--group", by="carol") == ("not-found", "GROUP")


def test_a_member_burns_a_groups_letter_for_itself(run: Run) -> None:
    done(run, "group", "create", "chess")
    done(run, "group", "add", "chess", "bob")
    sent = str(done(run, "send", "chess", "once", "--group", "--burn")["id"])
    assert texts(run, "bob") == [None]
    assert refused(run, "delete", sent, by="bob") == ("not-yours", "LETTER")
    done(run, "read", sent, by="bob")
    assert listed(run, by="bob") == []
    assert texts(run, "alice") == [None]
    done(run, "delete", sent)
    assert listed(run) == []


def test_only_the_owner_changes_a_group(run: Run) -> None:
    done(run, "group", "create", "chess")
    done(run, "group", "add", "chess", "bob")
    assert [item["name"] for item in listed(run, "group", "list", by="bob")] == ["chess"]
    assert refused(run, "group", "add", "chess", "carol", by="bob") == ("not-yours", "GROUP")
    assert refused(run, "group", "remove", "chess", "alice", by="bob") == ("not-yours", "GROUP")
    assert refused(run, "group", "remove", "chess", "carol") == ("not-found", "MEMBER")
    assert refused(run, "group", "add", "chess", "alice") == ("member-already", "MEMBER")
    done(run, "group", "leave", "chess", by="bob")
    assert listed(run, "group", "list", by="bob") == []


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("send", "bob", ""), 2, "TEXT"),
        (("send", "bob", "x" * 60_001), 2, "TEXT"),
        (("send", "bob", "\x1b[2J"), 2, "TEXT"),
        (("send", "nobody", "hi"), 2, "TO"),
        (("send", "bob", "hi", "--expire", "31d"), 2, "--expire"),
        (("send", "bob", "hi", "--expire", "soon"), 2, "--expire"),
        (("send", "chess", "hi", "--group"), 1, "GROUP"),
        (("read", "ab"), 2, "LETTER"),
        (("read", "abcd"), 1, "LETTER"),
        (("delete", "abcd"), 1, "LETTER"),
        (("group", "create", ""), 2, "NAME"),
        (("group", "show", "none"), 1, "GROUP"),
    ],
)
def test_what_is_wrong_is_named(command: tuple[str, ...], code: int, field: str, run: Run) -> None:
    assert refused(run, *command, code=code)[1] == field


def test_empty_lists_say_so(run: Run) -> None:
    assert "no letters" in run("mail", "list").out
    assert "nothing" in run("mail", "list", "--sent").out
    assert "reelect mail group create" in run("mail", "group", "list").out
