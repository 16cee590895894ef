"""What a measurement says: progress on stderr, figures on stdout."""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Report: TypeAlias = "dict[str, Figure]"
Figure: TypeAlias = "float | str | Report"


def tell(text: str) -> None:
    """Progress, for people."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def spread(values: Sequence[float], digits: int = 2) -> Report:
    """The median of some measurements, the least and the greatest."""
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in figures.items()}


def show(report: Report, *, as_json: bool) -> None:
    """Print one JSON object, or a line for each figure under headings."""
    print(json.dumps(report) if as_json else "\n".join(_lines(report, 0)))


def _lines(report: Report, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, value in report.items():
        if isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _lines(value, depth + 1)
        else:
            yield f"{indent}{name:<{44 - len(indent)}} {value:>14}"
