"""One connection: reads, judges frames by the table, writes what waits, answers and asks.

Whatever the other side does ends, at worst, this connection.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVarTuple

import trio

from consensus.errors import Invalid
from consensus.record import Record
from p2p.budget import Budget, Share
from p2p.config import Timing
from p2p.counters import Counters
from p2p.frames import HEAD_BYTES, Frame, InvalidFrame
from p2p.identity import short_id
from p2p.inbox import Inbox
from p2p.limits import (
    INBOX_BYTES,
    KNOWN_ITEMS,
    MAX_ANSWERING,
    MAX_ASKING,
    MAX_GIVING,
    MAX_SERVING,
    READ_BYTES,
)
from p2p.messages import (
    BY_NUMBER,
    BY_TYPE,
    Content,
    GetStatus,
    Goodbye,
    MessageKind,
    Priority,
    Refusal,
    Role,
    Status,
)
from p2p.parcel import Parcel
from p2p.questions import PeerGone, Questions, RemoteError, RequestFailed, RequestTimeout
from p2p.recent import RecentSet
from p2p.scoring import FLOOD_POINTS, VIOLATION_POINTS
from p2p.sendqueue import LaneFull, SendQueue
from p2p.tokenbucket import TokenBucket
from p2p.transport import FAREWELL_S, Link
from p2p.writer import Writer

FRAMES_A_TURN = 64

Ts = TypeVarTuple("Ts")

logger = logging.getLogger("reelect.p2p")


class Owner(Protocol):
    """What a connection needs of its network."""

    counters: Counters
    budget: Budget
    answering: trio.CapacityLimiter
    giving: trio.CapacityLimiter

    def sift(self, peer: "Peer", kind: MessageKind, payload: bytes) -> Parcel | None:
        """What is new in received gossip, None if nothing is; raises InvalidEncoding."""

    async def deliver(self, peer: "Peer", parcel: Parcel, message: Record) -> None:
        """Have new gossip, decoded, judged and relayed."""

    async def serve(self, peer: "Peer", request: Record) -> Record:
        """The answer to a request: of its type, or a Refusal."""

    def own_status(self) -> Status:
        """What this node says of itself."""

    def penalise(self, peer: "Peer", points: float, why: str) -> None:
        """Note misbehaviour."""


class Peer:
    """A connection to a proven node. `run` serves it until it ends."""

    def __init__(self, link: Link, host: str, port: int, owner: Owner, timing: Timing) -> None:
        self.id = link.peer
        self.name = short_id(link.peer)
        self.host = host
        self.port = port
        self.dialled = link.dialled
        self.instance = link.hello.instance
        self.listen_port = link.hello.listen_port
        self.connected_at = trio.current_time()
        self.status: Status | None = None
        self.round_trip_s: float | None = None
        self.useful_at = -math.inf
        self.clock_offset_ms: int | None = None
        self.known = RecentSet(KNOWN_ITEMS)
        self.end_reason = ""
        self._stream = link.stream
        self._reader = link.reader
        self._reader.limit = self._limit
        self._owner = owner
        self._timing = timing
        self._scope = trio.CancelScope()
        self._share = Share(owner.budget)
        self._queue = SendQueue(owner.counters.sent, self._share.count)
        self._writer = Writer(link.stream, self._queue, self._share.count)
        self._buckets: dict[int, TokenBucket] = {}
        self._consensus_inbox = Inbox(INBOX_BYTES, self._share.count)
        self._inbox = Inbox(INBOX_BYTES, self._share.count)
        self._questions = Questions()
        self._serving = 0
        self._answering = trio.CapacityLimiter(MAX_ANSWERING)
        self._giving = trio.CapacityLimiter(MAX_GIVING)

    @property
    def direction(self) -> str:
        """Who dialled: "outbound" if this node did, else "inbound"."""
        return "outbound" if self.dialled else "inbound"

    @property
    def held_bytes(self) -> int:
        """What waits to be sent to it, to be judged, or is half read."""
        return self._share.held_bytes

    # Sending

    def offer(self, parcel: Parcel) -> None:
        """Queue gossip that the peer is not known to have."""
        parcel = parcel.without(self.known)
        if parcel.items:
            self.push(parcel)

    def push(self, parcel: Parcel) -> None:
        """Queue gossip whether or not the peer has it."""
        for key in parcel.items:
            self.known.add(key)
        before = self._queue.linger_s
        try:
            dropped = self._queue.put_parcel(parcel)
        except LaneFull as error:
            self.end(f"it does not read: {error}")
            return
        for key in dropped:
            self.known.discard(key)
        self._owner.counters.dropped += len(dropped)
        if self._queue.linger_s < before:
            self._writer.wake()

    def has(self, parcel: Parcel) -> None:
        """Note that the peer has these items."""
        for key in parcel.items:
            self.known.add(key)
        self._queue.drop(parcel)

    def notify(self, message: Record) -> None:
        """Queue a message that is neither gossip nor an answer."""
        self._put(BY_TYPE[type(message)], 0, message.encode())

    async def request(self, message: Record, timeout_s: float) -> Record:
        """Ask and wait for the answer; raises RequestFailed."""
        kind = BY_TYPE[type(message)]
        if kind.answer is None:
            raise ValueError(f"{kind.name} is not a request")
        if self.ending:
            raise PeerGone(f"{self.name} {self.end_reason}")
        if self._questions.full:
            raise RequestFailed(f"{self.name} has {MAX_ASKING} questions to answer first")
        question = self._questions.ask(kind.answer)
        try:
            self._put(kind, question.number, message.encode())
            asked_at = trio.current_time()
            with trio.fail_after(timeout_s):
                await question.done.wait()
            self._owner.counters.latencies[kind.number].observe(trio.current_time() - asked_at)
        except trio.TooSlowError:
            raise RequestTimeout(f"{self.name} did not answer within {timeout_s:g} s") from None
        finally:
            self._questions.give_up(question)
        if question.answer is None:
            raise PeerGone(f"{self.name} {self.end_reason}")
        if isinstance(question.answer, Refusal):
            raise RemoteError(question.answer.reason)
        return question.answer

    def _put(self, kind: MessageKind, request: int, payload: bytes) -> None:
        try:
            self._queue.put_frame(kind, request, payload)
        except LaneFull as error:
            self.end(f"it does not read: {error}")
        self._writer.wake()

    # The connection's life

    @property
    def ending(self) -> bool:
        """Whether the connection is over or about to be."""
        return bool(self.end_reason)

    async def run(self) -> None:
        """Serve the connection until it ends; then `end_reason` says why."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._guarded, self._receive)
                    nursery.start_soon(self._guarded, self._transmit)
                    nursery.start_soon(self._guarded, self._work, self._consensus_inbox)
                    nursery.start_soon(self._guarded, self._work, self._inbox)
                    nursery.start_soon(self._guarded, self._keep_alive)
        finally:
            self.end("the connection was cancelled")
            self._questions.close()
            await trio.aclose_forcefully(self._stream)

    def end(self, reason: str) -> None:
        """End the connection at once; the first reason stays."""
        self.end_reason = self.end_reason or reason
        self._share.give_back()
        self._scope.cancel()

    def say_goodbye(self, reason: str) -> None:
        """Tell the peer why, if it takes that within a second, and end the connection."""
        if not self.ending:
            self.end_reason = reason
            self._scope.deadline = trio.current_time() + FAREWELL_S
            self._writer.say_goodbye(reason)

    async def _guarded(self, task: Callable[[*Ts], Awaitable[None]], *arguments: *Ts) -> None:
        """Run a task; a bug in it, or in the handler, ends the connection and no more."""
        try:
            await task(*arguments)
        except Exception:
            self._owner.counters.faults += 1
            logger.exception("%s: a bug ends this connection", self.name)
            self.say_goodbye("internal error")

    def _lost(self, error: Exception) -> None:
        self.end(f"connection lost: {error}")

    def _violated(self, error: Invalid) -> None:
        self._owner.counters.violations += 1
        self._owner.penalise(self, VIOLATION_POINTS, str(error))
        self.say_goodbye(f"protocol violation: {error}")

    async def _keep_alive(self) -> None:
        while True:
            await self._ask_status()
            await trio.sleep(self._timing.keep_alive_s)
            if self._writer.stuck_for(trio.current_time()) >= self._timing.silence_s:
                self.end("it does not read")

    async def _ask_status(self) -> None:
        asked_at, asked_ms = trio.current_time(), self._owner.own_status().time_ms
        try:
            status = await self.request(GetStatus(), self._timing.silence_s)
        except RequestTimeout:
            self.say_goodbye(f"no answer within {self._timing.silence_s:g} s")
        except RequestFailed:
            pass  # refused, or ending anyway
        else:
            if isinstance(status, Status):
                self.round_trip_s = trio.current_time() - asked_at
                now_ms = self._owner.own_status().time_ms
                self.clock_offset_ms = least_offset_ms(asked_ms, status.time_ms, now_ms)
                await self._heard(status, BY_TYPE[Status])

    # Reading and writing

    async def _receive(self) -> None:
        try:
            await self._read()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._lost(error)

    async def _transmit(self) -> None:
        try:
            await self._writer.run()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._lost(error)

    async def _read(self) -> None:
        try:
            await self._read_frames()
        except Invalid as error:
            self._violated(error)
        while await self._stream.receive_some(READ_BYTES):
            pass  # unread bytes would break the connection before our Goodbye is read
        self.end("the peer closed the connection")

    async def _read_frames(self) -> None:
        reader = self._reader
        self._share.count(reader.held_bytes)
        while True:
            count = 0
            while (frame := reader.next()) is not None:
                self._share.count(-HEAD_BYTES - len(frame.payload))
                await self._take_in(frame)
                count += 1
                if count % FRAMES_A_TURN == 0:
                    await trio.lowlevel.checkpoint()
            data = await self._stream.receive_some(READ_BYTES)
            if not data:
                return
            self._share.count(len(data))
            reader.append(data)

    def _limit(self, number: int, request: int) -> int:
        """What the frame reader asks before it gathers a payload."""
        kind = BY_NUMBER.get(number)
        if kind is None:
            raise InvalidFrame(f"kind {number} is not known here")
        if not request:
            expected = kind.role in (Role.NOTICE, Role.GOSSIP, Role.ANNOUNCEMENT)
        elif kind.role is Role.REQUEST:
            expected = True
        else:
            expected = self._questions.expects(request, kind.record)
        if not expected:
            raise InvalidFrame(f"{kind.name} with request number {request} was not expected")
        return kind.max_bytes

    async def _take_in(self, frame: Frame) -> None:
        kind = BY_NUMBER[frame.kind]
        self._owner.counters.received.count(kind.number, HEAD_BYTES + len(frame.payload))
        if self.ending and kind.record is not Goodbye:
            return
        if frame.request and kind.role is not Role.REQUEST:
            self._questions.answered(frame.request, kind, frame.payload)
        elif not self._within_rate(kind, frame.payload):
            self._owner.counters.flooded += 1
            self._owner.penalise(self, FLOOD_POINTS, f"too many {kind.name} messages")
            if frame.request:
                self._refuse(frame.request, "too many requests")
        elif frame.request:
            self._asked(kind, frame)
        elif kind.role is Role.NOTICE:
            await self._noticed(kind, frame.payload)
        else:
            parcel = self._owner.sift(self, kind, frame.payload)
            if parcel is not None:
                await self._pass_on(parcel)

    def _within_rate(self, kind: MessageKind, payload: bytes) -> bool:
        now = trio.current_time()
        bucket = self._buckets.get(kind.number)
        if bucket is None:
            bucket = self._buckets[kind.number] = TokenBucket(kind.rate, now)
        count = 1 if kind.batch is None else max(1, len(payload) // kind.batch.item_bytes)
        return bucket.take(count, now)

    async def _noticed(self, kind: MessageKind, payload: bytes) -> None:
        message = kind.record.decode(payload)
        if isinstance(message, Goodbye):
            self.end(f"it said goodbye: {message.reason}")
        elif isinstance(message, Status):
            await self._heard(message, kind)

    async def _heard(self, status: Status, kind: MessageKind) -> None:
        self.status = status
        await self._pass_on(Parcel(kind, {b"": status.encode()}))

    async def _pass_on(self, parcel: Parcel) -> None:
        """Queue for the handler. Consensus messages wait for room; others are dropped."""
        if parcel.kind.priority is Priority.CONSENSUS:
            await self._consensus_inbox.put(parcel)
        elif not self._inbox.offer(parcel):
            self._owner.counters.dropped += 1

    async def _work(self, inbox: Inbox) -> None:
        while True:
            parcel = await inbox.take()
            self._share.count(parcel.held_bytes)
            try:
                message = parcel.kind.record.decode(parcel.payload)
            except Invalid as error:
                self._violated(error)
                return
            await self._owner.deliver(self, parcel, message)
            self._share.count(-parcel.held_bytes)

    # What the peer asks

    def _asked(self, kind: MessageKind, frame: Frame) -> None:
        if self._serving >= MAX_SERVING:
            self._refuse(frame.request, "busy with your other requests")
            return
        self._serving += 1
        self._nursery.start_soon(self._guarded, self._serve, kind, frame)

    async def _serve(self, kind: MessageKind, frame: Frame) -> None:
        try:
            request = kind.record.decode(frame.payload)
        except Invalid as error:
            self._violated(error)
            return
        try:
            answer = await self._answer(kind, request)
        finally:
            self._serving -= 1
        answer_kind = BY_TYPE[type(answer)]
        if answer_kind.record not in (kind.answer, Refusal):
            raise TypeError(f"{kind.name} cannot be answered by {answer_kind.name}")
        try:
            self._queue.put_frame(answer_kind, frame.request, answer.encode())
            self._writer.wake()
        except LaneFull:
            self._refuse(frame.request, "too much of what was asked is still unread")

    async def _answer(self, kind: MessageKind, request: Record) -> Record:
        """Large answers are made few at once; small ones need not wait for them, and those that
        the chain needs not for content."""
        if kind.answer is None or BY_TYPE[kind.answer].priority is Priority.CONTROL:
            return await self._owner.serve(self, request)
        if kind.answer is Content:
            async with self._giving, self._owner.giving:
                return await self._owner.serve(self, request)
        async with self._answering, self._owner.answering:
            return await self._owner.serve(self, request)

    def _refuse(self, request: int, reason: str) -> None:
        self._put(BY_TYPE[Refusal], request, Refusal(reason).encode())


def least_offset_ms(asked_ms: int, told_ms: int, answered_ms: int) -> int:
    """How far a peer's clock, which showed `told_ms` at some time between the question and the
    answer, is ahead of the own one at least (negative: behind).

    An answer that was long on its way, from a peer that stood still or wants to mislead, shows
    little: never that a right clock is wrong.
    """
    return sorted((told_ms - answered_ms, 0, told_ms - asked_ms))[1]
