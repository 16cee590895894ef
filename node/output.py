"""What commands print: data on stdout, progress and errors on stderr.

Names and titles come from strangers, so that text shown to people is stripped of control
characters; JSON escapes them by itself.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from consensus.kinds import Json
from node.failure import Failure

CLEAR_LINE = "\r\x1b[K"


def print_json(value: Json) -> None:
    """One JSON document on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False))


def print_line(text: str) -> None:
    """One line of text on stdout."""
    print(printable(text))


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values in two aligned columns."""
    print_rows([(name, _shown(value)) for name, value in fields.items()])


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A heading and rows in aligned columns; nothing is cut or wrapped."""
    print_rows([columns, *([_shown(value) for value in row] for row in rows)])


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Rows of equally many texts in aligned columns."""
    cells = [[printable(text) for text in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())


def _shown(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value) or "-"
    return str(value)


def printable(text: str) -> str:
    """`text` with everything that could steer a terminal written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def utc(time_ms: int) -> str:
    """A time (ms from the Unix epoch) as people read it."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def progress(text: str) -> None:
    """A line on stderr for people watching; nothing when stderr is not a terminal."""
    if sys.stderr.isatty():
        print(printable(text), file=sys.stderr, flush=True)


def live_line(text: str) -> None:
    """Replace the last line on stderr; nothing when stderr is not a terminal."""
    if sys.stderr.isatty():
        print(f"{CLEAR_LINE}{printable(text)}", end="", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """A line on stderr that must be seen, terminal or not; it takes the place of a live line."""
    start = CLEAR_LINE if sys.stderr.isatty() else ""
    print(f"{start}reelect: {printable(text)}", file=sys.stderr, flush=True)


def print_failure(failure: Failure, *, as_json: bool) -> None:
    """One sentence on stderr, or with --json the object {"error": {code, field, message}}."""
    if as_json:
        error = {"code": failure.code, "field": failure.field, "message": failure.message}
        print(json.dumps({"error": error}, ensure_ascii=False), file=sys.stderr)
    else:
        warn(str(failure))
