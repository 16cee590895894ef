"""What `up` and `reset` refuse before anything runs."""

from pathlib import Path

import pytest

from tests.commands.conftest import Run


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--nodes", "0"), "--nodes"),
        (("--nodes", "22"), "--nodes"),
        (("--slot-ms", "99"), "--slot-ms"),
        (("--slot-ms", "60001"), "--slot-ms"),
        (("--preset", "other"), "--preset"),
        (("--for-slots", "0"), "--for-slots"),
        (("--for-slots", "16001"), "--for-slots"),
        (("--base-port", "65535"), "--base-port"),
        (("--base-port", "-2"), "--base-port"),
    ],
)
def test_impossible_networks(run: Run, home: Path, options: tuple[str, ...], field: str) -> None:
    answer = run("up", *options, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", field)
    folder = home / ".reelect" / "local"
    assert not folder.exists() or {item.name for item in folder.iterdir()} == {"lock"}


def test_a_folder_of_somebody_else(run: Run, home: Path) -> None:
    (home / "photos").mkdir()
    (home / "photos" / "cat.jpg").write_text("miaow")
    answer = run("up", "--base-port", "0", "--data-dir", "photos", "--json")
    assert (answer.code, answer.error["field"]) == (1, str(home / "photos"))
    assert (home / "photos" / "cat.jpg").read_text() == "miaow"
    assert run("reset", "--data-dir", "photos", "--yes").out.startswith("no local network")
    assert (home / "photos" / "cat.jpg").exists()


def test_nothing_to_reset(run: Run) -> None:
    answer = run("reset", "--yes")
    assert (answer.code, "no local network" in answer.out) == (0, True)


def test_reset_asks(run: Run, home: Path) -> None:
    folder = home / ".reelect" / "local"
    folder.mkdir(parents=True)
    (folder / "network.json").write_text("{}")
    answer = run("reset")
    assert answer.code == 2
    assert "--yes" in answer.err
    assert (folder / "network.json").exists()
    assert run("reset", "-y").code == 0
    assert {item.name for item in folder.iterdir()} == {"lock"}


def test_a_damaged_network(run: Run, home: Path) -> None:
    folder = home / ".reelect" / "local"
    folder.mkdir(parents=True)
    (folder / "network.json").write_text("{}")
    answer = run("up", "--base-port", "0", "--json")
    assert (answer.code, answer.error["field"]) == (1, str(folder / "network.json"))
    assert "reelect reset" in str(answer.error["message"])
