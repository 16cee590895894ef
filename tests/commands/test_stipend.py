"""Stipends and the bodies' rolls, from the command line to the state (K1, K5, K8)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World
from tests.commands.community import TOKEN, cells, done, genesis_of, open_community, refused
from tests.commands.conftest import LivingTransport, Run
from vm.modules.gov import ALTERNATES, ROLL
from vm.modules.tokens import balance_of, pot_of

A, B = format_address(ALICE.public), format_address(BOB.public)
MONTH_SLOTS = 30 * 60
SCOPES = (
    *("stipends.enlist", "stipends.assess", "stipends.remove"),
    *("gov.admit:nodes", "gov.dismiss:nodes", "gov.replace:nodes", "gov.name_alternates:nodes"),
)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """1,000 REEL a month for two months out of the treasury, and a body with an alternate."""
    body: JsonObject = {
        "kind": "members",
        "cap": 2,
        "least": 0,
        "term_s": 0,
        "misses": 0,
        "window_s": 0,
        "barred_s": 0,
        "seats": False,
        "whole_window": False,
        "alternates": 1,
        "drawn_from": None,
        "alternates_from": None,
    }
    made = genesis_of(
        SCOPES,
        {
            "type": "stipends.open",
            "programme": "leaders",
            "asset": "REEL",
            "months": 2,
            "units": str(1_000 * TOKEN),
            "pot": "treasury",
            "dropped_to": "orders",
        },
        {"type": "gov.set_body", "name": "nodes", "body": body},
        {"type": "gov.set_limit", "name": "community", "most": 9, "span_s": 3600},
    )
    with open_community(tmp_path / "world", monkeypatch, made) as world:
        yield world


@pytest.fixture(autouse=True)
def transport(node: LivingTransport) -> LivingTransport:
    """Commands ask a node; alice, who decides alone, sends."""
    return node


def test_a_month_is_released_deferred_and_claimed(
    world: World, transport: LivingTransport, run: Run
) -> None:
    assert cells(run("stipend", "list"))[1] == [
        *("leaders", "1000", "REEL", "2", "treasury", "orders"),
    ]
    assert "no recipient yet" in run("stipend", "show", "leaders").out
    done(run, "stipend", "enlist", "leaders", "alice", "bob")
    assert refused(run, "stipend", "assess", "leaders", "1") == (1, "not-found", "")
    transport.skip(MONTH_SLOTS)
    shown = run("stipend", "show", "leaders", "--json").json
    found = cast(list[JsonObject], shown["recipients"])
    assert {each["account"]: each["due"] for each in found} == {A: [1], B: [1]}
    done(run, "stipend", "assess", "leaders", "1", "--defer", "bob")
    rows = [row for row in cells(run("stipend", "show", "leaders")) if row[:1] in ([A], [B])]
    assert {row[0]: row[1:] for row in rows} == {
        A: ["0", "1", "0", "0", "1", "1000", "REEL"],
        B: ["0", "0", "1", "0", "1", "0", "REEL"],
    }
    before = balance_of(world.chain.state.view(), BOB.public, "REEL")
    assert refused(run, "stipend", "claim", "leaders", "--from", "bob")[:2] == (
        1,
        "stipends.nothing-released",
    )
    done(run, "stipend", "assess", "leaders", "1")
    done(run, "stipend", "claim", "leaders", "--from", "bob")
    assert balance_of(world.chain.state.view(), BOB.public, "REEL") > before
    lines = cells(run("stipend", "show", "leaders", "bob"))
    assert [row[0::2] for row in lines if row and row[0] in ("1", "2")] == [
        ["1", "released"],
        ["2", "pending"],
    ]


def test_who_is_removed_gets_no_more(world: World, run: Run) -> None:
    done(run, "stipend", "enlist", "leaders", "bob")
    done(run, "stipend", "remove", "leaders", "bob")
    assert pot_of(world.chain.state.view(), "orders", "REEL") == 2_000 * TOKEN


def test_what_cannot_be_says_which_argument_it_is(run: Run) -> None:
    assert refused(run, "stipend", "show", "none") == (
        1,
        "stipends.unknown-programme",
        "PROGRAMME",
    )
    assert refused(run, "stipend", "show", "leaders", "bob") == (
        1,
        "stipends.not-enlisted",
        "ACCOUNT",
    )
    assert refused(run, "stipend", "assess", "leaders", "3")[:2] == (2, "stipends.no-such-month")
    assert refused(run, "stipend", "claim", "No")[2] == "programme"


def test_a_named_recipient_whose_month_is_not_due_is_refused(
    transport: LivingTransport, run: Run
) -> None:
    done(run, "stipend", "enlist", "leaders", "bob")
    transport.skip(MONTH_SLOTS)
    assert refused(run, "stipend", "assess", "leaders", "1", "--drop", "alice")[2] == "--drop"
    both = ("--drop", "bob", "--defer", "bob")
    assert refused(run, "stipend", "assess", "leaders", "1", *both)[2] == "--drop"


def test_members_come_go_and_are_replaced_by_name(world: World, run: Run) -> None:
    def roll() -> set[bytes]:
        rows = ROLL.every(world.chain.state.view(), "nodes")
        return {account for (_, account), _ in rows}

    done(run, "member", "admit", "nodes", "alice")
    done(run, "member", "alternates", "nodes", "bob")
    assert ALTERNATES.get(world.chain.state.view(), "nodes") is not None
    done(run, "member", "replace", "nodes", "alice")
    assert roll() == {BOB.public}
    done(run, "member", "elect", "nodes", "alice", "--instead-of", "bob")
    assert roll() == {ALICE.public}, "to the second place, which nobody had"
    done(run, "member", "elect", "nodes", "bob", "--instead-of", "alice")
    assert roll() == {ALICE.public}, "the places that were left are the alternates'"
    done(run, "member", "dismiss", "nodes", "alice")
    assert roll() == set()
    shown = run("policy", "show", "community").out
    assert "at most 9 actions in 3600 s" in shown
