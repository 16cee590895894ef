"""Work: what a node does, step by step, whoever runs it (sans-I/O).

A Work is a generator. It yields what it cannot do itself and goes on when that is done, or with
the exception that doing it raised. In a node trio runs the steps (node/driver.py); in the
simulator a virtual clock does, which may also stop for good between any two of them.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from consensus.record import Record
from p2p.identity import PeerId

T = TypeVar("T")

ANSWER_MS = 10_000  # how long an answer is waited for, unless the question says


@dataclass(frozen=True, slots=True)
class Call:
    """A call that may block: on the disk, or by computing for long."""

    call: Callable[[], None]


@dataclass(slots=True)
class Ask:
    """A request to a peer; whoever runs it sets `answer`, or throws RequestFailed in: a
    RequestTimeout after so many milliseconds."""

    peer: PeerId
    request: Record
    timeout_ms: int = ANSWER_MS
    answer: Record | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on so many milliseconds later."""

    duration_ms: int


@dataclass(slots=True, eq=False)
class Signal:
    """Lets the Works go on that wait for it now, not those that begin to wait later."""

    _waiting: list[Callable[[], None]] = field(default_factory=list)

    def add(self, resume: Callable[[], None]) -> None:
        """Have `resume` called once, when it is set next."""
        self._waiting.append(resume)

    def set(self) -> None:
        """Let them go on."""
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on when a signal is set."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class Enter:
    """A Work that changes the chain: such Works run one at a time, each to its end."""

    work: "Work[None]"


Step: TypeAlias = Call | Ask | Pause | Wait | Enter
Work: TypeAlias = Generator[Step, None, T]


def blocking(call: Callable[[], T]) -> Work[T]:
    """The result of a call that may block."""
    results: list[T] = []
    yield Call(lambda: results.append(call()))
    return results[0]


def ask(peer: PeerId, request: Record, timeout_ms: int = ANSWER_MS) -> Work[Record]:
    """A peer's answer; raises RequestFailed."""
    question = Ask(peer, request, timeout_ms)
    yield question
    if question.answer is None:
        raise RuntimeError("a question was resumed without its answer")
    return question.answer


def pause(duration_ms: int) -> Work[None]:
    """Wait; not at all if the duration is not positive."""
    if duration_ms > 0:
        yield Pause(duration_ms)


def wait(signal: Signal) -> Work[None]:
    """Wait until the signal is set."""
    yield Wait(signal)


def enter(work: Work[T]) -> Work[T]:
    """The result of a Work that changes the chain."""
    results: list[T] = []
    yield Enter(_collecting(results, work))
    return results[0]


def _collecting(results: list[T], work: Work[T]) -> Work[None]:
    results.append((yield from work))
