"""Shrinking: the smallest plan that still breaks the same promise."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.plan import Plan
from tests.simulation.world import Outcome

MAX_RUNS = 60
MIN_NODES = 4
MIN_SLOTS = 30

Run = Callable[[Plan], Outcome]


def shrink(failed: Outcome, run: Run) -> Outcome:
    """The outcome of the smallest plan found: fewer nodes, faults, slots and members at fault.

    Each step keeps what still breaks the same promise; at most MAX_RUNS runs.
    """
    best, runs = failed, 0
    improved = True
    while improved and runs < MAX_RUNS:
        improved = False
        for smaller in _smaller(best):
            if runs >= MAX_RUNS:
                break
            runs += 1
            outcome = run(smaller)
            if _is_alike(outcome, failed):
                best, improved = outcome, True
                break
    return best


def _is_alike(outcome: Outcome, failed: Outcome) -> bool:
    if outcome.broken is None or failed.broken is None:
        return False
    return outcome.broken.promise == failed.broken.promise


def _smaller(outcome: Outcome) -> Iterator[Plan]:
    """Plans with one thing less each, the greatest savings first."""
    plan = outcome.plan
    for nodes in (MIN_NODES, 7):
        if nodes < plan.nodes:
            faulty = min(plan.byzantine, (nodes - 1) // 3)
            yield replace(plan, nodes=nodes, spare=min(plan.spare, nodes), byzantine=faulty)
    ended = outcome.slots
    if MIN_SLOTS <= ended < plan.slots:
        yield replace(plan, slots=ended)
    if plan.byzantine:
        yield replace(plan, byzantine=0)
    half = len(plan.faults) // 2
    if half > 1:
        yield replace(plan, faults=plan.faults[:half])
        yield replace(plan, faults=plan.faults[half:])
    for fault in plan.faults:
        yield replace(plan, faults=tuple(kept for kept in plan.faults if kept != fault))
