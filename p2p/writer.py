"""Sends what is queued for one peer, piece by piece, and at last a Goodbye."""

import math

import trio

from p2p.budget import Count
from p2p.frames import frame_bytes
from p2p.messages import BY_TYPE, Goodbye, reason_text
from p2p.sendqueue import SendQueue


class Writer:
    """The writing side of a connection; bytes that are being sent count in `held`."""

    def __init__(self, stream: trio.abc.Stream, queue: SendQueue, held: Count) -> None:
        self._stream = stream
        self._queue = queue
        self._held = held
        self._wake = trio.Event()
        self._waits_for_s = math.inf
        self._since: float | None = None
        self._farewell: str | None = None

    def wake(self) -> None:
        """Something was queued: it wakes who waits for company longer than it may."""
        if self._queue.linger_s < self._waits_for_s:
            self._wake.set()

    def say_goodbye(self, reason: str) -> None:
        """Send what is queued now, a Goodbye, and no more."""
        self._farewell = reason
        self._wake.set()

    def stuck_for(self, now: float) -> float:
        """For how many seconds the peer has taken nothing of what is being sent."""
        return 0.0 if self._since is None else now - self._since

    async def run(self) -> None:
        """Send until the Goodbye is sent; raises trio.BrokenResourceError or
        trio.ClosedResourceError."""
        while self._farewell is None:
            await self._something_to_send()
            data = self._queue.take()
            if data:
                await self._send(data)
        last = Goodbye(reason_text(self._farewell)).encode()
        await self._send(self._queue.take() + frame_bytes(BY_TYPE[Goodbye].number, 0, last))

    async def _send(self, data: bytes) -> None:
        self._since = trio.current_time()
        self._held(len(data))
        await self._stream.send_all(data)
        self._held(-len(data))
        self._since = None

    async def _something_to_send(self) -> None:
        """Wait until something is queued and has lingered long enough."""
        await self._more_urgent_than(math.inf)
        queue, since = self._queue, trio.current_time()
        while self._farewell is None and trio.current_time() < since + queue.linger_s:
            with trio.CancelScope(deadline=since + queue.linger_s):
                await self._more_urgent_than(queue.linger_s)

    async def _more_urgent_than(self, linger_s: float) -> None:
        """Wait for the farewell, or something that may linger for less than so many seconds."""
        while self._farewell is None and self._queue.linger_s >= linger_s:
            self._wake, self._waits_for_s = trio.Event(), linger_s
            await self._wake.wait()
