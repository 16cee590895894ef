"""The benches of single things, each run as a user would, and what they have as ratios."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.compiled_build import ROOT
from bench.report import Figure, Report

# How a figure that is measured beside its limit is called.
_RATIO_MARKS = ("share_of_", "_per_bare_", "_per_copy", "_to_sha256")


class Arguments(NamedTuple):
    """Of a full run, and of a quick one."""

    full: Sequence[str]
    quick: Sequence[str]


# By the name of the file.
OTHERS: Mapping[str, Arguments] = {
    "state": Arguments((), ("--quick",)),
    "gossip": Arguments((), ("--quick", "--nodes", "6")),
    "content": Arguments((), ("--quick",)),
    "sealing": Arguments((), ("--quick",)),
    "possession": Arguments((), ("--mib", "3")),
    "stall": Arguments((), ("--blocks", "50")),
    "join": Arguments(
        ("--blocks", "1000"), ("--accounts", "1000", "--blocks", "150", "--transfers", "5")
    ),
    "catch_up": Arguments(
        ("--blocks", "1200"), ("--blocks", "150", "--peers", "2", "--transfers", "1")
    ),
}


def run_other(name: str, *, quick: bool) -> Report:
    """The report of a bench; raises RuntimeError with its last words if it fails."""
    arguments = OTHERS[name].quick if quick else OTHERS[name].full
    command = [sys.executable, str(ROOT / "bench" / f"{name}.py"), *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip()[-500:]}")
    report: Report = json.loads(done.stdout)
    return report


def ratios(report: Report, path: str = "") -> Iterator[tuple[str, Figure]]:
    """The figures of a report that are ratios, by their paths; a spread as it is."""
    for name, value in report.items():
        place = f"{path}.{name}" if path else name
        is_ratio = any(mark in name for mark in _RATIO_MARKS)
        if isinstance(value, dict) and not (is_ratio and "median" in value):
            yield from ratios(value, place)
        elif is_ratio and not isinstance(value, str):
            yield place, value
