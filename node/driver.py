"""Runs Works in trio: calls in threads, questions over the network, changes one at a time."""

from collections.abc import Callable, Coroutine
from typing import TypeVar

import trio

from consensus.errors import Invalid
from consensus.record import Record
from node.work import Ask, Call, Enter, Pause, Step, Wait, Work
from p2p.identity import PeerId
from p2p.network import Network, PeerInfo

T = TypeVar("T")


class Driver:
    """The trio side of a node's Works, and their way to its peers.

    `nursery`, which holds those that are spawned, and `network` are set before any runs.
    """

    def __init__(self) -> None:
        self._gate = trio.Lock()
        self._failure: Exception | None = None
        self.nursery: trio.Nursery
        self.network: Network

    def broadcast(self, message: Record, exclude: PeerId | None = None) -> None:
        """Send gossip to every peer that is not known to have it."""
        self.network.broadcast(message, exclude)

    def send(self, peer: PeerId, message: Record) -> bool:
        """Send gossip to one peer, even if it has it; False if it is gone."""
        return self.network.send(peer, message)

    def peers(self) -> tuple[PeerInfo, ...]:
        """The connected peers."""
        return self.network.peers()

    async def request(self, peer: PeerId, message: Record, timeout_s: float) -> Record:
        """A peer's answer; raises RequestFailed."""
        return await self.network.request(peer, message, timeout_s)

    def holders(self, message: Record) -> list[PeerId]:
        """The peers that are known to have this gossip."""
        return self.network.holders(message)

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        """Count points against a peer."""
        self.network.misbehaved(peer, points, why)

    def spawn(self, work: Work[None]) -> None:
        """Run a Work beside the others; what it raises stops the node."""
        self.nursery.start_soon(self.run, work)

    async def run(self, work: Work[T]) -> T:
        """Run a Work to its end. Can be cancelled while it asks, pauses or waits its turn."""
        return await _drive(work, self._do)

    async def enter(self, work: Work[T]) -> T:
        """Run a Work that changes the chain, as one whole: what is begun is finished, whoever
        loses interest.

        After a failure that is no rejection (a conflict, the disk, a bug) nobody is let in
        again, so that nothing is built on half a change: the failure is raised instead.
        """
        async with self._gate:
            if self._failure is not None:
                raise self._failure
            scope = trio.CancelScope(shield=True)
            try:
                with scope:
                    result = await _drive(work, self._do)
            except Invalid:
                raise
            except Exception as error:
                self._failure = error
                raise
            return result

    async def _do(self, step: Step) -> None:
        if isinstance(step, Call):
            await trio.to_thread.run_sync(step.call)
        elif isinstance(step, Enter):
            await self.enter(step.work)
        elif isinstance(step, Ask):
            timeout_s = step.timeout_ms / 1000
            step.answer = await self.network.request(step.peer, step.request, timeout_s)
        elif isinstance(step, Pause):
            await trio.sleep(step.duration_ms / 1000)
        elif isinstance(step, Wait):
            event = trio.Event()
            step.signal.add(event.set)
            await event.wait()


async def _drive(work: Work[T], do: Callable[[Step], Coroutine[object, object, None]]) -> T:
    """Do each step of a Work and resume it, with what the step raised if it did."""
    error: Exception | None = None
    while True:
        try:
            step = work.send(None) if error is None else work.throw(error)
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            await do(step)
        except Exception as raised:
            error = raised
        else:
            error = None
