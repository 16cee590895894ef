"""The economies of presets walked at random: `make economies STEPS=10000`, or
`python -m tests.economies --preset wepos --seed 7`.

A walk follows from its preset and seed. One line a type of action that succeeded, with how often;
then those that never did, and a sum. Exits with the broken promise and the step that broke it.
"""

import argparse
import sys
import time

from genesis.preset import preset_names
from tests.economies.walk import TYPES, Broken, Walk


def walk(preset: str, seed: int, steps: int) -> None:
    """Walk the preset's economy and print what was done."""
    begun, made = time.monotonic(), Walk(preset, seed)
    try:
        for number, _ in enumerate(made.steps(steps), 1):
            if sys.stderr.isatty() and number % 100 == 0:
                print(f"\r{preset}: {number} of {steps} steps", end="", file=sys.stderr)
    except Broken as broken:
        sys.exit(f"{preset}, seed {seed}, block {made.chain.height}: {broken}")
    for tag, times in sorted(made.done.items()):
        print(f"{tag:32} {times:>6}")
    for tag in TYPES:
        if tag not in made.done:
            codes = made.failed[tag].most_common(3)
            print(f"{tag:32}  never: {', '.join(f'{code} ({times})' for code, times in codes)}")
    spent = time.monotonic() - begun
    print(
        f"{preset}: {steps} steps on {made.days} days in {spent:.0f} s; {len(made.done)} types of "
        f"action succeeded {made.done.total()} times; 0 promises broken",
        flush=True,
    )


def main() -> None:
    """Walk the economies of all presets, or the one that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.economies")
    parser.add_argument("--steps", type=int, default=10_000, help="of each preset")
    parser.add_argument("--preset", choices=preset_names(), help="one alone")
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args()
    for preset in [wishes.preset] if wishes.preset else preset_names():
        walk(preset, wishes.seed, wishes.steps)


if __name__ == "__main__":
    main()
