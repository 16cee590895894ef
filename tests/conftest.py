"""Settings of all tests: nothing is timed, so hypothesis has no deadline."""

import sys

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often writes were interrupted, if any were."""
    crashes = sys.modules.get("tests.simulation.crashes")
    if crashes is not None and crashes.TOTAL.points and "failed" not in terminalreporter.stats:
        terminalreporter.write_line(
            f"ended at {crashes.TOTAL.points} write and sync points, {crashes.TOTAL.ends} times in "
            "all: 0 lost or wrong states"
        )
