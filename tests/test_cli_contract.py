"""The command line's contract: stdout is data, one sentence an error, exit codes, lazy imports."""

import errno
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
import trio

import cli
from consensus.errors import Invalid, InvalidEncoding, InvalidProof
from node.failure import (
    Failure,
    ProofFailed,
    Refused,
    TimedOut,
    Unreachable,
    Usage,
    failure_of,
)
from node.version import VERSION
from storage.content import ContentError
from storage.database import DatabaseError
from storage.journal import JournalError

ROOT = Path(__file__).resolve().parent.parent
HELLO_CID = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own settings is read or written."""
    for name in list(os.environ):
        if name.startswith("REELECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELECT_PASSWORD", "a password")
    monkeypatch.chdir(tmp_path)


def reelect(*arguments: str, **options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | options,
    )


class Command:
    """Adds the function `act` of this test as the command `act`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "COMMANDS", (("act", f"{__name__}:act", "Act."),))
        self.error: BaseException | None = None


COMMAND: Command | None = None


def act(*, json: bool = False) -> None:
    """Raise what the test says."""
    if COMMAND is not None and COMMAND.error is not None:
        raise COMMAND.error
    print("[]" if json else "data")


async def act_in_trio() -> None:
    """Print the clock of trio, which no other loop has."""
    await trio.lowlevel.checkpoint()
    print(trio.lowlevel.current_clock().__class__.__name__)


async def act_in_nursery() -> None:
    """Fail inside two nurseries."""
    async with trio.open_nursery(), trio.open_nursery():
        raise TimedOut("no block within 5 s", field="--wait")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    made = Command(monkeypatch)
    monkeypatch.setattr(sys.modules[__name__], "COMMAND", made)
    return made


EXPECTED: list[tuple[BaseException, int, str]] = [
    (Refused("taken", field="port"), 1, "port: taken"),
    (Usage("no"), 2, "no"),
    (Unreachable("nobody answers"), 3, "nobody answers"),
    (TimedOut("too late"), 4, "too late"),
    (ProofFailed("a lie", field="proof"), 5, "proof: a lie"),
    (InvalidProof("another root", field="state"), 5, "state: another root"),
    (InvalidEncoding("truncated", field="header.slot"), 1, "header.slot: truncated"),
    (
        OSError(errno.ENOSPC, "No space left on device", "/d/log"),
        1,
        "/d/log: No space left on device; make room on the disk, then try again",
    ),
    (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 1, "/x: No such file"),
    (DatabaseError("/d is owned by process 1"), 1, "/d is owned by process 1"),
    (JournalError("/j is damaged"), 1, "/j is damaged"),
    (ContentError("/c is full"), 1, "/c is full"),
    (ExceptionGroup("nursery", [Unreachable("gone")]), 3, "gone"),
]


