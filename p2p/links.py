"""Faults of the links between nodes, made by the nodes themselves: for networks on one machine.

A FaultyStream stands between TLS and TCP and delays what its own node sends, one way: with the
same faults at both ends a question takes twice the latency. Bytes never overtake each other, as
TCP has it; a segment that is lost comes after a retransmission, and all that follows waits for it.
"""

import random
from collections import deque
from typing import Annotated

import trio

from consensus.kinds import PublicKey, Uint
from consensus.record import AtMost, Record, part
from p2p.identity import PeerId, short_id

MAX_DELAY_MS = 2_000
MAX_LOSS_PPM = 500_000
MAX_BLOCKED = 64
MILLION = 1_000_000
# What one packet carries on most networks, and so what is lost at once.
SEGMENT_BYTES = 1_460
# Linux sends again after the round trip, and 200 ms at least.
LEAST_RETRANSMISSION_S = 0.2
MAX_IN_FLIGHT_BYTES = 1024 * 1024
# From the dialler's first byte until it has the listener's Proof.
HANDSHAKE_TRIPS = 6


@part
class LinkFaults(Record):
    """What happens to all that a node sends: it arrives after `latency_ms`, more or less by up to
    `jitter_ms`, and `loss_ppm` of a million segments get lost at first. Nothing passes to or from
    the nodes in `blocked`, as if the cable were cut."""

    latency_ms: Annotated[int, Uint(MAX_DELAY_MS)] = 0
    jitter_ms: Annotated[int, Uint(MAX_DELAY_MS)] = 0
    loss_ppm: Annotated[int, Uint(MAX_LOSS_PPM)] = 0
    blocked: Annotated[tuple[PublicKey, ...], AtMost(MAX_BLOCKED)] = ()


NO_FAULTS = LinkFaults()


def describe(faults: LinkFaults) -> str:
    """The faults for people, with the units in which they are given."""
    parts = [
        f"latency {faults.latency_ms}ms" if faults.latency_ms else "",
        f"jitter {faults.jitter_ms}ms" if faults.jitter_ms else "",
        f"loss {faults.loss_ppm / 10_000:g}%" if faults.loss_ppm else "",
        f"nothing to or from {', '.join(map(short_id, faults.blocked))}" if faults.blocked else "",
    ]
    return ", ".join(filter(None, parts)) or "none"


class Links:
    """The links of one node, all with the same faults, which may change at any time.

    `nursery` must be set before anything is sent: tasks in it carry what is under way. Jitter and
    loss follow from `seed`.
    """

    def __init__(self, faults: LinkFaults, seed: bytes = b"") -> None:
        self.nursery: trio.Nursery | None = None
        self._faults = faults
        self._blocked = frozenset(faults.blocked)
        self._chance = random.Random(seed).random  # noqa: S311 - nothing secret
        self._changed = trio.Event()

    @property
    def faults(self) -> LinkFaults:
        """The faults now."""
        return self._faults

    def change(self, faults: LinkFaults) -> frozenset[PeerId]:
        """Have other faults from now on, also on the links there are; returns whom something
        passes to again."""
        healed = self._blocked.difference(faults.blocked)
        self._faults, self._blocked = faults, frozenset(faults.blocked)
        self._changed.set()
        self._changed = trio.Event()
        return healed

    def wrap(self, stream: trio.abc.Stream, peer: PeerId | None = None) -> "FaultyStream":
        """The stream with faults, to a peer that may be unknown yet."""
        return FaultyStream(stream, self, peer)

    @property
    def handshake_s(self) -> float:
        """How much longer a handshake takes by the delays, at most if nothing is lost."""
        return HANDSHAKE_TRIPS * (self._faults.latency_ms + self._faults.jitter_ms) / 1000

    def are_perfect(self, peer: PeerId | None) -> bool:
        """Whether what is sent to the peer just passes."""
        faults = self._faults
        return not (
            faults.latency_ms or faults.jitter_ms or faults.loss_ppm or peer in self._blocked
        )

    def delay_s(self) -> float:
        """How long something that is sent now is under way."""
        wander = self._faults.jitter_ms * (2 * self._chance() - 1)
        return max(0.0, self._faults.latency_ms + wander) / 1000

    @property
    def retransmission_s(self) -> float:
        """After how long a lost segment is sent again."""
        return max(LEAST_RETRANSMISSION_S, 2 * self._faults.latency_ms / 1000)

    def safe_bytes(self, size: int) -> int:
        """How many of so many bytes come before the first segment that gets lost."""
        loss = self._faults.loss_ppm / MILLION
        if not loss:
            return size
        starts = range(0, size, SEGMENT_BYTES)
        return next((start for start in starts if self._chance() < loss), size)

    async def until_open(self, peer: PeerId | None) -> None:
        """Return once the peer is not blocked, without a checkpoint if it is not now."""
        while peer in self._blocked:
            await self._changed.wait()


