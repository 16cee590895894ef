"""A node whose peers take their time: Works go on when virtual time is there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from consensus.record import Record
from node.work import Ask, Pause, Step, Wait, Work
from p2p.questions import RequestFailed, RequestTimeout
from tests.node.bench import Bench
from tests.simulation.clock import Timeline

NEVER_MS = 10**9


@dataclass
class TimedPeer:
    """A peer that answers after `delay_ms`; `asked` are all questions to it."""

    answer: Callable[[bytes, Record], Record]
    delay_ms: int = 50

    def __post_init__(self) -> None:
        self.asked: list[Record] = []


class TimedBench(Bench):
    """A node with the peers of `peers`, on a timeline; `run_all` lets everything happen."""

    peers: dict[bytes, TimedPeer]
    timeline: Timeline

    def _start(self) -> None:
        self.timeline, self.blamed_peers = Timeline(), list[bytes]()
        self.peers = getattr(self, "peers", {})
        super()._start()

    def _now(self) -> int:
        return self.now_ms + int(self.timeline.now)

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        """A peer is blamed."""
        super().misbehaved(peer, points, why)
        self.blamed_peers.append(peer)

    def spawn(self, work: Work[None]) -> None:
        """Carry it out as far as it goes without waiting."""
        self._resume(work, None)

    def run_all(self) -> float:
        """Let everything happen that is under way; returns the milliseconds that it took."""
        began = self.timeline.now
        self.timeline.run_out()
        return self.timeline.now - began

    def _resume(self, work: Work[None], error: Exception | None) -> None:
        while True:
            try:
                step = work.send(None) if error is None else work.throw(error)
            except StopIteration:
                return
            error = None
            if isinstance(step, (Ask, Pause, Wait)):
                self._wait(work, step)
                return
            try:
                self._do(step)
            except Exception as raised:
                error = raised

    def _wait(self, work: Work[None], step: Step) -> None:
        go_on = partial(self._resume, work, None)
        if isinstance(step, Pause):
            self.timeline.after(step.duration_ms, go_on)
        elif isinstance(step, Wait):
            step.signal.add(lambda: self.timeline.after(0, go_on))
        elif isinstance(step, Ask):
            peer = self.peers[step.peer]
            peer.asked.append(step.request)
            if peer.delay_ms >= step.timeout_ms:
                late = RequestTimeout("late")
                self.timeline.after(step.timeout_ms, partial(self._resume, work, late))
            else:
                self.timeline.after(peer.delay_ms, partial(self._answered, work, step))

    def _answered(self, work: Work[None], step: Ask) -> None:
        try:
            step.answer = self.peers[step.peer].answer(step.peer, step.request)
        except RequestFailed as error:
            self._resume(work, error)
        else:
            self._resume(work, None)
