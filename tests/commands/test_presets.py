"""`reelect genesis list|check|show --preset|build` and `reelect economy report`."""

import json
from pathlib import Path

import pytest

from consensus.address import format_address
from genesis.file import parse_genesis
from genesis.preset import preset_names, preset_text
from tests.commands.conftest import Run
from tests.vm.world import ANNA, key, producer_records
from vm.modules.economy import economy_constants
from vm.modules.gov import ROLL


def test_presets_are_listed_with_what_they_are_for(run: Run) -> None:
    listed = json.loads(run("genesis", "list", "--json").out)["presets"]
    assert [item["name"] for item in listed] == preset_names()
    shown = run("genesis", "list").out
    assert all(item["summary"] in shown for item in listed)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_shown_in_words_and_sound(run: Run, name: str) -> None:
    shown = run("genesis", "show", "--preset", name)
    assert (shown.code, shown.err) == (0, "")
    fields = json.loads(run("genesis", "show", "--preset", name, "--json").out)
    for role in fields["accounts"]:
        assert f"@{role}" in shown.out
    assert all(sentence in shown.out for sentence in fields["in_words"])
    assert json.loads(run("genesis", "check", name, "--json").out)["sound"] is True


def test_a_preset_is_printed_as_it_is_written_to_change_a_copy(run: Run) -> None:
    assert run("genesis", "show", "--preset", "kol", "--toml").out == preset_text("kol")
    both = run("genesis", "show", "--preset", "kol", "--toml", "--json")
    assert (both.code, both.out) == (2, "")
    alone = run("genesis", "show", "--toml")
    assert (alone.code, alone.out) == (2, "")
    assert "--preset" in alone.err


def test_an_error_in_a_preset_of_ones_own_names_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = preset_text("wepos").replace("units = 9_100_000", "units = 9_000_000", 1)
    file.write_text(text)
    answer = run("genesis", "check", str(file))
    line = next(n for n, each in enumerate(text.splitlines(), 1) if each.startswith("phases"))
    assert (answer.code, answer.out) == (1, "")
    assert f"line {line}: " in answer.err
    assert run("genesis", "check", "none").code == 1
    assert run("genesis", "show", "x.cbor", "--preset", "wepos").code == 2


def test_a_chain_is_built_with_the_accounts_of_its_roles(run: Run, tmp_path: Path) -> None:
    records = []
    for place, record in enumerate(producer_records()):
        records.append(tmp_path / f"{place}.json")
        records[-1].write_text(json.dumps(record.to_file()))
    roles = ("attester", "media", "developer", "participant")
    named = [f"{role}={format_address(key(role).public)}" for role in roles]
    accounts = [word for each in named for word in ("--account", each)]
    output = tmp_path / "genesis.cbor"
    build = ("genesis", "build", "--preset", "wepos", "--producers", *map(str, records))
    missing = run(*build, *accounts[:-2], "-o", str(output))
    assert (missing.code, output.exists()) == (1, False)
    assert "an early participant" in missing.err
    unknown = run(*build, "--account", f"boss={format_address(ANNA.public)}", "-o", str(output))
    assert unknown.code == 2
    assert "attester, media" in unknown.err
    assert run(*build, *accounts, "--day-s", "0", "-o", str(output)).code == 2
    assert run(*build, *accounts, "--day-s", "90", "-o", str(output)).code == 0
    state = parse_genesis(output.read_bytes()).state()
    assert economy_constants(state).day_s == 90
    assert ROLL.get(state, "committee", key("media").public) is not None


def test_a_schedule_is_reported_month_by_month(run: Run) -> None:
    found = json.loads(run("economy", "report", "--preset", "wepos", "--months", "5", "--json").out)
    burned = [month["assets"]["POS"]["burned"] for month in found["months"]]
    assert burned == ["0", *["100000000000000"] * 3, "700000000000000"]
    assert {month["conservation"] for month in found["months"]} == {"ok"}
    table = run("economy", "report", "--preset", "wepos", "--months", "2").out
    assert "POT participation" in table
    assert run("economy", "report", "--preset", "wepos", "--months", "0").code == 2


def test_what_becomes_of_fees_is_rehearsed(run: Run) -> None:
    report = ("economy", "report", "--preset", "palchain", "--months", "1")
    found = json.loads(run(*report, "--fees-per-day", "1000", "--json").out)
    assert (found["fees_per_day"], found["fee_asset"]) == ("1000", "USDT")
    (month,) = found["months"]
    usdt, palt = month["assets"]["USDT"], month["assets"]["PALT"]
    assert (usdt["fees"], usdt["to_holders"]) == ("30000000000", "24000000000")
    assert (palt["released"], palt["unlocked"]) == (str(29 * 20_000 * 10**8), "55725490196076")
    assert month["conservation"] == "ok"
    lines = [line.split() for line in run(*report, "--fees-per-day", "1000").out.splitlines()]
    assert lines[-1] == ["1", "30000", "USDT", "24000", "USDT", "6000", "USDT"]
    quiet = json.loads(run(*report, "--json").out)
    assert quiet["fee_asset"] is None
    assert quiet["months"][0]["assets"]["PALT"]["released"] == "0"


@pytest.mark.parametrize(
    ("preset", "amount", "code"),
    [("wepos", "1", 1), ("palchain", "0", 2), ("palchain", "x", 2), ("palchain", "9" * 13, 1)],
)
def test_fees_that_nobody_can_pay_are_named(run: Run, preset: str, amount: str, code: int) -> None:
    answer = run("economy", "report", "--preset", preset, "--fees-per-day", amount, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (code, "", "--fees-per-day")
