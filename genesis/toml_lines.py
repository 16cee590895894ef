"""Where in a TOML text a value is written, for errors: the parser itself keeps no lines."""

import re
from collections import Counter

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*="
)


def line_of(text: str, path: str) -> int | None:
    """The line, from 1, of what is at a path such as `chain.slot_ms` or `setup[2].units`, else of
    the nearest thing around it; None if there is not even that."""
    best: tuple[int, int] | None = None
    for written, line in _written(text):
        if _is_around(written, path) and (best is None or len(written) > best[0]):
            best = (len(written), line)
    return None if best is None else best[1]


def _written(text: str) -> list[tuple[str, int]]:
    """The paths of all sections and keys with their lines, in order."""
    section, counts = "", Counter[str]()
    found: list[tuple[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = _plain(header[2])
            if header[1] == "[[":
                counts[name] += 1
            section = _of_latest(name, counts)
            found.append((section, number))
        elif key := _KEY.match(line):
            name = _plain(key[1])
            found.append((f"{section}.{name}" if section else name, number))
    return found


def _of_latest(name: str, counts: Counter[str]) -> str:
    """The section's path: what lies in an array of tables is in its latest one."""
    for array, count in counts.items():
        if name == array or name.startswith(f"{array}."):
            return f"{array}[{count - 1}]{name.removeprefix(array)}"
    return name


def _plain(name: str) -> str:
    return ".".join(part.strip().strip('"') for part in name.split("."))


def _is_around(written: str, path: str) -> bool:
    rest = path.removeprefix(written)
    return path.startswith(written) and rest[:1] in ("", ".", "[")
