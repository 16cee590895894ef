"""Presets' economies hold whatever anybody does: short random walks (`make economies`)."""

import pytest

from consensus.record import replace
from genesis.preset import preset_names
from tests.economies.walk import TYPES, Broken, Walk
from vm.context import Context
from vm.declare import ErrorCode
from vm.modules.tokens import ASSETS, Transfer, credit
from vm.modules.tokens.tables import UNKNOWN_ASSET
from vm.registry import Registry
from vm.running import Running

STEPS = 800


def broken() -> str:
    """What a walk of devnet finds to be broken."""
    with pytest.raises(Broken) as caught:
        list(Walk("devnet", 1).steps(STEPS))
    return str(caught.value)


@pytest.mark.parametrize("preset", preset_names())
def test_value_and_invariants_hold_whatever_anybody_does(preset: str) -> None:
    walk = Walk(preset, seed=1)
    done = [step for step in walk.steps(STEPS) if step.endswith(": ok")]
    assert len(done) == walk.done.total() > STEPS // 4
    assert len(walk.done) > len(TYPES) // 3, "a good part of what is declared succeeds"
    assert walk.days > 10


def test_a_walk_of_auctions_gets_each_of_their_actions_done() -> None:
    types = {tag for tag in TYPES if tag.startswith("auctions.")}
    walk = Walk("devnet", seed=1, module="auctions")
    list(walk.steps(STEPS))
    assert types <= set(walk.done), "also what needs others to be done before"


def test_a_walk_follows_from_its_seed() -> None:
    first, again, other = (list(Walk("devnet", seed).steps(60)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_walk_finds_what_comes_from_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(self: Transfer, context: Context) -> None:
        credit(context.state, self.to, "REEL", 1)

    monkeypatch.setattr(Transfer, "apply", create)
    assert broken() == "token.transfer: 1 of REEL came from nowhere"


def test_a_walk_finds_what_is_above_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    def issue(self: Transfer, context: Context) -> None:
        row = ASSETS.get(context.state, "REEL")
        if row is None:
            raise UNKNOWN_ASSET.failed()
        more = row.cap + 1 - row.minted
        ASSETS.put(context.state, replace(row, minted=row.cap + 1), "REEL")
        credit(context.state, self.to, "REEL", more)

    monkeypatch.setattr(Transfer, "apply", issue)
    assert "minted above the cap" in broken()


def test_a_walk_finds_a_code_that_nobody_has_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Transfer, context: Context) -> None:
        raise ErrorCode("token.odd", "Odd.").failed()

    monkeypatch.setattr(Transfer, "apply", fail)
    assert broken().startswith("token.transfer fails by token.odd, which nobody has declared")


def test_a_walk_finds_what_a_failure_leaves_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Transfer, context: Context) -> None:
        credit(context.state, self.to, "REEL", 1)
        raise UNKNOWN_ASSET.failed()

    monkeypatch.setattr(Transfer, "apply", fail)
    monkeypatch.setattr(Running, "rollback", lambda self, before: None)
    assert "and changes the state" in broken()


def test_a_walk_finds_an_invariant_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Walk("devnet", 1).steps(STEPS)
    next(steps)
    monkeypatch.setattr(Registry, "broken_invariants", lambda self, view: iter(["unsound"]))
    with pytest.raises(Broken, match="unsound"):
        list(steps)
