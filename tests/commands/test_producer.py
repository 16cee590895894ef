"""Looking at producers, registering, standing and resigning, from the command line to the state."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.beacon import RevealChain
from consensus.evidence import DOUBLE_BLOCK
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from node.local.accounts import make_local_accounts, write_local_accounts
from node.new_node import SeatKeys, create_node
from node.wallet.derivation import KeyKind, new_mnemonic
from node.wallet.keystore import Keystore
from tests.api.world import ALICE, GENESIS, SEATS, World
from tests.commands.conftest import PASSWORD, WEAK, LivingTransport, Run
from tests.node.network import key, signed
from tests.vm.offences import offend
from vm.modules.account import next_nonce
from vm.modules.producer import BEACONS, CANDIDATES, PRODUCERS
from vm.modules.slashing import Report

CAROL, HER_KEY, HER_SEED = key("carol"), key("carol consensus"), b"carol's beacon".ljust(32)
FIRST, *OTHERS = SEATS.values()
LENGTH = 8


@pytest.fixture(autouse=True)
def _short_reveals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.new_node.RevealChain", partial(RevealChain, length=LENGTH))


@pytest.fixture
def accounts(home: Path, node: LivingTransport, run: Run) -> Keystore:
    """The keystore, now also with a producer `first` and carol, who is to become one; both can
    pay fees."""
    store = Keystore(home / ".reelect" / "node" / "keystore")
    for name, account in (("first", FIRST.account), ("carol", CAROL)):
        store.add(name, KeyKind.ACCOUNT, account.seed, PASSWORD, strength=WEAK)
        assert run("tx", "transfer", name, "5").code == 0
    return store


@pytest.fixture
def carols(home: Path) -> str:
    """The configuration of carol's node."""
    folder = home / "carols"
    folder.mkdir()
    made = create_node(folder, [SeatKeys("carol", CAROL, HER_KEY.seed, HER_SEED)], {})
    return str(made.file)


def listed(run: Run, *options: str) -> dict[str, JsonObject]:
    """The producers by address."""
    answer = run("producer", "list", "--json", *options)
    assert (answer.code, answer.err) == (0, "")
    rows = cast(list[JsonObject], answer.json["producers"])
    return {str(row["producer"]): row for row in rows}


def address(of: KeyPair) -> str:
    return format_address(of.public)


def row_of(run: Run, of: KeyPair) -> JsonObject:
    return listed(run)[address(of)]


def test_the_list(world: World, node: LivingTransport, run: Run) -> None:
    world.slots([1, 2, 4])
    found = listed(run)
    assert set(found) == {format_address(producer) for producer in SEATS}
    for row in found.values():
        assert (row["name"], row["offence"]) == ("p", None)
        assert row["seat"] is row["stands"] is row["elected"] is True
    assert sum(int(str(row["produced"])) for row in found.values()) == 3
    assert sum(int(str(row["missed"])) for row in found.values()) == 1
    assert [row["producer"] for row in found.values() if row["here"]] == [address(FIRST.account)]
    answer = run("producer", "list", "--json").json
    assert (answer["dynasty"], answer["epoch"], answer["quorum"]) == (0, 0, 3)
    coming = {"epoch": 1, "slot": 126, "time_ms": world.chain.clock.start_ms(126)}
    assert answer["next_epoch"] == coming


def test_the_list_for_people(world: World, node: LivingTransport, run: Run) -> None:
    world.slots([1, 2, 3])
    lines = run("producer", "list").out.splitlines()
    head, rows = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert any(line.endswith("0; the next begins with slot 126, in 123 s") for line in head)
    assert any(line.split(maxsplit=2) == ["next", "set", "as now"] for line in head)
    assert rows[0].split()[:5] == ["NAME", "SEAT", "STANDS", "VOTES", "NEXT"]
    assert {row.split()[-1] for row in rows[1:]} == {format_address(item) for item in SEATS}


