"""Settings of all tests: nothing is timed, so hypothesis has no deadline."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TESTS = Path(__file__).parent
ALONE = {"end_to_end", "hostile"}
FIRST = {"stories"}  # they wait for days to pass, while others use the processors

_TOLD: list[tuple[int, int]] = []  # by workers: write points, and how often they were ends


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the machine for themselves; those that wait longest begin first."""
    for item in items:
        if _part(item) in ALONE:
            item.add_marker(pytest.mark.alone)
    items.sort(key=lambda item: _part(item) not in FIRST)


def _part(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker tell how often writes were interrupted in it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["crashes"] = _crashes()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take down what a worker tells; one that ended before its time tells nothing."""
    _TOLD.append(getattr(node, "workeroutput", {}).get("crashes", (0, 0)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often writes were interrupted, if any were."""
    points, ends = (sum(each) for each in zip(_crashes(), *_TOLD, strict=True))
    if points and "failed" not in terminalreporter.stats:
        terminalreporter.write_line(
            f"ended at {points} write and sync points, {ends} times in all: 0 lost or wrong states"
        )


def _crashes() -> tuple[int, int]:
    """The points and ends in this process, which are counted where the tests that do so run."""
    module = sys.modules.get("tests.simulation.crashes")
    return (0, 0) if module is None else (module.TOTAL.points, module.TOTAL.ends)
