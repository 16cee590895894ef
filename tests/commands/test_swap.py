"""An exchange between two chains, by the command lines of both sides (K9)."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from consensus.address import format_address
from node.client import Client
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
from vm.modules.swaps import HELD_POT
from vm.modules.tokens import balance_of, pot_of

A, B = format_address(ALICE.public), format_address(BOB.public)
HERE, THERE = "http://here.test", "http://there.test"


@dataclass
class Chains:
    """Two chains, by the addresses of their nodes."""

    worlds: dict[str, World]
    nodes: dict[str, LivingTransport]

    def client(self, base_url: str, *, token: str | None = None) -> Client:
        return Client(base_url, token=token, transport=self.nodes[base_url])

    def bob_has(self, url: str) -> int:
        return balance_of(self.worlds[url].chain.state.view(), BOB.public, "REEL")

    def locked(self, url: str) -> int:
        return pot_of(self.worlds[url].chain.state.view(), HELD_POT, "REEL")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with open_community(tmp_path / "here", monkeypatch, genesis_of(["gov.resolve"])) as world:
        yield world


@pytest.fixture
def chains(
    world: World, node: LivingTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Chains]:
    """Alice and Bob have keys and money on both."""
    with ExitStack() as stack:
        genesis = genesis_of(["gov.resolve", "token.pay"])
        other = stack.enter_context(open_community(tmp_path / "there", monkeypatch, genesis))
        nodes = {HERE: node, THERE: LivingTransport(other)}
        made = Chains({HERE: world, THERE: other}, nodes)
        for module in ("asking", "swap"):
            monkeypatch.setattr(f"node.commands.{module}.Client", made.client)
        yield made


def offer(run: Run, secret: Path, *words: str) -> None:
    command = ("swap", "offer", "bob", "3", "--secret", str(secret), "--node", HERE)
    answer = run(*command, *words)
    assert (answer.code, answer.out.splitlines()[-1].split()) == (0, ["swap", "1"])


def answer(*words: str) -> tuple[str, ...]:
    return ("swap", "answer", "1", "2", "--chain", HERE, "--node", THERE, "--from", "bob", *words)


def test_both_sides_get_what_they_agreed_on(chains: Chains, run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    offer(run, secret)
    assert chains.locked(HERE) == 3 * TOKEN
    told = run(*answer())
    assert told.out.splitlines()[0].split() == ["for", "3", "REEL"]
    assert chains.locked(THERE) == 2 * TOKEN
    shown = {line[0]: line[1:] for line in cells(run("swap", "show", "1", "--node", THERE))}
    assert (shown["amount"], shown["to"], shown["sender"]) == (["2", "REEL"], [A], [B])
    theirs = ("swap", "claim", "1", "--secret-of", "1", "--chain", THERE, "--node", HERE)
    assert refused(run, *theirs, "--from", "bob") == (1, "no-secret", "--secret-of")
    done(run, "swap", "claim", "1", "--secret", str(secret), "--node", THERE)
    before = chains.bob_has(HERE)
    done(run, *theirs, "--payer", "alice", "--from", "bob")
    assert chains.bob_has(HERE) - before == 3 * TOKEN
    assert (chains.locked(HERE), chains.locked(THERE)) == (0, 0)
    assert "claimed" in run("swap", "list", "bob", "--node", HERE).out


def test_what_nobody_answers_or_claims_comes_back(chains: Chains, run: Run, tmp_path: Path) -> None:
    offer(run, tmp_path / "secret", "--valid-s", "600")
    done(run, *answer("--payer", "alice"))
    chains.nodes[THERE].skip(301)
    assert chains.bob_has(THERE) == BOB_HAS, "in half the time"
    assert chains.locked(HERE) == 3 * TOKEN
    late = ("swap", "claim", "1", "--secret", str(tmp_path / "secret"), "--node", THERE)
    assert refused(run, *late)[1] == "swaps.not-open"
    chains.nodes[HERE].skip(601)
    assert chains.locked(HERE) == 0
    assert "refunded" in run("swap", "show", "1", "--node", HERE).out


def test_an_answer_that_would_be_unsafe_is_refused(
    chains: Chains, run: Run, tmp_path: Path
) -> None:
    offer(run, tmp_path / "secret", "--valid-s", "1000")
    for valid_s, order in (("600", "too near to the offer's"), ("1001", "after the offer's")):
        found = run(*answer("--valid-s", valid_s))
        assert (found.code, found.out) == (1, "")
        assert order in found.err
    assert refused(run, *answer("--receiver", A)) == (1, "not-for-you", "SWAP")
    same = ("swap", "answer", "1", "2", "--chain", HERE, "--node", HERE, "--from", "bob")
    assert refused(run, *same)[::2] == (2, "--chain")
    chains.nodes[HERE].skip(800)
    assert refused(run, *answer()) == (1, "too-near", "SWAP")
    chains.nodes[HERE].skip(200)
    assert refused(run, *answer()) == (1, "not-open", "SWAP")
    assert chains.locked(THERE) == 0


def test_a_claim_in_the_last_minute_is_refused_unless_it_must_be(
    chains: Chains, run: Run, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    offer(run, secret, "--valid-s", "100")
    chains.nodes[HERE].skip(50)
    command = ("swap", "claim", "1", "--secret", secret.read_text().strip(), "--node", HERE)
    assert refused(run, *command) == (1, "too-near", "SWAP")
    done(run, *command, "--hurry")
    assert refused(run, *command)[1] == "swaps.not-open"


def test_what_cannot_be_is_named(chains: Chains, run: Run, tmp_path: Path) -> None:
    offer(run, tmp_path / "secret")
    here = ("--node", HERE)
    assert refused(run, "swap", "show", "9", *here) == (1, "swaps.unknown-swap", "SWAP")
    assert refused(run, "swap", "claim", "1", *here)[::2] == (2, "--secret")
    words = ("swap", "claim", "1", *here)
    assert refused(run, *words, "--secret-of", "1")[::2] == (2, "--chain")
    assert refused(run, *words, "--secret", "zz")[::2] == (2, "--secret")
    wrong = refused(run, *words, "--secret", "ab" * 32)
    assert wrong == (1, "swaps.wrong-secret", "--secret")
    again = run("swap", "offer", "bob", "3", "--secret", str(tmp_path / "secret"), *here)
    assert (again.code, chains.locked(HERE)) == (1, 3 * TOKEN)
    assert run("swap", "list", "alice", *here).out.startswith("There is no swap for this account")