class FaultyStream(trio.abc.Stream):
    """A stream with the faults of its node's links, for one reader and one writer.

    Up to MAX_IN_FLIGHT_BYTES are under way; `send_all` waits for room. To and from a blocked peer
    nothing passes, not even the end of the connection, and goes on once it is not blocked any more.
    Closing loses what is under way. A stream is not used again after an error or a cancelled call.
    """

    def __init__(self, transport: trio.abc.Stream, links: Links, peer: PeerId | None) -> None:
        self.peer = peer
        self._transport = transport
        self._links = links
        self._flying: deque[tuple[float, bytes]] = deque()
        self._in_flight = 0
        self._flight = trio.CancelScope()
        self._landed = trio.lowlevel.ParkingLot()
        self._error: trio.BrokenResourceError | trio.ClosedResourceError | None = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or let it be under way and return; what fails later is raised by a later call."""
        if self._error is None and not self._flying and self._links.are_perfect(self.peer):
            await self._transport.send_all(data)
            return
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        while True:
            while self._error is None and self._in_flight >= MAX_IN_FLIGHT_BYTES:
                await self._landed.park()
            if self._error is not None:
                raise self._error
            if not rest:
                return
            room = MAX_IN_FLIGHT_BYTES - self._in_flight
            self._let_fly(bytes(rest[:room]))
            rest = rest[room:]

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there is room, or at once if `send_all` would raise."""
        while self._error is None and self._in_flight >= MAX_IN_FLIGHT_BYTES:
            await self._landed.park()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """What has come, once the peer is not blocked."""
        try:
            return await self._transport.receive_some(max_bytes)
        finally:
            await self._links.until_open(self.peer)

    async def aclose(self) -> None:
        self._end(trio.ClosedResourceError("this side has closed the connection"))
        self._flight.cancel()
        await self._transport.aclose()

    def _let_fly(self, data: bytes) -> None:
        if not self._flying:
            if self._links.nursery is None:
                raise RuntimeError("nothing can be under way before the network runs")
            self._flight = trio.CancelScope()
            self._links.nursery.start_soon(self._fly)
        arrival = trio.current_time() + self._links.delay_s()
        safe = self._links.safe_bytes(len(data))
        self._enqueue(arrival, data[:safe])
        self._enqueue(arrival + self._links.retransmission_s, data[safe:])

    def _enqueue(self, due: float, data: bytes) -> None:
        if data:
            self._flying.append((due, data))
            self._in_flight += len(data)

    async def _fly(self) -> None:
        """Pass on what is under way in its order, each when due or later, until nothing is."""
        with self._flight:
            while self._flying:
                due, data = self._flying[0]
                await trio.sleep_until(due)
                await self._links.until_open(self.peer)
                try:
                    await self._transport.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                    self._end(error)
                    return
                self._flying.popleft()
                self._in_flight -= len(data)
                self._landed.unpark_all()

    def _end(self, error: trio.BrokenResourceError | trio.ClosedResourceError) -> None:
        self._error = self._error or error
        self._landed.unpark_all()
