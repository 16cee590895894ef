"""Airdrops: a list by what holders have, made, published, and taken from the command line."""

from collections.abc import AsyncIterator, Iterator, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.address import format_address
from consensus.kinds import JsonObject
from consensus.record import replace
from node.client import Client
from node.commands.airdrop import shared
from node.commands.airdrop_file import read_airdrop
from node.commands.asking import KnownAsset
from node.commands.holdings_snapshot import exported_holdings
from node.commands.sending import Draft, SendOptions, draft
from node.failure import Refused
from node.query.answers import RowsAnswer
from node.snapshots.taking import take_snapshot
from storage.snapshots import SnapshotStore, stored_files
from tests.api.world import ALICE, BOB, World, open_world
from tests.commands.conftest import LivingTransport, Run
from tests.commands.participation import TOKEN, participation_genesis
from vm.declare import Action
from vm.modules.tasks import AIRDROPS, TAKEN
from vm.modules.tokens import BALANCES, balance_of

A, B = format_address(ALICE.public), format_address(BOB.public)
CAROL, OTHER = format_address(bytes(range(32))), format_address(bytes(range(1, 33)))
REEL = KnownAsset("REEL", 8)
LIST = f"# for people\n{A} 30\n\n{CAROL} 20\n{B} 0.5\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", participation_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node; alice, who has funds, sends."""


@pytest.fixture
def made(run: Run, tmp_path: Path) -> str:
    """The file of airdrop 1, of 50.5 REEL to three accounts of which two are here."""
    (tmp_path / "list.txt").write_text(LIST)
    answer = run("airdrop", "make", "list.txt", "--valid-s", "1000")
    assert answer.code == 0
    assert answer.out.splitlines()[:2] == ["accounts  3", "total     50.5 REEL"]
    assert answer.out.splitlines()[-1].split() == ["airdrop", "1"]
    return "list.txt"


def refused(run: Run, *command: str) -> tuple[int, object, object]:
    answer = run("airdrop", *command, "--json")
    assert answer.out == ""
    return answer.code, answer.error["field"], answer.error["code"]


def accounts(run: Run, *command: str) -> dict[str, JsonObject]:
    items = cast(list[JsonObject], run("airdrop", *command, "--json").json["accounts"])
    return {str(item["account"]): item for item in items}


def left(world: World) -> int:
    row = AIRDROPS.get(world.chain.state.view(), 1)
    assert row is not None
    return row.left


# Snapshots


def test_a_snapshot_shares_by_balance_and_bond(world: World, run: Run, tmp_path: Path) -> None:
    bonded = run("stake", "bond", "40", "--from", "bob", "--json")
    assert bonded.code == 0
    view = world.chain.state.view()
    holdings = {
        A: balance_of(view, ALICE.public, "REEL"),
        B: balance_of(view, BOB.public, "REEL") + 40 * TOKEN,
    }
    assert run("airdrop", "snapshot", "list.txt", "--share", "1000").code == 0
    lines = (tmp_path / "list.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    found = {entry.account: entry.units for entry in read_airdrop(Path("list.txt"), REEL).entries}
    total = sum(row.amount for _, row in BALANCES.every(view)) + 40 * TOKEN
    for name, key in ((A, ALICE), (B, BOB)):
        assert found[key.public] == floor(Fraction(1000 * TOKEN * holdings[name], total))
    again = ("snapshot", "list.txt", "--share", "1000")
    assert refused(run, *again)[:2] == (1, "list.txt"), "nothing is overwritten"
    few = run("airdrop", "snapshot", "few.txt", "--share", "1", "--least", "1000", "--json").json
    assert few["accounts"] == 1, "bob holds less"
    assert few["total"] == str(TOKEN)


@given(st.dictionaries(st.binary(min_size=32, max_size=32), st.integers(1, 10**18), min_size=1))
def test_shares_are_rounded_down_and_nobody_gets_nothing(holdings: dict[bytes, int]) -> None:
    units = 10**6
    found = {entry.account: entry.units for entry in shared(units, holdings).entries}
    total = sum(holdings.values())
    exact = {who: floor(Fraction(units * held, total)) for who, held in holdings.items()}
    assert found == {who: share for who, share in exact.items() if share}


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        (("--share", "0"), 2, "--share"),
        (("--share", "1", "--holders-of", "NONE"), 1, "asset"),
        (("--share", "1", "--least", "1000000000"), 1, ""),
    ],
)
def test_a_snapshot_that_cannot_be_names_why(
    run: Run, options: tuple[str, ...], code: int, field: str
) -> None:
    assert refused(run, "snapshot", "list.txt", *options)[:2] == (code, field)
    assert not Path("list.txt").exists()


def test_a_state_that_moves_on_meanwhile_is_not_taken_for_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reads = Client.row_pages, 0

    async def row_pages(client: Client, table: str, **options: object) -> AsyncIterator[RowsAnswer]:
        nonlocal reads
        reads += 1
        async for page in read(client, table):
            at = replace(page.at, height=reads) if reads <= limit else page.at
            yield replace(page, at=at)

    limit = 10**6
    monkeypatch.setattr(Client, "row_pages", row_pages)
    assert refused(run, "snapshot", "list.txt", "--share", "1")[2] == "state-moves"
    reads, limit = 0, 7  # it comes to rest within the second attempt
    assert run("airdrop", "snapshot", "list.txt", "--share", "1").code == 0


def test_an_exported_state_says_the_same_as_the_node(
    world: World, run: Run, tmp_path: Path
) -> None:
    assert run("tx", "transfer", "bob", "7", "--json").code == 0
    take_snapshot(SnapshotStore(tmp_path / "snapshots"), world.chain.state.view().reader)
    (file,) = stored_files(tmp_path / "snapshots")
    genesis = tmp_path / "genesis.cbor"
    genesis.write_bytes(participation_genesis().encode())
    found = exported_holdings(file, genesis, "REEL")
    run("airdrop", "snapshot", "list.txt", "--share", "1000")
    assert read_airdrop(Path("list.txt"), REEL) == shared(1000 * TOKEN, found.units)


# Making and taking


def test_each_takes_its_own_once(world: World, run: Run, made: str) -> None:
    before = balance_of(world.chain.state.view(), BOB.public, "REEL")
    taken = run("airdrop", "take", "1", made, "--from", "bob", "--json")
    assert (taken.code, taken.json["amount"]) == (0, "50000000")
    assert left(world) == 50 * TOKEN
    assert balance_of(world.chain.state.view(), BOB.public, "REEL") > before + TOKEN // 3
    again = refused(run, "take", "1", made, "--from", "bob")
    assert again == (1, "actions[0]", "tasks.already-taken")
    shown = accounts(run, "show", "1", made)
    assert {account: item["is_taken"] for account, item in shown.items()} == {A: False, B: True}
    assert "50 REEL" in run("airdrop", "list").out


def test_all_accounts_whose_keys_are_here_take_what_is_left(
    world: World, run: Run, made: str
) -> None:
    assert run("airdrop", "take", "1", made, "--from", "bob").code == 0
    found = accounts(run, "take", "1", made, "--all")
    assert {account: item["state"] for account, item in found.items()} == {
        A: "taken",
        B: "was taken",
    }
    assert left(world) == 20 * TOKEN
    assert len(list(TAKEN.every(world.chain.state.view()))) == 2


def test_one_that_cannot_take_does_not_keep_the_others_from_it(
    world: World, run: Run, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def draft_of(client: Client, options: SendOptions, actions: Sequence[Action]) -> Draft:
        if options.from_ == A:
            raise Refused("too little mana", field="max_fee")
        return await draft(client, options, actions)

    monkeypatch.setattr("node.commands.airdrop.draft", draft_of)
    answer = run("airdrop", "take", "1", made, "--all", "--json")
    states = {
        item["account"]: item["state"] for item in cast(list[JsonObject], answer.json["accounts"])
    }
    assert states == {A: "failed: max_fee: too little mana", B: "taken"}
    assert (answer.code, left(world)) == (1, 50 * TOKEN)
    assert "1 of 2 accounts could not take" in str(answer.error["message"])


def test_a_list_that_is_not_the_airdrops_is_refused(run: Run, made: str, tmp_path: Path) -> None:
    for text in (LIST.replace(" 0.5", " 5"), f"{B} 0.5\n", LIST.replace(CAROL, OTHER)):
        (tmp_path / "other.txt").write_text(text)
        for command in (("take", "1", "other.txt"), ("show", "1", "other.txt")):
            assert refused(run, *command) == (1, "other.txt", "wrong-list")
    (tmp_path / "other.txt").write_text(f"{CAROL} 1\n")
    assert run("airdrop", "make", "other.txt", "--valid-s", "9").code == 0
    assert refused(run, "take", "2", "other.txt")[:2] == (1, "other.txt")
    assert "none of the accounts" in run("airdrop", "take", "2", "other.txt", "--all").out
    assert "none of the accounts" in run("airdrop", "show", "2", "other.txt").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists nobody"),
        ("# only words\n", "lists nobody"),
        (f"{A}\n", "line 1: an address and an amount"),
        (f"{A} 1 REEL\n", "line 1: an address and an amount"),
        (f"#\n{A} 1\n\n{A} 2\n", "line 4: the account of line 2 again"),
        (f"{A} 0\n", "line 1: more than 0"),
        (f"{A} -1\n", "line 1: an amount such as"),
        (f"{A} 0.000000001\n", "line 1: 0.000000001 has more than"),
        ("alice 1\n", "line 1: not an address"),
        ("\udcff\n", "unreadable"),
    ],
)
def test_a_file_that_is_no_list_is_refused_by_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Refused, match=said) as caught:
        read_airdrop(file, REEL)
    assert caught.value.field.startswith(str(file))


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("take", "9", "list.txt"), 1, "AIRDROP"),
        (("show", "9"), 1, "AIRDROP"),
        (("take", "1", "no-file"), 1, "no-file"),
        (("take", "1", "list.txt", "--all", "--from", "bob"), 2, "--all"),
        (("make", "list.txt", "--valid-s", "40000000"), 1, "actions[0]"),
        (("make", "list.txt", "--valid-s", "9", "--asset", "NONE"), 1, "asset"),
        (("make", "list.txt", "--valid-s", "9", "--from", "nobody"), 2, "--from"),
    ],
)
def test_a_mistake_names_its_argument(
    run: Run, made: str, command: tuple[str, ...], code: int, field: str
) -> None:
    assert refused(run, *command)[:2] == (code, field)


def test_before_there_is_any_the_list_says_so(run: Run) -> None:
    assert run("airdrop", "list").out == "no airdrop is open\n"
    assert run("airdrop", "list", "--json").json == {"airdrops": []}
