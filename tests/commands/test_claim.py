"""`reelect claim`: from a list of holders to tokens of an account that had none; and bad lists."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.ethereum import format_ethereum_address
from consensus.record import replace
from genesis.file import Genesis, make_genesis
from genesis.preset import load_preset, parse_preset
from node.claim_file import ClaimFile, read_claim_file
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.commands.conftest import LivingTransport, Run
from tests.vm.migrations import HOLDERS, NAME, OPEN, UNITS, EthereumKey
from vm.modules.claims import MIGRATIONS, UNCLAIMED_POT, Holding, Migration
from vm.modules.claims.tables import AGENDA
from vm.modules.tokens import balance_of, count_minted, fill_pot

FILE = ClaimFile(
    8,
    tuple(
        sorted(
            (Holding(holder.address, UNITS[name]) for name, holder in HOLDERS.items()),
            key=lambda item: item.holder,
        )
    ),
)
PAST_MS, FAR_MS = 1_700_000_000_000, 4_000_000_000_000
CLEO = EthereumKey("no holder")


def claims_genesis() -> Genesis:
    """The migration is open for ever; another is over."""
    state = GENESIS.state()
    count_minted(state, "REEL", FILE.units)
    fill_pot(state, UNCLAIMED_POT, "REEL", FILE.units)
    row = Migration("REEL", FILE.root, 3, 100, 100, 0, FAR_MS, OPEN.leftover, False)
    MIGRATIONS.put(state, row, NAME)
    AGENDA.add(state, FAR_MS, NAME)
    MIGRATIONS.put(state, replace(row, left=40, until_ms=PAST_MS, is_over=True), "past")
    return make_genesis(state)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", claims_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport, home: Path) -> None:
    """Commands ask a node; the community's file is at hand."""
    (home / "claims.json").write_bytes(b"".join(FILE.pieces()))


def text_of(run: Run, account: str = "bob") -> str:
    answer = run("claim", "text", "--migration", NAME, "--account", account)
    assert (answer.code, answer.err) == (0, "")
    return answer.out.removesuffix("\n")


def signature(run: Run, holder: EthereumKey, account: str = "bob") -> str:
    return f"0x{holder.sign(text_of(run, account)).hex()}"


def send(run: Run, signed: str, *more: str, file: str = "claims.json") -> "tuple[int, str]":
    """Code of the command and of the error."""
    command = ("claim", "send", "--migration", NAME, "--signature", signed, "--file", file)
    answer = run(*command, *more, "--json")
    if answer.code == 0:
        assert answer.json["state"] == "final"
        return 0, ""
    return answer.code, f"{answer.error['field']} {answer.error['code']}"


def test_from_a_list_to_tokens_of_an_account_that_had_none(
    world: World, run: Run, home: Path
) -> None:
    lines = [f"{format_ethereum_address(h.address)},0.000000{UNITS[n]}" for n, h in HOLDERS.items()]
    (home / "list.csv").write_text("address,amount\n" + "\n".join(lines))
    made = run("claim", "snapshot", "list.csv", "-o", "made.json", "--json")
    assert (made.code, made.err) == (0, "")
    assert made.json["root"] == FILE.root.hex()
    assert (home / "made.json").read_bytes() == (home / "claims.json").read_bytes()
    signed = signature(run, HOLDERS["first"])
    command = ("claim", "send", "--migration", NAME, "--signature", signed, "--file", "made.json")
    trial = run(*command, "--from", "bob", "--dry-run")
    assert "none, an account claims its own for nothing" in trial.out
    before = balance_of(world.chain.state.view(), BOB.public, "REEL")
    sent = run(*command, "--from", "bob")
    assert (sent.code, sent.err) == (0, "")
    assert "none, an account claims its own for nothing" in sent.out
    assert "0.0000003 REEL" in sent.out
    assert balance_of(world.chain.state.view(), BOB.public, "REEL") == before + 30
    assert send(run, signed, "--from", "bob") == (1, "actions[0].holder claims.already-claimed")
    shown = run("claim", "show", NAME, format_ethereum_address(HOLDERS["first"].address))
    assert f"for {format_address(BOB.public)}" in shown.out


def test_anybody_sends_it_for_the_account_that_it_names(world: World, run: Run) -> None:
    signed = signature(run, HOLDERS["third"])
    before = balance_of(world.chain.state.view(), BOB.public, "REEL")
    assert send(run, signed, "--from", "alice", "--account", "bob") == (0, "")
    assert balance_of(world.chain.state.view(), BOB.public, "REEL") == before + 50
    assert balance_of(world.chain.state.view(), ALICE.public, "REEL") < 10**15


