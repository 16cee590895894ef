"""A node as a child process: started, watched, measured and stopped."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import trio

import node
from node.failure import Refused, TimedOut
from node.new_node import CONFIG_FILE

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
TAIL_LINES = 12
LOG_FILE = "node.log"
_MAX_TAIL_BYTES = 16_384
_MAX_ANSWER_BYTES = 4096
_PROGRAM = Path(node.__file__).parent.parent / "cli.py"
_VARIABLE_PREFIX = "REELECT_"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: its highest resident memory, and processor time."""

    peak_rss_bytes: int
    cpu_s: float


class NodeState(Enum):
    """What a node's process does."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class NodeEnded(Refused):
    """A node's process ended by itself; `last_errors` are its last lines on stderr."""

    code = "node-ended"

    def __init__(self, message: str, *, field: str, last_errors: list[str]) -> None:
        super().__init__(message, field=field)
        self.last_errors = last_errors


class NodeProcess:
    """The process of the node in `folder`; `api` is its address once it runs.

    What it logs goes to node.log in the folder, what it says on stderr to node.err. It stops
    when this process ends, however that happens, as its standard input then closes.
    """

    def __init__(self, folder: Path) -> None:
        """A node that is not running yet."""
        self.name = folder.name
        self.config_file = folder / CONFIG_FILE
        self.log_file = folder / LOG_FILE
        self.api = ""
        self._error_file = folder / "node.err"
        self._process: trio.Process | None = None
        self._is_paused = False
        self._was_told_to_end = False

    @property
    def pid(self) -> int:
        """The process id; only after start."""
        return self._started.pid

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def state(self) -> NodeState:
        """What the process does, as far as this one has a hand in it."""
        if not self.is_running:
            return NodeState.STOPPED
        return NodeState.PAUSED if self._is_paused else NodeState.RUNNING

    @property
    def ended_by_itself(self) -> bool:
        """Whether it has ended, and nobody here wanted that."""
        return not (self.is_running or self._was_told_to_end)

    @property
    def _started(self) -> trio.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    async def start(self) -> None:
        """Start it and wait until it listens.

        Raises NodeEnded if it ends before, TimedOut if it takes longer than START_TIMEOUT_S.
        """
        self._is_paused = False
        with self._error_file.open("wb") as errors:
            self._process = await trio.lowlevel.open_process(
                [
                    *(sys.executable, str(_PROGRAM), "node"),
                    *("--config", str(self.config_file), "--stop-on-stdin-close"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
                start_new_session=True,  # Ctrl-C on the terminal is for this process alone
            )
        with trio.move_on_after(START_TIMEOUT_S):
            self.api = await self._read_address()
            self._was_told_to_end = False
            return
        raise TimedOut(
            f"did not listen within {START_TIMEOUT_S:.0f} s; see {self.log_file}", field=self.name
        )

    async def _read_address(self) -> str:
        """The API's address from the one line that a node prints when it listens."""
        stream = self._started.stdout
        line = b""
        while stream is not None and b"\n" not in line and len(line) < _MAX_ANSWER_BYTES:
            part = await stream.receive_some()
            if not part:
                await self._started.wait()
                raise self.ended()
            line += part
        return str(json.loads(line)["api"])

    async def wait(self) -> None:
        """Return when the process has ended, or at once if there is none."""
        if self._process is not None:
            await self._process.wait()

    def ended(self) -> NodeEnded:
        """What to say of a process that ended by itself."""
        code = self._started.returncode
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
        return NodeEnded(
            f"{how}; see {self.log_file}", field=self.name, last_errors=self._last_errors()
        )

    def _last_errors(self) -> list[str]:
        with self._error_file.open("rb") as errors:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _MAX_TAIL_BYTES))
            return errors.read().decode(errors="replace").splitlines()[-TAIL_LINES:]

    def pause(self) -> None:
        """Let it stand still, as a machine that sleeps does, until resume."""
        if self.is_running:
            self._started.send_signal(signal.SIGSTOP)
            self._is_paused = True

    def resume(self) -> None:
        """Let it go on after a pause."""
        if self.is_running:
            self._started.send_signal(signal.SIGCONT)
            self._is_paused = False

    def ask_to_stop(self) -> None:
        """Let it stop cleanly, paused or not; see wait."""
        if self.is_running:
            self._was_told_to_end = True
            self._started.terminate()
            self.resume()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.is_running:
            self._was_told_to_end = True
            self._started.kill()

    async def stop(self) -> None:
        """Let it stop cleanly, or kill it if that takes longer than STOP_TIMEOUT_S."""
        self.ask_to_stop()
        with trio.move_on_after(STOP_TIMEOUT_S):
            await self.wait()
        self.kill()
        await self.wait()

    def usage(self) -> Usage | None:
        """What the running process has used; None where the system doesn't say."""
        return read_usage(self.pid) if self.is_running else None


def read_usage(pid: int) -> Usage | None:
    """The use of a process of this machine, from Linux's /proc; None elsewhere."""
    folder = Path("/proc") / str(pid)
    try:
        status = (folder / "status").read_text()
        stat = (folder / "stat").read_text()
    except OSError:
        return None
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    user, system = stat.rpartition(")")[2].split()[11:13]
    if not peaks:
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return Usage(int(peaks[0]) * 1024, (int(user) + int(system)) / ticks)


def _environment() -> dict[str, str]:
    """This process's environment without settings: a node's are all in its file."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_VARIABLE_PREFIX)}
