"""The command line as processes of its own, as people and scripts run it."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parent.parent.parent
POLL_S = 0.2


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """The one JSON object on stdout of a command that succeeded."""
        assert self.code == 0, self.err
        found: dict[str, object] = json.loads(self.out)
        return found


def command_line(*arguments: str) -> list[str]:
    """How a command is started."""
    return [sys.executable, str(ROOT / "cli.py"), *arguments]


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Nothing of the tester's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REELECT_")}
    return {**kept, "HOME": str(home), **settings}


async def run(home: Path, *arguments: str, **settings: str) -> Ended:
    """Run a command to its end."""
    done = await trio.run_process(
        command_line(*arguments),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env=environment(home, **settings),
        stdin=subprocess.DEVNULL,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when the condition holds; the caller sets the deadline."""
    while not await condition():  # noqa: ASYNC110 - another process has no event to wait for
        await trio.sleep(POLL_S)
