"""Log lines that strangers can cause: one a second of each cause, with how many were left out."""

import logging
from collections import Counter

EVERY_S = 1.0


class LogLimit:
    """Lets a line through if none of its cause was in the last second. Causes are few: they are
    named in the code, never by a stranger."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._again_at: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def log(self, level: int, cause: str, now: float, line: str) -> None:
        """Log a line of this cause at `now` (seconds), or count it."""
        if now < self._again_at.get(cause, now):
            self._left_out[cause] += 1
            return
        self._again_at[cause] = now + EVERY_S
        left_out = self._left_out.pop(cause, 0)
        self._logger.log(level, "%s%s", line, f" (and {left_out} like it)" if left_out else "")
