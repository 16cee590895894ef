"""Red packets, from the command line to the state (K9)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World
from tests.commands.community import (
    BOB_HAS,
    TOKEN,
    cells,
    done,
    genesis_of,
    open_community,
    refused,
)
from tests.commands.conftest import LivingTransport, Run
from vm.modules.tokens import balance_of

A, B = format_address(ALICE.public), format_address(BOB.public)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice and Bob have something."""
    with open_community(tmp_path / "world", monkeypatch, genesis_of(["gov.resolve"])) as world:
        yield world


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node."""


def bob_has(world: World) -> int:
    return balance_of(world.chain.state.view(), BOB.public, "REEL")


def test_a_packet_with_a_link_is_claimed_by_who_is_given_it(
    world: World, run: Run, tmp_path: Path
) -> None:
    assert run("packet", "list").out.startswith("There is no packet; `reelect packet make`")
    link = tmp_path / "link"
    made = run("packet", "make", "3", "2", "--split", "equal", "--link", str(link))
    assert made.out.splitlines()[-1].split() == ["packet", "1"]
    secret = link.read_text().strip()
    assert link.stat().st_mode & 0o077 == 0
    assert secret not in made.out
    assert refused(run, "packet", "claim", "1", "--from", "bob")[::2] == (2, "--link")
    assert refused(run, "packet", "claim", "1", "--link", "ab", "--from", "bob")[::2] == (
        2,
        "--link",
    )
    other = "ab" * 32
    assert refused(run, "packet", "claim", "1", "--link", other, "--from", "bob") == (
        1,
        "packets.bad-signature",
        "--link",
    )
    before = bob_has(world)
    done(run, "packet", "claim", "1", "--link", secret, "--from", "bob", "--payer", "alice")
    assert bob_has(world) - before == 3 * TOKEN // 2
    again = refused(run, "packet", "claim", "1", "--link", secret, "--from", "bob")
    assert again[1] == "packets.claimed-already"
    done(run, "packet", "claim", "1", "--link", str(link))
    shown = cells(run("packet", "show", "1"))
    assert [row[1:] for row in shown[-2:]] == [[B, "1.5", "REEL"], [A, "1.5", "REEL"]]
    listed = cells(run("packet", "list"))[1]
    assert " ".join(listed).startswith("1 3 REEL equal 2 of 2 over who has the link")


def test_random_shares_are_drawn_after_the_last_claim(
    world: World, node: LivingTransport, run: Run
) -> None:
    done(run, "packet", "make", "10", "2", "--greeting", "Good luck")
    done(run, "packet", "claim", "1", "--from", "bob")
    assert "to be drawn" in run("packet", "show", "1").out
    done(run, "packet", "claim", "1")
    node.skip(1)
    node.skip(1)
    shown = run("packet", "show", "1", "--json").json
    claims = cast(list[JsonObject], shown["claims"])
    units = [int(str(claim["units"])) for claim in claims]
    assert (sum(units), shown["status"], shown["greeting"]) == (10 * TOKEN, "over", "Good luck")
    assert min(units) > 0


def test_what_is_not_claimed_comes_back(world: World, node: LivingTransport, run: Run) -> None:
    words = ("packet", "make", "10", "2", "--valid-s", "60", "--from", "bob")
    done(run, *words, "--payer", "alice")
    assert bob_has(world) == BOB_HAS - 10 * TOKEN
    node.skip(60)
    assert bob_has(world) == BOB_HAS
    late = refused(run, "packet", "claim", "1", "--from", "bob")
    assert late[1] == "packets.not-open"


def test_what_cannot_be_is_named(run: Run, tmp_path: Path) -> None:
    assert refused(run, "packet", "show", "9") == (1, "packets.unknown-packet", "PACKET")
    assert refused(run, "packet", "claim", "9") == (1, "packets.unknown-packet", "PACKET")
    assert refused(run, "packet", "make", "0", "2")[::2] == (2, "AMOUNT")
    assert refused(run, "packet", "make", "0.00000001", "2")[1] == "packets.too-small"
    done(run, "packet", "make", "1", "2")
    answer = refused(run, "packet", "claim", "1", "--link", "ab" * 32)
    assert answer[::2] == (2, "--link")
    (tmp_path / "link").write_text("kept")
    refused(run, "packet", "make", "1", "2", "--link", str(tmp_path / "link"))
    assert (tmp_path / "link").read_text() == "kept"