def test_who_signed_something_else_hears_what_to_sign(run: Run) -> None:
    for_bob = signature(run, HOLDERS["first"])
    refused = (1, "--signature not-a-holder")
    assert send(run, for_bob, "--from", "alice") == refused, "the text names bob"
    assert send(run, signature(run, CLEO), "--from", "bob") == refused
    command = ("--migration", NAME, "--signature", for_bob, "--file", "claims.json")
    answer = run("claim", "send", *command, "--from", "alice")
    assert "sign exactly what `reelect claim text` prints" in answer.err


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ("0x12", "--signature invalid-encoding"),
        ("0x" + "zz" * 65, "--signature invalid-encoding"),
        ("0x" + "ff" * 65, "--signature invalid-signature"),
        ("0x" + "05" * 64 + "1b", "--signature invalid-signature"),
    ],
)
def test_what_is_no_signature_is_refused_before_anything_is_sent(
    run: Run, wrong: str, field: str
) -> None:
    assert send(run, wrong, "--from", "bob") == (2, field)


def test_another_communitys_file_is_refused(run: Run, home: Path) -> None:
    other = ClaimFile(8, FILE.holdings[:2])
    (home / "other.json").write_bytes(b"".join(other.pieces()))
    signed = signature(run, HOLDERS["first"])
    assert send(run, signed, "--from", "bob", file="other.json") == (1, "other.json other-root")
    changed = (home / "claims.json").read_text().replace('"30"', '"31"')
    (home / "changed.json").write_text(changed)
    code, field = send(run, signed, "--from", "bob", file="changed.json")
    assert (code, field) == (1, "changed.json: root invalid-encoding")


@pytest.mark.parametrize(
    ("name", "code"), [("no", "claims.unknown-migration"), ("past", "claims.over")]
)
def test_a_migration_that_cannot_be_claimed_has_no_text(run: Run, name: str, code: str) -> None:
    answer = run("claim", "text", "--migration", name, "--account", "bob", "--json")
    assert (answer.code, answer.error["code"], answer.error["field"]) == (1, code, "--migration")


def test_the_text_is_given_as_bytes_too(run: Run) -> None:
    answer = run("claim", "text", "--migration", NAME, "--account", "bob", "--json").json
    assert bytes.fromhex(str(answer["hex"]).removeprefix("0x")).decode() == answer["text"]
    assert answer["text"] == text_of(run)


def test_migrations_are_listed_and_shown(run: Run) -> None:
    lines = run("claim", "list").out.splitlines()
    assert lines[0].split() == ["MIGRATION", "AMOUNT", "LEFT", "HOLDERS", "CLAIMED", "UNTIL"]
    assert lines[1].startswith("past")
    assert "over since 2023-11-14 22:13:20 UTC" in lines[1]
    listed = cast(list[dict[str, object]], run("claim", "list", "--json").json["migrations"])
    assert [item["migration"] for item in listed] == ["past", NAME]
    shown = run("claim", "show", NAME)
    assert "to the pot treasury" in shown.out
    assert run("claim", "show", NAME, "--json").json["root"] == FILE.root.hex()
    assert run("claim", "show", "no", "--json").error["code"] == "claims.unknown-migration"
    assert run("claim", "show", NAME, "--file", "claims.json", "--json").error["field"] == "--file"
    address = format_ethereum_address(HOLDERS["second"].address)
    held = run("claim", "show", NAME, address, "--file", "claims.json")
    assert "0.0000002 REEL" in held.out
    assert "nothing was claimed" in held.out
    as_json = run("claim", "show", NAME, address, "--file", "claims.json", "--json").json
    assert (as_json["units"], as_json["claimed_for"]) == ("20", None)
    nobody = run(
        "claim", "show", NAME, format_ethereum_address(CLEO.address), "--file", "claims.json"
    )
    assert "held     nothing" in nobody.out


def test_what_snapshot_prints_opens_a_migration(run: Run, home: Path) -> None:
    """The entry for a preset is one that the preset's reader takes."""
    address = format_ethereum_address(HOLDERS["first"].address)
    (home / "list.json").write_text(json.dumps({address: "12.5"}))
    answer = run("claim", "snapshot", "list.json", "-o", "made.json")
    assert answer.code == 0
    entry = answer.out[answer.out.index("[[setup]]") :]
    entry = entry.replace("NAME", "kol").replace("SYMBOL", "REEL").replace("POT", "fund")
    preset = parse_preset(f"{load_preset('devnet').text}\n{entry}")
    (words,) = preset.setup.in_words({})
    assert words.startswith("let 1 Ethereum holders claim 1250000000 units of REEL")
    assert run("claim", "snapshot", "list.json", "-o", "made.json", "--json").code == 1
    assert run("claim", "snapshot", "list.json", "--decimals", "19").code == 2


def test_a_claim_file_is_read_as_it_was_written() -> None:
    data = b"".join(FILE.pieces())
    assert read_claim_file(data) == FILE
