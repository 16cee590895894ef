"""What is found in logs."""

from pathlib import Path

from tests.soak.logs import SHOWN_LINES, LogFaults, read_logs

GOOD = "2026-01-01T00:00:00.000 WARNING reelect.p2p: ab: a peer sends no ERROR \n"
ERROR = "2026-01-01T00:00:00.000 ERROR   reelect.p2p: ab: a bug ends this connection\n"


def test_errors_bugs_and_tracebacks_are_found_in_all_logs(tmp_path: Path) -> None:
    (tmp_path / "node.log").write_text(GOOD + ERROR)
    (tmp_path / "node.log.1").write_text(GOOD)
    (tmp_path / "node.err").write_text("Traceback (most recent call last):\n  File\n")
    found = read_logs([tmp_path])
    assert (found.tracebacks, found.bugs, found.errors) == (1, 1, 1)
    assert [line.split(":")[0] for line in found.lines] == [
        f"{tmp_path.name}/node.err",
        f"{tmp_path.name}/node.log",
    ]
    assert not found.is_clean


def test_a_good_log_is_clean() -> None:
    found = LogFaults()
    found.read("node.log", [GOOD])
    assert found.is_clean


def test_only_some_lines_are_shown() -> None:
    found = LogFaults()
    found.read("node.log", [ERROR] * 100)
    assert (found.errors, len(found.lines)) == (100, SHOWN_LINES)
