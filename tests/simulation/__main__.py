"""Run seeds: `python -m tests.simulation --seeds 200 --nodes 21`, or see --help.

Progress goes to stderr; the last line of stdout sums up. Exit code 1 if a promise was broken or
if a kind of fault never happened in 300 seeds or more.
"""

import argparse
import gc
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

from tests.simulation.checks import RECOVERY
from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import CHANGES, FAULTS, Plan, plan_of
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, run_plan

SEEDS_TO_SEE_EVERYTHING = 300
PROGRESS_S = 5.0
SEEDS_A_PROCESS = 20


def main() -> int:
    """The command."""
    options = _options()
    plans = [_altered(plan_of(seed, options.nodes), options) for seed in _seeds(options)]
    if options.trace:
        return _trace(plans[0], options.mutant)
    total, began = Total(), time.monotonic()
    shown = began
    for outcome in _run_all(plans, options):
        total.add(outcome)
        if outcome.broken is not None:
            _report(outcome, options)
            if options.mutant:
                break
        if time.monotonic() - shown > PROGRESS_S:
            shown = time.monotonic()
            _say(f"{total.seeds} of {len(plans)} seeds, {total}")
    rate = total.node_slots / (time.monotonic() - began)
    _say(f"{total.node_slots} node-slots, {rate:.0f} a second in {options.jobs} processes")
    unseen = total.unseen()
    _say("happened: " + ", ".join(f"{name} {total.fired[name]}" for name in sorted(total.fired)))
    if unseen:
        _say("never happened: " + ", ".join(unseen))
    print(f"seeds {total.seeds}, {total}")
    return 1 if total.violations or total.stuck or unseen else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--nodes", type=int, default=4, help="seats, one a node: 4 to 21")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--trace", action="store_true", help="show what happens in the first seed")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="run a broken protocol")
    parser.add_argument("--spare", type=int, help="nodes whose seats later sets take")
    parser.add_argument("--byzantine", type=int, help="how many nodes are faulty")
    parser.add_argument("--slots", type=int, help="at least so many slots")
    parser.add_argument("--chaos", type=int, help="slots of a spell of chaos")
    parser.add_argument("--change", choices=CHANGES, help="how sets differ")
    parser.add_argument("--only", help="only these faults, with commas between them")
    options = parser.parse_args()
    if not 4 <= options.nodes <= 21:
        parser.error("--nodes: 4 to 21")
    if options.seeds < 1:
        parser.error("--seeds: 1 or more")
    for fault in _named_faults(options):
        if fault not in FAULTS:
            parser.error(f"--only: no fault {fault!r}; there are {', '.join(FAULTS)}")
    return options


def _seeds(options: argparse.Namespace) -> range:
    return range(options.first, options.first + options.seeds)


def _named_faults(options: argparse.Namespace) -> list[str]:
    return [fault for fault in (options.only or "").split(",") if fault]


def _altered(plan: Plan, options: argparse.Namespace) -> Plan:
    names = ("spare", "byzantine", "slots", "chaos", "change")
    changes = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.only is not None:
        changes["faults"] = tuple(_named_faults(options))
    return replace(plan, **changes)


def run_one(plan: Plan, mutant: str | None = None) -> Outcome:
    """Run a plan, on a mutant if it is named. Garbage waits for the end: a run is short."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    gc.freeze()  # what was there before is not looked through again
    with MUTANTS[mutant]() if mutant else nullcontext():
        outcome = run_plan(plan)
    gc.collect()
    return outcome


def _run_all(plans: list[Plan], options: argparse.Namespace) -> Iterator[Outcome]:
    run = partial(run_one, mutant=options.mutant)
    if options.jobs == 1:
        yield from map(run, plans)
        return
    with multiprocessing.Pool(options.jobs, maxtasksperchild=SEEDS_A_PROCESS) as pool:
        yield from pool.imap(run, plans)


@dataclass
class Total:
    """What the outcomes of many seeds come to."""

    seeds: int = 0
    slots: int = 0
    final: int = 0
    node_slots: int = 0
    violations: int = 0
    stuck: int = 0
    worst_slots: int = 0
    fired: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.seeds += 1
        self.slots += outcome.slots
        self.final += outcome.final
        self.node_slots += outcome.node_slots
        self.fired.update(outcome.fired)
        self.worst_slots = max([self.worst_slots, *(taken for taken, _ in outcome.recoveries)])
        if outcome.broken is not None:
            is_stuck = outcome.broken.promise == RECOVERY
            self.stuck += is_stuck
            self.violations += not is_stuck

    def unseen(self) -> list[str]:
        """The faults that never happened, if there were seeds enough for all."""
        if self.seeds < SEEDS_TO_SEE_EVERYTHING:
            return []
        return [fault for fault in (*FAULTS, "reorder") if not self.fired[fault]]

    def __str__(self) -> str:
        return (
            f"slots {self.slots}, final {self.final}, violations {self.violations}, "
            f"stuck {self.stuck}, worst recovery {self.worst_slots} slots"
        )


def _report(outcome: Outcome, options: argparse.Namespace) -> None:
    """Say what broke, and the smallest run that breaks so as one command."""
    _say(f"seed {outcome.plan.seed}: {outcome.broken}")
    _say("shrinking it")
    smallest = shrink(outcome, partial(run_one, mutant=options.mutant))
    print(f"seed {outcome.plan.seed}: {smallest.broken}")
    print(f"  {_command(smallest.plan, options.mutant)}")


def _command(plan: Plan, mutant: str | None) -> str:
    words = ["python -m tests.simulation --trace"]
    words += [f"--first {plan.seed}", f"--nodes {plan.nodes}", f"--spare {plan.spare}"]
    words += [f"--byzantine {plan.byzantine}", f"--slots {plan.slots}", f"--chaos {plan.chaos}"]
    words += [f"--change {plan.change}", f"--only '{','.join(plan.faults)}'"]
    return " ".join(words + ([f"--mutant {mutant}"] if mutant else []))


def _trace(plan: Plan, mutant: str | None) -> int:
    """Print the run line by line."""
    logging.disable(logging.CRITICAL)
    with MUTANTS[mutant]() if mutant else nullcontext():
        outcome = run_plan(plan, show=print)
    print(f"{outcome.slots} slots, final height {outcome.final}, {outcome.handovers} handovers")
    print(f"trace {outcome.trace}")
    if outcome.broken is None:
        return 0
    print(f"broken: {outcome.broken}")
    return 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
