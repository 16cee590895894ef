"""Fuzzing guided by coverage: `make fuzz CASES=1000000`, or `python -m tests.fuzz --only block`.

The cases are shared out evenly; each target runs in a process of its own, whose memory and whose
time for one case are bounded. What it found stays in a folder, and so does a case that broke a
promise, whose file's name is printed. One line a target, and a last one with the sum.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(".fuzz")
MAX_RSS_MB = 512
MAX_CASE_S = 5
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+)")


def run_target(name: str, cases: int, seed: int) -> tuple[int, int]:
    """Fuzz one target; how many cases ran, and how much code they reached. Exits if one of them
    breaks a promise."""
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(FOLDER), f"-runs={cases}"]
    limits = [f"-rss_limit_mb={MAX_RSS_MB}", f"-timeout={MAX_CASE_S}", f"-seed={seed}"]
    done = subprocess.run([*command, *limits], check=False, capture_output=True, text=True)
    found = _DONE.search(done.stderr)
    if done.returncode or found is None:
        sys.exit(f"{name}: a promise is broken\n{done.stdout[-4000:]}{done.stderr[-6000:]}")
    return int(found[1]), int(found[2])


def main() -> None:
    """Fuzz all targets, or the one that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--cases", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--only", help="the name of one target")
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args()
    from tests.fuzz.targets import TARGETS  # the arguments are looked at first

    names = [name for name in TARGETS if wishes.only in (None, name)]
    share = -(-wishes.cases // len(names))
    begun, total = time.monotonic(), 0
    for name in names:
        cases, reached = run_target(name, share, wishes.seed)
        total += cases
        print(f"{name:28} {cases:>9} cases, {reached:>5} branches reached", flush=True)
    spent = time.monotonic() - begun
    print(f"{len(names)} targets, {total} cases in {spent:.0f} s: 0 promises broken")


if __name__ == "__main__":
    main()