def test_who_resigns_keeps_the_seat_until_the_next_epoch(
    world: World, accounts: Keystore, run: Run
) -> None:
    register(run, "--from", "carol", *files(accounts))
    answer = run("producer", "resign", "--from", "first", "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    row = row_of(run, FIRST.account)
    assert (row["seat"], row["stands"], row["elected"]) == (True, False, False)
    assert "in carol; out p" in run("producer", "list").out
    assert CANDIDATES.get(world.chain.state.view(), FIRST.account.public) is None
    again = run("producer", "resign", "--from", "first", "--json")
    assert (again.code, again.error["code"]) == (1, "producer.standing-unchanged")
    assert run("producer", "stand", "--from", "first").code == 0
    row = row_of(run, FIRST.account)
    assert (row["seat"], row["stands"], row["elected"]) == (True, True, True)


def test_fewer_than_four_candidates_change_nothing(accounts: Keystore, run: Run) -> None:
    assert run("producer", "resign", "--from", "first").code == 0
    assert all(row["elected"] for row in listed(run).values())


def files(accounts: Keystore) -> tuple[str, ...]:
    """Carol's seed files, made beside the keystore, as options."""
    folder = accounts.folder.parent / "hers"
    folder.mkdir()
    create_node(folder, [SeatKeys("carol", CAROL, HER_KEY.seed, HER_SEED)], {})
    seat = folder / "seats" / "carol"
    return (
        *("--consensus-key-file", str(seat / "consensus.seed.json")),
        *("--beacon-seed-file", str(seat / "beacon.seed.json")),
    )


def register(run: Run, *options: str) -> Mapping[str, object]:
    answer = run("producer", "register", *options, "--json")
    assert (answer.code, answer.err) == (0, "")
    return answer.json


def check_registered(world: World, name: str) -> None:
    """Carol is registered with her own key, and her seed makes the reveals she committed to."""
    state = world.chain.state.view()
    row, beacon = PRODUCERS.get(state, CAROL.public), BEACONS.get(state, CAROL.public)
    assert row is not None
    assert beacon is not None
    assert (row.key, row.name) == (HER_KEY.public, name)
    assert beacon.chain.end == RevealChain(HER_SEED, beacon.chain.salt, LENGTH).commitment


def test_registering_with_the_keys_of_the_configuration(
    world: World, accounts: Keystore, carols: str, run: Run
) -> None:
    sent = register(run, "--config", carols, "--from", "carol", "--keystore", str(accounts.folder))
    assert (sent["state"], sent["name"], sent["producer"]) == ("final", "carol", address(CAROL))
    check_registered(world, "carol")
    row = row_of(run, CAROL)
    assert (row["seat"], row["stands"], row["produced"]) == (False, True, None)


def test_registering_with_files_and_a_name(world: World, accounts: Keystore, run: Run) -> None:
    register(run, "--from", "carol", "--name", "her-node", *files(accounts))
    check_registered(world, "her-node")
    again = run("producer", "show", "her-node", "--json")
    assert (again.json["producer"], again.json["name"]) == (address(CAROL), "her-node")


def test_nobody_registers_twice(accounts: Keystore, run: Run) -> None:
    options = ("--from", "carol", *files(accounts))
    register(run, *options)
    again = run("producer", "register", *options, "--json")
    assert (again.code, again.error["code"]) == (1, "producer.already-registered")


def test_a_dry_run_registers_nobody(world: World, accounts: Keystore, run: Run) -> None:
    made = register(run, "--from", "carol", "--dry-run", *files(accounts))
    assert int(str(made["fee"])) > 0
    assert len(world.mempool) == 0
    assert PRODUCERS.get(world.chain.state.view(), CAROL.public) is None


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        (("--from", "carol"), 2, "--consensus-key-file"),
        (("--from", "carol", "--consensus-key-file", "x"), 2, "--beacon-seed-file"),
        (("--from", "zoe"), 2, "--from"),
        (("--consensus-key-file", "x", "--beacon-seed-file", "y"), 1, "x"),
    ],
)
def test_a_registration_that_lacks_something(
    accounts: Keystore, run: Run, options: tuple[str, ...], code: int, field: str
) -> None:
    answer = run("producer", "register", *options, "--json")
    assert (answer.code, answer.error["field"]) == (code, field)


def test_a_name_that_no_producer_can_have(accounts: Keystore, run: Run) -> None:
    options = ("--from", "carol", *files(accounts))
    answer = run("producer", "register", *options, "--name", "ca\u200brol", "--json")
    assert (answer.code, answer.error["field"]) == (2, "name")


def test_what_a_producer_says_and_keeps(accounts: Keystore, run: Run) -> None:
    said = ("--website", "https://carol.example", "--commission", "12.5")
    register(run, "--from", "carol", *said, *files(accounts))
    row = row_of(run, CAROL)
    assert row["commission"] == {"ppm": 125_000, "next_ppm": 125_000, "from_epoch": 0}
    change = ("--contact", "carol@carol.example", "--commission", "3", "--from", "carol", "--json")
    answer = run("producer", "update", *change)
    assert (answer.code, answer.json["state"]) == (0, "final")
    row = row_of(run, CAROL)
    assert row["name"] == "carol"
    assert row["profile"] == {
        "website": "https://carol.example",
        "contact": "carol@carol.example",
        "description": "",
    }
    assert row["commission"] == {"ppm": 125_000, "next_ppm": 30_000, "from_epoch": 2}
    shown = run("producer", "show", "carol").out
    assert "12.5%; 3% from epoch 2 on" in shown
    assert "https://carol.example" in shown
    assert "description" not in shown
    again = run("producer", "update", *change)
    assert (again.code, again.error["field"]) == (2, "--name")


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        ((), 2, "--name"),
        (("--commission", "101"), 2, "--commission"),
        (("--commission", "100.0001"), 2, "--commission"),
        (("--commission", "-1"), 2, "--commission"),
        (("--commission", "1.23456"), 2, "--commission"),
        (("--commission", "ten"), 2, "--commission"),
        (("--website", "carol.example"), 2, "profile.website"),
        (("--name", "car!ol"), 2, "name"),
        (("--name", "x", "--from", "alice"), 1, "--from"),
    ],
)
def test_an_update_that_cannot_be(
    accounts: Keystore, run: Run, options: tuple[str, ...], code: int, field: str
) -> None:
    sender = () if "--from" in options else ("--from", "first")
    answer = run("producer", "update", *options, *sender, "--json")
    assert (answer.code, answer.error["field"]) == (code, field)


