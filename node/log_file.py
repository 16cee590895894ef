"""The node's log file, which may be on a full disk."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from node.output import warn

MAX_LOG_BYTES = 16 * 1024 * 1024  # then the file is renamed to NAME.1, which is replaced


class LogFile(RotatingFileHandler):
    """A log that says once, on stderr, that it cannot be written, and once that it can again.

    A node without a log still does its work; what it must not lose is in other files, whose
    errors stop it.
    """

    def __init__(self, file: Path) -> None:
        """Open the file, and make its folder if need be; raises OSError."""
        file.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(file, maxBytes=MAX_LOG_BYTES, backupCount=1)
        self._is_failing = False
        self._has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self._has_failed = False
        super().emit(record)
        if self._is_failing and not self._has_failed:
            self._is_failing = False
            warn(f"{self.baseFilename}: the log is written again")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Called by `emit` for what went wrong."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._has_failed = True
        if not self._is_failing:
            self._is_failing = True
            warn(
                f"{self.baseFilename}: the log cannot be written ({error.strerror}): make room on "
                "its disk; the node goes on, and what it says meanwhile may be lost"
            )
