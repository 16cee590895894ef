"""All benches in one go: `python -m bench [--quick] [--only ROW…] [--json]`.

Each row of the table is a figure beside what bounds it, measured a moment apart in the same run.
Progress goes to stderr, the table to stdout; a full run also writes it to bench/results.md, and all
figures to bench/results.json, others where --output says. Exit code 1 if something could not be
measured, whatever the figures are.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.ground import FULL, QUICK, Ground
from bench.machine import machine, versions
from bench.others import OTHERS, run_other
from bench.report import Report, tell
from bench.row import Row
from bench.rows import ROWS
from bench.scale import measure_scale
from bench.table import page
from node.threads import share_interpreter

SCALE = "scale"
NAMES = (*ROWS, SCALE, *OTHERS)
RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Measure, write and print."""
    options = _options()
    share_interpreter()
    begun = time.time()
    results: Report = {
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun)),
        "size": "quick" if options.quick else "full",
        "machine": machine(),
        "versions": versions(),
    }
    with tempfile.TemporaryDirectory(prefix="reelect-bench-") as folder:
        ground = Ground(Path(folder), QUICK if options.quick else FULL)
        results |= _measure(ground, options.only, quick=options.quick)
    results["seconds"] = round(time.time() - begun)
    text = page(results)
    is_whole = not options.quick and len(set(options.only)) == len(NAMES)
    output = options.output or (RESULTS if is_whole else None)
    if output is not None:
        output.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
        output.with_suffix(".md").write_text(text, "utf-8")
    print(json.dumps(results) if options.json else text, end="\n" if options.json else "")
    return 1 if '"error"' in json.dumps(results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, default=NAMES, metavar="ROW", help=", ".join(NAMES)
    )
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument(
        "--output", type=Path, help="a file for all figures; the table goes beside it, as .md"
    )
    return parser.parse_args()


def _measure(ground: Ground, names: Sequence[str], *, quick: bool) -> Report:
    rows: Report = {
        name: _try(name, partial(_row, row, ground)) for name, row in ROWS.items() if name in names
    }
    results: Report = {"rows": rows}
    if SCALE in names:
        results[SCALE] = _try(SCALE, partial(measure_scale, ground))
    others = [name for name in OTHERS if name in names]
    results["others"] = {name: _try(name, partial(run_other, name, quick=quick)) for name in others}
    return results


def _row(row: Row, ground: Ground) -> Report:
    return row.report(row.measure(ground))


def _try(name: str, measure: Callable[[], Report]) -> Report:
    """A report, or why there is none: the others are measured all the same."""
    tell(f"{name} begins")
    try:
        return measure()
    except Exception as error:  # whatever goes wrong, the other rows count
        tell(f"{name} failed: {error!r}")
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    sys.exit(main())
