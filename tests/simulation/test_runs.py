"""Runs of the simulator itself: they keep the promises, repeat exactly, and tell what they did."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.__main__ import Total
from tests.simulation.checks import ONE_HISTORY, RECOVERY, Broken
from tests.simulation.plan import FAULTS, MIN_SLOTS, Plan, plan_of
from tests.simulation.shared import shared_results
from tests.simulation.shrink import shrink
from tests.simulation.signatures import fast_signatures
from tests.simulation.world import Outcome, World, run_plan

ROOT = Path(__file__).resolve().parent.parent.parent
REAL_SEED = 19  # run on libsodium, every node computing everything


@pytest.mark.parametrize(("seed", "nodes"), [(0, 4), (1, 4), (REAL_SEED, 4), (2, 7)])
def test_a_seed_keeps_every_promise(seed: int, nodes: int) -> None:
    plan = plan_of(seed, nodes)
    assert plan.real_signatures == (seed == REAL_SEED)
    outcome = run_plan(plan)
    assert outcome.broken is None
    assert outcome.slots >= MIN_SLOTS
    assert outcome.handovers >= 1
    assert outcome.final > 0
    assert outcome.recoveries
    assert all(taken <= allowed for taken, allowed in outcome.recoveries)


def test_a_run_is_a_function_of_its_seed_alone() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--trace", "--first", "5", "--slots", "60"]
    ends = [
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for seed in ("1", "2")
    ]
    assert ends[0] == ends[1]
    assert ends[0][-1].startswith("trace ")
    other = run_plan(replace(plan_of(6, 4), slots=60))
    assert ends[0][-1] != f"trace {other.trace}"


def test_what_is_shared_between_nodes_changes_nothing_that_happens() -> None:
    plan = replace(plan_of(3, 4), slots=60)
    with fast_signatures():
        alone = World(plan).run()
        with shared_results():
            shared = World(plan).run()
    assert shared.trace == alone.trace


def test_a_broken_promise_ends_a_run_and_is_named() -> None:
    world = World(replace(plan_of(0, 4), faults=(), byzantine=0))

    def broken() -> None:
        raise Broken(ONE_HISTORY, "made up")

    world.timeline.at(5_000, broken)
    outcome = world.run()
    assert str(outcome.broken) == f"{ONE_HISTORY}: made up"
    assert outcome.slots == 5


def test_what_nobody_expects_is_a_broken_promise_too() -> None:
    world = World(replace(plan_of(0, 4), faults=(), byzantine=0))

    def bug() -> None:
        raise KeyError("made up")

    world.timeline.at(5_000, bug)
    outcome = world.run()
    assert outcome.broken is not None
    assert "KeyError" in str(outcome.broken)


def failing(plan: Plan) -> Outcome:
    """A simulator that fails as long as there is a partition and a second faulty node."""
    outcome = Outcome(plan, slots=90)
    if "partition" in plan.faults and plan.byzantine >= 1:
        outcome.broken = Broken(RECOVERY, "made up")
    elif "partition" in plan.faults:
        outcome.broken = Broken(ONE_HISTORY, "another promise")
    return outcome


def test_a_failing_plan_is_shrunk_to_what_matters() -> None:
    plan = replace(plan_of(0, 21), faults=FAULTS, byzantine=6)
    smallest = shrink(failing(plan), failing).plan
    assert smallest.faults == ("partition",)
    assert (smallest.nodes, smallest.byzantine, smallest.slots) == (4, 1, 90)


def test_the_total_tells_violations_from_stuck_runs_and_finds_faults_that_never_happen() -> None:
    total = Total()
    for broken in (None, Broken(RECOVERY, ""), Broken(ONE_HISTORY, "")):
        plan = plan_of(0, 4)
        total.add(Outcome(plan, slots=10, final=5, recoveries=[(3, 9)], broken=broken))
    assert str(total) == "slots 30, final 15, violations 1, stuck 1, worst recovery 3 slots"
    assert total.unseen() == []
    total.seeds = 300
    total.fired = Counter(dict.fromkeys((*FAULTS, "reorder"), 1))
    assert total.unseen() == []
    del total.fired["dark"]
    assert total.unseen() == ["dark"]
