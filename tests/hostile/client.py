"""A peer that does everything right up to any point, and then anything wrong.

Each step of a connection is a call of its own: what is left out, or sent by hand instead, is the
attack.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import trio

from consensus.cid import DAG_CBOR, cid_of
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import Record
from p2p.frames import Frame, FrameReader, frame_bytes
from p2p.handshake import DIALLER, Transcript
from p2p.identity import PeerId, client_context, short_id
from p2p.messages import (
    BY_NUMBER,
    BY_TYPE,
    PROTOCOL_VERSION,
    GetPeers,
    GetStatus,
    Goodbye,
    Hello,
    Peers,
    Proof,
    Refusal,
    Role,
    Status,
)
from p2p.tls import TlsStream

LOOPBACK = "127.0.0.1"
PATIENCE_S = 30  # no honest node takes so long for anything
TRIES = 5
PAUSE_S = 0.5
_ANY_SIZE = 2**31
_NOTHING = cid_of(DAG_CBOR, b"")
_CONTEXT = client_context()


class Closed(Exception):
    """The node has closed the connection; `reason` is what its Goodbye said, if it said one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Victim:
    """An honest node: where it is, and where to see how it is."""

    name: str
    id: PeerId
    port: int
    api: str
    pid: int
    chain: bytes
    log_file: Path

    def log_lines(self, peer: PeerId) -> list[str]:
        """What its log says of a peer."""
        text = self.log_file.read_text(errors="replace")
        return [line for line in text.splitlines() if short_id(peer) in line]


# What a peer says to a question; None: nothing.
Reply: TypeAlias = Callable[[Record], Record | None]


def politely(question: Record, *, offset_ms: int = 0) -> Record | None:
    """What keeps a connection: nothing is known here, and the time is that of `offset_ms` on."""
    if isinstance(question, GetStatus):
        now_ms = time.time_ns() // 1_000_000 + offset_ms
        return Status(_NOTHING, 0, _NOTHING, 0, 0, now_ms)
    return Peers(()) if isinstance(question, GetPeers) else Refusal("no")


def new_key() -> KeyPair:
    """An identity that nobody has seen."""
    return KeyPair.from_seed(secrets.token_bytes(32))


class Conversation:
    """One connection to a node, in the name of `key`."""

    def __init__(self, victim: Victim, key: KeyPair) -> None:
        self.victim = victim
        self.key = key
        self.certificate = b""
        self.mine = Hello(
            PROTOCOL_VERSION,
            victim.chain,
            key.public,
            secrets.token_bytes(32),
            secrets.token_bytes(8),
            0,
        )
        self.theirs: Hello | None = None
        self.stream: trio.abc.Stream
        self._sending = trio.Lock()
        self._reader = FrameReader(lambda kind, request: _ANY_SIZE)

    # The steps, in their order

    async def connect(self) -> None:
        """A bare TCP connection."""
        with trio.fail_after(PATIENCE_S):
            self.stream = await trio.open_tcp_stream(LOOPBACK, self.victim.port)

    async def encrypt(self) -> None:
        """TLS."""
        stream = TlsStream(self.stream, _CONTEXT, server_side=False, allowance=_ANY_SIZE)
        self.stream = stream
        try:
            with trio.fail_after(PATIENCE_S):
                self.certificate = await stream.do_handshake(trio.Lock())
        except trio.BrokenResourceError:
            raise Closed("") from None

    async def introduce(self) -> None:
        """Both Hellos."""
        await self.send(self.mine)
        theirs, _ = await self.next_of(Hello)
        assert isinstance(theirs, Hello)
        self.theirs = theirs

    async def prove(self) -> None:
        """Both Proofs."""
        await self.send(self.proof())
        await self.next_of(Proof)

    def proof(self) -> Proof:
        """The right one for what both have said."""
        assert self.theirs is not None
        transcript = Transcript(self.mine, self.theirs, sha256(self.certificate))
        return transcript.prove(DIALLER, self.key, None)

    async def become_peer(self) -> None:
        """All of them."""
        await self.connect()
        await self.encrypt()
        await self.introduce()
        await self.prove()

    # Sending and reading

    async def send_bytes(self, data: bytes) -> None:
        """Whatever it is; Closed if the node does not listen any more."""
        try:
            with trio.fail_after(PATIENCE_S):
                async with self._sending:
                    await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Closed(await self._last_words()) from None

    async def send_frame(self, kind: int, request: int, payload: bytes) -> None:
        """A frame of any bytes."""
        await self.send_bytes(frame_bytes(kind, request, payload))

    async def send(self, message: Record, request: int = 0) -> None:
        """A message as it should be."""
        await self.send_frame(BY_TYPE[type(message)].number, request, message.encode())

    async def next_frame(self) -> Frame:
        """The next frame; Closed at the end, or with a Goodbye's reason."""
        with trio.fail_after(PATIENCE_S):
            while (frame := self._reader.next()) is None:
                try:
                    data = await self.stream.receive_some()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    data = b""
                if not data:
                    raise Closed("")
                self._reader.append(data)
        if BY_NUMBER[frame.kind].record is Goodbye:
            raise Closed(Goodbye.decode(frame.payload).reason)
        return frame

    async def next_of(self, kind: type[Record]) -> tuple[Record, int]:
        """The next message of a type with its request number; others are passed over."""
        while True:
            frame = await self.next_frame()
            if BY_NUMBER[frame.kind].record is kind:
                return kind.decode(frame.payload), frame.request

    async def until_closed(self) -> str:
        """Read until the node closes; its last words."""
        try:
            while True:
                await self.next_frame()
        except Closed as closed:
            return closed.reason

    async def answer(self, reply: Reply, *, until: int | None = None) -> bool:
        """Answer questions until the node closes (False), or answers the request `until` (True);
        those that `reply` has nothing for are left."""
        try:
            while True:
                frame = await self.next_frame()
                if until is not None and frame.request == until:
                    return True
                kind = BY_NUMBER[frame.kind]
                if kind.role is Role.REQUEST:
                    message = reply(kind.record.decode(frame.payload))
                    if message is not None:
                        await self.send(message, frame.request)
        except Closed:
            return False

    async def _last_words(self) -> str:
        try:
            return await self.until_closed()
        except trio.TooSlowError:
            return ""

    async def aclose(self) -> None:
        """Vanish."""
        if hasattr(self, "stream"):
            await trio.aclose_forcefully(self.stream)


@asynccontextmanager
async def peer_of(victim: Victim, key: KeyPair) -> AsyncIterator[Conversation]:
    """A proven peer, which vanishes afterwards. One that is sent away at a crowded door tries
    again, as honest newcomers do."""
    for tries_left in reversed(range(TRIES)):
        conversation = Conversation(victim, key)
        try:
            await conversation.become_peer()
            break
        except (Closed, OSError):
            await conversation.aclose()
            if not tries_left:
                raise
            await trio.sleep(PAUSE_S)
    try:
        yield conversation
    finally:
        await conversation.aclose()
