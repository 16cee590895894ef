"""Requests to one peer that wait for their answers."""

from dataclasses import dataclass

import trio

from consensus.record import Record
from p2p.frames import MAX_REQUEST
from p2p.limits import ABANDONED_REQUESTS, MAX_ASKING
from p2p.messages import MessageKind, Refusal


class RequestFailed(Exception):
    """A request got no answer."""


class PeerGone(RequestFailed):
    """There is no connection to the peer, or it broke before the answer came."""


class RequestTimeout(RequestFailed):
    """The answer did not come in time."""


class RemoteError(RequestFailed):
    """The peer refused the request, for the reason given."""


@dataclass(slots=True)
class Question:
    """A request on its way: its number, the answer's type, and the answer once it is there."""

    number: int
    answer_type: type[Record]
    done: trio.Event
    answer: Record | None = None


class Questions:
    """The open questions by number, at most MAX_ASKING, and the numbers of those that were given
    up lately: their answers may still come."""

    def __init__(self) -> None:
        self._open: dict[int, Question] = {}
        self._abandoned: dict[int, None] = {}
        self._last = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another."""
        return len(self._open) >= MAX_ASKING

    def ask(self, answer_type: type[Record]) -> Question:
        """A new question with a number of its own."""
        self._last = self._last % MAX_REQUEST + 1
        question = self._open[self._last] = Question(self._last, answer_type, trio.Event())
        return question

    def give_up(self, question: Question) -> None:
        """Nobody waits for the answer any more."""
        del self._open[question.number]
        if question.answer is None:
            self._abandoned[question.number] = None
            if len(self._abandoned) > ABANDONED_REQUESTS:
                del self._abandoned[next(iter(self._abandoned))]

    def expects(self, number: int, answer: type[Record]) -> bool:
        """Whether an answer of this type with this number may come now."""
        question = self._open.get(number)
        if question is None:
            return number in self._abandoned
        return question.answer is None and answer in (question.answer_type, Refusal)

    def answered(self, number: int, kind: MessageKind, payload: bytes) -> None:
        """Take an expected answer; raises InvalidEncoding. One that comes late is dropped."""
        question = self._open.get(number)
        if question is None:
            self._abandoned.pop(number, None)
            return
        question.answer = kind.record.decode(payload)
        question.done.set()

    def close(self) -> None:
        """No answer will come to any of them."""
        for question in self._open.values():
            question.done.set()
