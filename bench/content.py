"""What content costs: `python bench/content.py [--only ROW…] [--quick] [--json]`.

Each row measures one thing beside the bare thing that it is made of, in the same run: `ids` the
making of content ids beside flat SHA-256; `exchange` brings a file from another node, beside bare
TLS; `gateway` serves one, beside the same bytes out of memory; `publish` stores one on a real node
(1 GiB, some minutes) and tells the memory of that.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.content_exchange import measure_exchange  # noqa: E402
from bench.content_gateway import measure_gateway  # noqa: E402
from bench.content_ids import measure_ids  # noqa: E402
from bench.content_publish import measure_publish  # noqa: E402
from bench.report import Report, show  # noqa: E402


class Measure(Protocol):
    """What measures a row, in an empty folder of its own; `quick` asks for a small run."""

    def __call__(self, folder: Path, *, quick: bool) -> Report: ...


ROWS: Mapping[str, Measure] = {
    "ids": measure_ids,
    "exchange": measure_exchange,
    "gateway": measure_gateway,
    "publish": measure_publish,
}


def measure(rows: list[str], *, quick: bool) -> Report:
    """The measurements of these rows, one after the other."""
    report: Report = {}
    for row in rows:
        with tempfile.TemporaryDirectory(prefix=f"bench-content-{row}-") as folder:
            report[row] = ROWS[row](Path(folder), quick=quick)
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    show(measure(options.only, quick=options.quick), as_json=options.json)


if __name__ == "__main__":
    main()
