"""How commands speak with a running `reelect up`: over a socket in its folder, for its owner only.

Each request and each answer is a JSON object on a line. The answer is `{"network": …}`, how the
network is now, or `{"error": {code, field, message, exit_code}}`.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import trio

from consensus.errors import Invalid
from consensus.kinds import PublicKey, Text, Uint
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part
from node.failure import Failure, ProofFailed, Refused, TimedOut, Unreachable, Usage
from node.local.folder import LocalFolder
from node.local.process import START_TIMEOUT_S, STOP_TIMEOUT_S
from p2p.links import MAX_DELAY_MS, MAX_LOSS_PPM

MAX_LINE_BYTES = 65_536
# Systems take 104 bytes or a few more, with a zero at the end.
MAX_ADDRESS_BYTES = 103
# A restart of all nodes is the longest work.
ANSWER_TIMEOUT_S = MAX_PRODUCERS * (STOP_TIMEOUT_S + START_TIMEOUT_S)
_OPEN_FILES = "/proc/self/fd"  # where Linux shows a process its open files

SHOW, PARTITION, HEAL, LINK = "show", "partition", "heal", "link"
PAUSE, RESUME, KILL, STOP, RESTART = "pause", "resume", "kill", "stop", "restart"
_ACTIONS = (SHOW, PARTITION, HEAL, LINK, PAUSE, RESUME, KILL, STOP, RESTART)

Name = Annotated[str, Text(40)]
Names = Annotated[tuple[Name, ...], AtMost(MAX_PRODUCERS)]
Groups = Annotated[tuple[Names, ...], AtMost(MAX_PRODUCERS)]


@part
class ControlRequest(Record):
    """What is to be done: to `nodes`, or to the links: parted into `groups`, or with other faults,
    null for those that stay."""

    action: Annotated[str, Text(16, 1, "|".join(_ACTIONS))]
    nodes: Names = ()
    groups: Groups = ()
    latency_ms: Annotated[int, Uint(MAX_DELAY_MS)] | None = None
    jitter_ms: Annotated[int, Uint(MAX_DELAY_MS)] | None = None
    loss_ppm: Annotated[int, Uint(MAX_LOSS_PPM)] | None = None


@part
class ControlledNode(Record):
    """A node: `state` is running, paused or stopped; a stopped one has no `pid`."""

    name: Name
    id: PublicKey
    state: Name
    pid: Annotated[int, Uint()] | None
    api: Annotated[str, Text(200)]


@part
class ControlledNetwork(Record):
    """The network. `shape` is null for the usual one; nothing passes between `groups`."""

    nodes: Annotated[tuple[ControlledNode, ...], AtMost(MAX_PRODUCERS)]
    shape: Name | None
    latency_ms: Annotated[int, Uint()]
    jitter_ms: Annotated[int, Uint()]
    loss_ppm: Annotated[int, Uint()]
    groups: Groups


@part
class ControlError(Record):
    """Why something was not done; `exit_code` as in node/failure.py."""

    code: Annotated[str, Text(100)]
    field: Annotated[str, Text(4096)]
    message: Annotated[str, Text(MAX_LINE_BYTES)]
    exit_code: Annotated[int, Uint(255, 1)]

    def failure(self) -> Failure:
        """As the command ends."""
        families = {kind.exit_code: kind for kind in (Usage, Unreachable, TimedOut, ProofFailed)}
        family = families.get(self.exit_code, Refused)
        return family(self.message, field=self.field, code=self.code)


@part
class ControlAnswer(Record):
    """One of the two."""

    network: ControlledNetwork | None = None
    error: ControlError | None = None


@contextmanager
def socket_address(file: Path) -> Iterator[str]:
    """A name for a socket's file, while this is entered, that is short enough for systems; raises
    Refused if there is none, and FileNotFoundError if its folder is missing."""
    if len(os.fsencode(file)) <= MAX_ADDRESS_BYTES:
        yield str(file)
        return
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        if not Path(_OPEN_FILES, str(folder)).is_dir():
            raise Refused(
                f"too long for a socket's name, of which this system takes {MAX_ADDRESS_BYTES} "
                "bytes; choose a shorter --data-dir",
                field=str(file),
            )
        yield f"{_OPEN_FILES}/{folder}/{file.name}"
    finally:
        os.close(folder)


async def ask(folder: LocalFolder, request: ControlRequest) -> ControlledNetwork:
    """Have the network that runs in a folder do something.

    Raises Unreachable if none runs there, TimedOut, and what the network says of the request.
    """
    try:
        request.pack()
    except Invalid as error:
        raise Usage(error.message, field=error.field) from error
    answer: ControlAnswer | None = None
    with trio.move_on_after(ANSWER_TIMEOUT_S):
        answer = await _converse(folder, line_of(request))
    if answer is None:
        raise TimedOut(f"`reelect up` in {folder.root} did not answer; is it stopped?")
    if answer.error is not None:
        raise answer.error.failure()
    if answer.network is None:
        raise _nobody(folder)
    return answer.network


async def _converse(folder: LocalFolder, request: bytes) -> ControlAnswer:
    try:
        with socket_address(folder.control_socket) as address:
            stream = await trio.open_unix_socket(address)
        async with stream:
            await stream.send_all(request)
            line = await next_line(stream, bytearray())
        return ControlAnswer() if line is None else ControlAnswer.from_json(json.loads(line))
    except (FileNotFoundError, NotADirectoryError, ConnectionError) as error:
        raise _nobody(folder) from error
    except trio.BrokenResourceError as error:
        raise Unreachable(f"`reelect up` in {folder.root} has just ended") from error
    except (Invalid, ValueError) as error:
        raise Refused(
            f"`reelect up` in {folder.root} gives an answer of another version ({error}): start "
            "it again",
            code="other-version",
        ) from error


def _nobody(folder: LocalFolder) -> Unreachable:
    return Unreachable(
        f"no local network is ready in {folder.root}: start one with `reelect up`, and wait "
        "until it shows its nodes"
    )


def line_of(record: Record) -> bytes:
    """A request or answer as it is sent."""
    return json.dumps(record.to_json(), ensure_ascii=False).encode() + b"\n"


async def next_line(stream: trio.abc.ReceiveStream, waiting: bytearray) -> bytes | None:
    """The next line, of at most MAX_LINE_BYTES (ValueError); None at the end. `waiting` keeps what
    came after it."""
    while b"\n" not in waiting:
        if len(waiting) > MAX_LINE_BYTES:
            raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes")
        data = await stream.receive_some(MAX_LINE_BYTES)
        if not data:
            return None
        waiting += data
    line, _, rest = bytes(waiting).partition(b"\n")
    waiting[:] = rest
    return line
