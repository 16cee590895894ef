"""What the nodes' logs hold that no log should."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from consensus.kinds import JsonObject

SHOWN_LINES = 20
_ERROR = re.compile(r"^\S+ (ERROR|CRITICAL) ")
_BUG = re.compile(r"\bbug\b")
_TRACEBACK = "Traceback (most recent call last)"


@dataclass
class LogFaults:
    """How many lines of each sort, and the first of them with the names of their files."""

    tracebacks: int = 0
    bugs: int = 0
    errors: int = 0
    lines: list[str] = field(default_factory=list)

    def read(self, name: str, lines: Iterable[str]) -> None:
        """Take in a log."""
        for line in lines:
            found = (_TRACEBACK in line, bool(_BUG.search(line)), bool(_ERROR.match(line)))
            self.tracebacks += found[0]
            self.bugs += found[1]
            self.errors += found[2]
            if any(found) and len(self.lines) < SHOWN_LINES:
                self.lines.append(f"{name}: {line.rstrip()}")

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing of the kind."""
        return not (self.tracebacks or self.bugs or self.errors)

    def to_json(self) -> JsonObject:
        """For the report."""
        return {
            "tracebacks": self.tracebacks,
            "bugs": self.bugs,
            "errors": self.errors,
            "lines": list(self.lines),
        }


def read_logs(folders: Iterable[Path]) -> LogFaults:
    """Read what nodes have written into their folders."""
    faults = LogFaults()
    for folder in folders:
        for file in sorted([*folder.glob("node.log*"), *folder.glob("node.err")]):
            with file.open(encoding="utf-8", errors="replace") as lines:
                faults.read(f"{folder.name}/{file.name}", lines)
    return faults
