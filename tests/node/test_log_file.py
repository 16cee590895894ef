"""A log on a full disk: said once, and the node goes on."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.log_file import LogFile

FULL = Path("/dev/full")  # takes nothing


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    handler = LogFile(tmp_path / "logs" / "node.log")
    yield handler
    handler.close()


def _say(handler: LogFile, text: str) -> None:
    handler.handle(logging.LogRecord("reelect", logging.INFO, "", 0, text, (), None))


def test_a_full_disk_is_said_once_and_so_is_its_end(
    log: LogFile, capsys: pytest.CaptureFixture[str]
) -> None:
    _say(log, "before")
    good, log.stream = log.stream, FULL.open("w")
    for _ in range(3):
        _say(log, "lost")
    with pytest.raises(OSError, match="No space"):
        log.stream.close()
    log.stream = good
    assert capsys.readouterr().err == (
        f"reelect: {log.baseFilename}: the log cannot be written (No space left on device): make "
        "room on its disk; the node goes on, and what it says meanwhile may be lost\n"
    )
    for _ in range(2):
        _say(log, "after")
    assert capsys.readouterr().err == f"reelect: {log.baseFilename}: the log is written again\n"
    assert Path(log.baseFilename).read_text() == "before\nafter\nafter\n"


def test_a_bug_in_what_is_logged_is_still_shown(
    log: LogFile, capsys: pytest.CaptureFixture[str]
) -> None:
    log.handle(logging.LogRecord("reelect", logging.INFO, "", 0, "%d", ("x",), None))
    assert "Logging error" in capsys.readouterr().err
