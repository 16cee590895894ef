"""The simulator can fail: it catches every protocol that lacks a rule, within 300 seeds."""

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import plan_of
from tests.simulation.world import run_plan

MAX_SEEDS = 300


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    for seed in range(MAX_SEEDS):
        with MUTANTS[name]():
            outcome = run_plan(plan_of(seed, 4))
        if outcome.broken is not None:
            return
    pytest.fail(f"{name} keeps every promise in {MAX_SEEDS} seeds")