def test_rotating_the_consensus_key(world: World, accounts: Keystore, run: Run, home: Path) -> None:
    file = str(home / "new.seed.json")
    made = run("producer", "new-key", file, "--json")
    assert (made.code, made.json["file"]) == (0, file)
    assert run("producer", "new-key", file).code == 1
    answer = run("producer", "rotate", file, "--from", "first", "--json")
    assert (answer.code, answer.json["key"]) == (0, made.json["key"])
    row = row_of(run, FIRST.account)
    assert (row["key"], row["seat"], row["elected"]) == (made.json["key"], True, True)
    again = run("producer", "rotate", file, "--from", "first", "--json")
    assert (again.code, again.error["code"]) == (1, "producer.key-taken")
    missing = run("producer", "rotate", str(home / "none.json"), "--from", "first", "--json")
    assert (missing.code, missing.error["field"]) == (1, str(home / "none.json"))


def test_leaving_for_good(world: World, accounts: Keystore, run: Run) -> None:
    refused = run("producer", "deregister", "--from", "first", "--json")
    assert (refused.code, refused.error["code"]) == (1, "producer.seated")
    register(run, "--from", "carol", *files(accounts))
    assert run("producer", "deregister", "--from", "carol").code == 0
    assert address(CAROL) not in listed(run)


def test_one_producer(world: World, node: LivingTransport, run: Run) -> None:
    world.slots([1, 2, 3])
    made = world.chain.fork.head.header.producer
    assert made is not None
    shown = run("producer", "show", format_address(made), "--json").json
    assert shown["producer"] == format_address(made)
    assert shown["beacon"]["used"] == shown["produced"] == 1  # type: ignore[index]
    people = run("producer", "show", format_address(made)).out
    assert "yes, in dynasty 0" in people
    assert "1 of 512" in people
    assert "next turn" in people


def test_own_names_come_before_those_on_the_chain(accounts: Keystore, run: Run) -> None:
    assert run("producer", "show", "first", "--json").json["producer"] == address(FIRST.account)
    several = run("producer", "show", "p", "--json")
    assert (several.code, several.error["code"]) == (1, "ambiguous")
    assert address(FIRST.account) in str(several.error["message"])
    nobody = run("producer", "show", "zoe", "--json")
    assert (nobody.code, nobody.error["field"]) == (2, "PRODUCER")
    none = run("producer", "show", "carol", "--json")
    assert (none.code, none.error["code"]) == (1, "producer.not-registered")


def test_who_is_barred(world: World, accounts: Keystore, run: Run) -> None:
    report = Report(offend(GENESIS, FIRST.consensus, DOUBLE_BLOCK, slot=5))
    nonce = next_nonce(world.chain.state.view(), ALICE.public)
    head = world.chain.fork.head.slot
    world.slots([head + 1, head + 2, head + 3], [signed(world.chain, ALICE, report, nonce)])
    row = row_of(run, FIRST.account)
    assert (row["seat"], row["stands"]) == (True, False)
    assert row["offence"]["offence"] == DOUBLE_BLOCK  # type: ignore[index,call-overload]
    assert "barred" in run("producer", "list").out
    assert "for ever: double-block in slot 5" in run("producer", "show", "first").out
    refused = run("producer", "stand", "--from", "first", "--json")
    assert (refused.code, refused.error["code"]) == (1, "producer.barred")


def test_who_is_no_producer_cannot_stand(node: LivingTransport, run: Run) -> None:
    answer = run("producer", "stand", "--json")
    assert (answer.code, answer.error["code"]) == (1, "producer.not-registered")


def test_the_producers_of_a_local_network_sign_by_name(
    world: World,
    node: LivingTransport,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make_local_accounts(new_mnemonic(), 1, 2)
    write_local_accounts(home / "accounts.json", made)
    monkeypatch.setenv("REELECT_CLIENT_ACCOUNTS", "accounts.json")
    second = made.by_name()["producer-1"]
    assert run("tx", "transfer", "producer-1", "5").code == 0
    answer = run("producer", "stand", "--from", "producer-1", "--json")
    assert (answer.code, answer.error["code"]) == (1, "producer.not-registered")
    assert run("tx", "transfer", "dev0", "1", "--from", "producer-1").code == 0
    assert next_nonce(world.chain.state.view(), second) == 1
    unknown = run("tx", "transfer", "dev7", "1", "--json")
    assert "dev0 to dev0, producer-0 to producer-1" in str(unknown.error["message"])