@pytest.mark.parametrize(("error", "code", "sentence"), EXPECTED, ids=lambda item: repr(item)[:40])
def test_an_expected_error_is_one_sentence(
    error: BaseException,
    code: int,
    sentence: str,
    command: Command,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command.error = error
    assert cli.run(["act"]) == code
    assert capsys.readouterr() == ("", f"reelect: {sentence}\n")


def test_an_expected_error_as_json(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    command.error = Invalid("too high", field="actions[0].amount", code="overspent")
    assert cli.run(["act", "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "error": {"code": "overspent", "field": "actions[0].amount", "message": "too high"}
    }


@pytest.mark.parametrize(
    "error", [ValueError("bug"), KeyError("bug"), ExceptionGroup("", [Usage("u"), TypeError()])]
)
def test_a_bug_is_not_hidden(error: Exception, command: Command) -> None:
    command.error = error
    with pytest.raises(type(error)):
        cli.run(["act"])


def test_every_failure_has_its_own_code() -> None:
    kinds = (Refused, Usage, Unreachable, TimedOut, ProofFailed)
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5]
    assert len({kind.code for kind in kinds}) == 5
    failure = Failure("x")
    assert failure_of(failure) is failure


def test_an_interrupt_is_quiet(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    command.error = KeyboardInterrupt()
    assert cli.run(["act"]) == 130
    assert capsys.readouterr() == ("", "")


def test_text_cannot_steer_a_terminal(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    command.error = Refused("title \x1b[2J\u202e")
    cli.run(["act"])
    assert capsys.readouterr().err == "reelect: title \\x1b[2J\\u202e\n"


def test_commands_run_in_trio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", (("act", f"{__name__}:act_in_trio", ""),))
    assert cli.run(["act"]) == 0
    assert capsys.readouterr().out == "SystemClock\n"


def test_a_failure_in_a_nursery_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", (("act", f"{__name__}:act_in_nursery", ""),))
    assert cli.run(["act"]) == 4
    assert capsys.readouterr().err == "reelect: --wait: no block within 5 s\n"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["cid"], ["cid", "x", "--nonsense"], ["keys", "new", "--words", "x"]],
)
def test_a_usage_error_has_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("reelect: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["redemption", "vouchers", "--most", "0"], "--most"),
        (["redemption", "vouchers", "--most", "x"], "--most"),
        (["redemption", "show"], "OFFER"),
        (["redemption", "show", "1", "2"], ""),
    ],
)
def test_a_usage_error_names_its_field(
    arguments: list[str], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["field"] == field


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    page = capsys.readouterr().out
    for name, _, summary in cli.COMMANDS:
        assert f"  {name} " in page
        assert summary in page


def test_help_and_version_import_nothing_heavy() -> None:
    script = (
        "import sys, cli; cli.run(['--help']); cli.run(['--version']); "
        "heavy = {'cyclopts', 'trio', 'rich', 'plyvel', 'nacl', 'httpx', 'starlette', 'asyncio'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    out = capsys.readouterr().out
    assert out in (f"reelect {VERSION} (pure)\n", f"reelect {VERSION} (compiled)\n")


def test_the_reference_runs_where_it_is_wanted_though_there_are_extensions(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, '.'); import node.version as version; "
        "version.prefer_sources(); import consensus.codec; "
        "print(consensus.codec.__file__, version.build())"
    )
    for name in ("consensus", "node"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "consensus" / f"codec{EXTENSION_SUFFIXES[0]}").write_bytes(b"no extension")
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(tmp_path / "consensus" / "codec.py"), "pure"]
    command[-1] = script.replace("version.prefer_sources(); ", "")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode


@pytest.mark.parametrize("name", [name for name, _, _ in cli.COMMANDS])
def test_every_command_loads_and_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: reelect {name}")


@pytest.mark.parametrize("target", [target for _, target, _ in cli.COMMANDS])
def test_every_command_is_documented(target: str) -> None:
    module, _, attribute = target.partition(":")
    loaded = importlib.import_module(module)
    assert loaded.__doc__
    found = getattr(loaded, attribute)
    assert getattr(found, "help", None) or found.__doc__


@pytest.mark.parametrize("arguments", [["init"], ["tx", "call"]])
def test_help_fills_the_terminal_and_never_exceeds_it(arguments: list[str]) -> None:
    pages = []
    for width in (60, 100):
        page = reelect(*arguments, "--help", COLUMNS=str(width)).stdout
        assert max(len(line) for line in page.splitlines()) in range(width - 20, width + 1)
        assert not any(silent in page for silent in ("[default: False]", "[default: ()]"))
        pages.append(page.split())
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tx", "transfer", "dev1"], "AMOUNT is missing; see `reelect tx transfer --help`"),
        (["genesis", "build", "--preset", "devnet"], "--producers is missing"),
        (["status", "--node"], "--node needs a value; see `reelect status --help`"),
        (["status", "extra"], "'extra' is too much; see `reelect status --help`"),
        (["status", "--node", "bla"], "--node: http://host:port is expected, got 'bla'"),
    ],
)
def test_a_wrong_command_line_is_explained_in_its_own_words(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    assert capsys.readouterr().err.startswith(f"reelect: {said}")


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ((), "http://127.0.0.1:7480"),
        (("api.port=7501",), "http://127.0.0.1:7501"),
        (("api.port=7501", "api.host=0.0.0.0"), "http://127.0.0.1:7501"),
        (("api.port=7501", "api.host=::1"), "http://[::1]:7501"),
        (("api.port=7501", "client.node=http://other:1"), "http://other:1"),
    ],
)
def test_commands_ask_the_node_that_init_made(
    settings: tuple[str, ...], asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [word for setting in settings for word in ("--set", setting)]
    assert cli.run(["init", "--data-dir", str(tmp_path / "n"), *flags]) == 0
    capsys.readouterr()
    file = str(tmp_path / "n" / "config.toml")
    assert cli.run(["config", "show", "--config", file]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row[0] == "client.node"] == [asked]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name, _, _ in cli.COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], ["completion", "bash"]])
def test_a_closed_pipe_ends_quietly(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / "cli.py"), *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (cli.BROKEN_PIPE, b"")


def test_ctrl_c_ends_a_real_process(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # A shell that runs tests in the background has them, and what they start, ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "keys", "new", "--password-file", str(fifo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    signal.signal(signal.SIGINT, before)
    with fifo.open("wb"):  # opens when the command has begun to read it
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


def test_a_real_process_prints_data_only(tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_text("hello")
    done = reelect("cid", "hello.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, HELLO_CID + "\n", "")
    done = reelect("cid", "missing.txt", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert json.loads(done.stderr)["error"]["field"] == "missing.txt"
