"""A story: commands as people type them, on a real local network, and what they print.

It is a test, since it fails where a command does not do what the story expects, and a page of
documentation, since it is written down as it happens.
"""

import json
import os
import re
import shlex
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from consensus.kinds import JsonObject
from tests.end_to_end.commands import ROOT, Ended, environment
from tests.end_to_end.test_up import started

POLL_S = 3.0  # each look costs a process
COMMAND_S = 300  # a command line that takes longer hangs
SHELL = "bash"
# Ids, addresses, hashes, keys and ports differ from one run to the next.
VARYING = re.compile(r"\b(?:reel1|baf[yk])[a-z0-9]{6,}\b|\b[0-9a-f]{16,}\b|127\.0\.0\.1:\d+")


@dataclass
class Telling:
    """A story that is being told: `folder` is where its commands run and its files lie, `addresses`
    are those of the local network's accounts, by name, and `pages` the Markdown so far."""

    folder: Path
    addresses: Mapping[str, str] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)

    def chapter(self, title: str, text: str = "") -> None:
        """Begin a chapter."""
        self.pages.append(f"## {title}")
        self.say(text)

    def say(self, text: str) -> None:
        """A paragraph."""
        if text:
            self.pages.append(" ".join(text.split()))

    async def do(self, line: str) -> str:
        """Run a command line, which must succeed, and show it with what it prints on stdout."""
        out = await self.run(line)
        self._show(line, out)
        return out

    async def run(self, line: str) -> str:
        """What a command line prints on stdout, which must succeed and is not shown."""
        ended = await self._run(line)
        assert ended.code == 0, f"$ {line}\n{ended.out}{ended.err}"
        return ended.out

    async def refused(self, line: str, code: str) -> None:
        """Run a command line that the chain or the command refuses with this code, and show it."""
        ended = await self._run(f"{line} --json")
        assert ended.code != 0, f"$ {line}\n{ended.out}"
        error = json.loads(ended.err)["error"]
        assert error["code"] == code, ended.err
        place = f"{error['field']}: " if error["field"] else ""
        self._show(line, f"reelect: {place}{error['message']}")

    async def ask(self, line: str) -> JsonObject:
        """The JSON answer of a command line, which is not shown: for what the story checks."""
        answer: JsonObject = json.loads(await self.run(f"{line} --json"))
        return answer

    async def until(self, line: str, holds: Callable[[JsonObject], bool]) -> JsonObject:
        """The first JSON answer of a command line of which `holds` is true."""
        while True:
            answer = await self.ask(line)
            if holds(answer):
                return answer
            await trio.sleep(POLL_S)

    @asynccontextmanager
    async def beside(self, name: str, *options: str) -> AsyncIterator[str]:
        """Another local network in a folder of this name, the API of whose first node is given; it
        has ended afterwards."""
        words = ("--data-dir", name, *options)
        self._show(f"{shlex.join(['reelect', 'up', *words, '--base-port', '0'])} &", "")
        async with started(self.folder, *words) as up:
            yield up.apis[0]
            assert await up.stop(signal.SIGINT) == 0

    def text(self) -> str:
        """The page."""
        return "\n\n".join(self.pages) + "\n"

    def _show(self, line: str, out: str) -> None:
        shown = [f"$ {line}", *(part.rstrip() for part in out.strip().splitlines())]
        self.pages.append("\n".join(("```console", *shown, "```")))

    async def _run(self, line: str) -> Ended:
        with trio.fail_after(COMMAND_S):
            done = await trio.run_process(
                [SHELL, "-euo", "pipefail", "-c", line],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                cwd=self.folder,
                env=_environment(self.folder),
            )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True)
class Story:
    """`introduction` says whose story it is; `options` are those of `reelect up`, and `before` are
    command lines that come before it."""

    title: str
    introduction: str
    options: tuple[str, ...]
    tell: Callable[[Telling], Awaitable[None]]
    before: tuple[str, ...] = ()

    def opening(self) -> str:
        """How the page begins."""
        started = shlex.join(["reelect", "up", *self.options])
        text = " ".join(self.introduction.split())
        shown = "\n".join(f"$ {line}" for line in (*self.before, started))
        return f"# {self.title}\n\n{text}\n\n```console\n{shown}\n```"


@asynccontextmanager
async def on_network(folder: Path, story: Story) -> AsyncIterator[Telling]:
    """A new local network that is ready, on which the story is told; it has ended afterwards."""
    command = folder / "bin" / "reelect"
    command.parent.mkdir()
    words = shlex.join([sys.executable, str(ROOT / "cli.py")])
    command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    telling = Telling(folder)
    for line in story.before:
        await telling.run(line)
    async with started(folder, *story.options) as up:
        telling.addresses = up.addresses
        yield telling
        assert await up.stop(signal.SIGINT) == 0


def _environment(folder: Path) -> dict[str, str]:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    compiled = str(folder / "compiled")  # once, and not for each command
    return environment(
        folder,
        PATH=path,
        COLUMNS="100",
        PYTHONPYCACHEPREFIX=compiled,
        PYTHONDONTWRITEBYTECODE="",
    )


def skeleton(page: str) -> list[str]:
    """A page without what commands print, and without what differs from run to run."""
    lines, is_output = list[str](), False
    for line in page.splitlines():
        if line.startswith("```"):
            is_output = line != "```"
        elif not is_output or line.startswith("$ "):
            lines.append(VARYING.sub("…", line))
    return lines
