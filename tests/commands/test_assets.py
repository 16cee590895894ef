"""Assets, pots, grants and dividends, from the command line to the state."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from genesis.file import Genesis, make_genesis
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.dividends import PairName, open_pair
from vm.modules.dividends.holdings import circulating
from vm.modules.fee import TREASURY_PPM
from vm.modules.pots import Destination, Share, Split, set_split
from vm.modules.tokens import (
    ASSETS,
    AssetRow,
    balance_of,
    count_minted,
    fill_pot,
    pot_of,
)
from vm.modules.vesting import (
    Grant,
    Phase,
    Plan,
    Reserve,
    Term,
    give_grant,
    release,
    set_aside,
)

TOKEN = 10**8
ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)
BURN = Destination(None, None, None)


def rich_genesis() -> Genesis:
    """Alice is the gateway of USDT; fees become dividends; Bob has a grant with a term that is
    over and one that follows a reserve."""
    state = GENESIS.state()
    usdt = AssetRow("Tether", 6, 0, 0, 10**12, True, False, ALICE.public)
    ASSETS.put(state, usdt, "USDT")
    open_pair(state, PairName("REEL", "REEL"), circulating(state, "REEL"))
    shares = (Share(800_000, Destination(None, None, "REEL")), Share(50_000, BURN))
    set_split(state, "treasury", Split(shares, Destination("wages", None, None)))
    TREASURY_PPM.set(state, 500_000)
    count_minted(state, "REEL", 600 * TOKEN)
    fill_pot(state, "till", "REEL", 600 * TOKEN)
    plan = Plan("gifts", 30, (Phase(2, 50 * TOKEN), Phase(1, 100 * TOKEN)), BURN)
    set_aside(state, "phases", Reserve("REEL", 200 * TOKEN, 0, plan, 0), "till")
    set_aside(state, "community", Reserve("REEL", 200 * TOKEN, 0, None, 0), "till")
    release(state, "community", 50 * TOKEN)
    fill_pot(state, "till", "REEL", 50 * TOKEN)
    follows = Grant("REEL", 100 * TOKEN, 0, None, "community")
    give_grant(state, BOB.public, "partner", follows, "till")
    give_grant(state, BOB.public, "later", Grant("REEL", 3, 0, Term(5, 6, 9), None), "till")
    return make_genesis(state)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", rich_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def done(run: Run, *command: str) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["state"] == "final"


def listed(run: Run, name: str, *command: str) -> list[JsonObject]:
    answer = run(*command, "--json")
    assert (answer.code, answer.err) == (0, "")
    return cast(list[JsonObject], answer.json[name])


def test_a_gateway_issues_and_burns(world: World, run: Run) -> None:
    done(run, "asset", "issue", "bob", "2.5", "--asset", "USDT", "--memo", "tx 1")
    done(run, "asset", "issue", "alice", "1", "--asset", "USDT")
    done(run, "asset", "burn", "0.25", "--asset", "USDT")
    view = world.chain.state.view()
    assert balance_of(view, BOB.public, "USDT") == 2_500_000
    assert balance_of(view, ALICE.public, "USDT") == 750_000
    shown = run("asset", "show", "USDT", "--json").json
    assert (shown["minted"], shown["burned"], shown["gateway"]) == ("3500000", "250000", ALICES)
    lines = run("asset", "show", "USDT").out
    assert "3.25 USDT" in lines
    assert "tradable" in lines


def test_assets_are_listed_with_what_pots_hold(run: Run) -> None:
    assert [item["asset"] for item in listed(run, "assets", "asset", "list")] == ["REEL", "USDT"]
    lines = run("asset", "list").out.splitlines()
    assert lines[0].split() == ["ASSET", "NAME", "ISSUED", "BURNED", "CAP", "GATEWAY"]
    assert lines[2].split() == ["USDT", "Tether", "0", "0", "1000000", ALICES]
    shown = run("asset", "show", "REEL", "--json").json
    pots = cast(JsonObject, shown["pots"])
    assert pots["vesting.locked"] == str(200 * TOKEN + 150 * TOKEN + 100 * TOKEN + 3)
    assert "gifts" not in pots


def test_pots_and_what_they_pass_on(world: World, run: Run) -> None:
    done(run, "tx", "transfer", "bob", "1")
    view = world.chain.state.view()
    wages = pot_of(view, "wages", "REEL")
    assert wages > 0
    found = {(item["pot"], item["amount"]) for item in listed(run, "pots", "pot", "list")}
    assert ("wages", str(wages)) in found
    assert "wages" in run("pot", "list").out
    shown = run("pot", "show", "treasury").out
    for words in ("80% to the holders of REEL", "5% burned", "15% to the pot wages"):
        assert words in shown
    assert run("pot", "show", "vesting.locked", "--json").json["split"] is None
    assert cast(JsonObject, run("pot", "show", "treasury", "--json").json["split"])["rest"] == {
        "pot": "wages",
        "account": None,
        "holders": None,
    }
    assert "nothing" in run("pot", "show", "nowhere").out


def test_what_has_unlocked_is_shown_and_claimed_by_anybody(world: World, run: Run) -> None:
    partner, later = sorted(
        listed(run, "grants", "vesting", "list", "bob"),
        key=lambda item: str(item["grant"]) != "partner",
    )
    assert (partner["account"], partner["unlocked"]) == (BOBS, str(25 * TOKEN))
    assert (later["grant"], later["unlocked"]) == ("later", "0")
    lines = run("vesting", "list").out
    assert "with the reserve community" in lines
    assert "from day 5 to day 9, nothing before day 6" in lines
    assert listed(run, "grants", "vesting", "list", "alice") == []
    done(run, "vesting", "claim", "partner", "bob")
    assert balance_of(world.chain.state.view(), BOB.public, "REEL") == 25 * TOKEN
    answer = run("vesting", "claim", "partner", "bob", "--json")
    assert (answer.code, answer.error["field"]) == (1, "actions[0]")


def test_reserves_and_their_plans(run: Run) -> None:
    by_name = {item["reserve"]: item for item in listed(run, "reserves", "vesting", "show")}
    assert set(by_name) == {"community", "phases"}
    assert by_name["community"]["released"] == str(50 * TOKEN)
    shown = run("vesting", "show", "phases").out
    for words in ("every 30 days into the pot gifts", "2 × 50 REEL", "1 × 100 REEL", "burned"):
        assert words in shown
    assert "none" in run("vesting", "show", "community").out


def test_what_holdings_have_earned_is_shown_and_claimed(world: World, run: Run) -> None:
    assert run("dividends", "claim", "--json").code == 1
    done(run, "tx", "transfer", "bob", "1")
    (item,) = listed(run, "dividends", "dividends", "show", "alice")
    earned = int(str(item["claimable"]))
    view = world.chain.state.view()
    assert pot_of(view, "dividends.unclaimed", "REEL") - earned in (0, 1)
    assert item["units"] == str(balance_of(view, ALICE.public, "REEL"))
    assert "REEL" in run("dividends", "show", "alice").out
    before = balance_of(view, ALICE.public, "REEL")
    done(run, "dividends", "claim")
    after = balance_of(world.chain.state.view(), ALICE.public, "REEL")
    assert before - after < 10_000 - earned


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("asset", "show", "gold"), 2, "ASSET"),
        (("asset", "show", "GOLD"), 1, "ASSET"),
        (("asset", "issue", "bob", "1", "--asset", "REEL"), 1, "actions[0]"),
        (("asset", "issue", "bob", "0", "--asset", "USDT"), 2, "AMOUNT"),
        (("asset", "issue", "bob", "1.1234567", "--asset", "USDT"), 2, "AMOUNT"),
        (("asset", "issue", "zoe", "1", "--asset", "USDT"), 2, "RECIPIENT"),
        (("asset", "burn", "1", "--asset", "USDT"), 1, "actions[0]"),
        (("pot", "show", "No"), 2, "POT"),
        (("vesting", "show", "none"), 1, "RESERVE"),
        (("vesting", "show", "No"), 2, "RESERVE"),
        (("vesting", "claim", "none"), 1, "actions[0]"),
        (("vesting", "list", "zoe"), 2, "ACCOUNT"),
        (("dividends", "show", "zoe"), 2, "ACCOUNT"),
        (("dividends", "claim"), 1, "--from"),
    ],
)
def test_what_cannot_be_done_is_named(
    run: Run, command: tuple[str, ...], code: int, field: str
) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.out) == (code, "")
    assert answer.error["field"] == field, answer.error
