"""From a stream of bytes to a proven connection: TLS 1.3, then the handshake, both bounded."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import trio

from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import Record
from p2p.frames import Frame, FrameReader, InvalidFrame, frame_bytes
from p2p.handshake import (
    DIALLER,
    LISTENER,
    Admission,
    HandshakeFailed,
    Outcome,
    RefusedByPeer,
    Transcript,
    check_hello,
)
from p2p.identity import PeerId, certificate_key, client_context, server_context
from p2p.links import Links
from p2p.messages import (
    BY_NUMBER,
    BY_TYPE,
    PROTOCOL_VERSION,
    Goodbye,
    Hello,
    Proof,
    Role,
    reason_text,
)
from p2p.tls import TlsStream

MAX_HANDSHAKE_BYTES = 16 * 1024
FAREWELL_S = 1.0

Entropy = Callable[[int], bytes]
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Link:
    """A proven connection. `reader` may already hold bytes that came after the handshake."""

    stream: trio.abc.Stream
    reader: FrameReader
    hello: Hello
    dialled: bool

    @property
    def peer(self) -> PeerId:
        """The other side's proven id."""
        return self.hello.id


Refuse = Callable[[Hello], None]


def refuse_nobody(_: Hello) -> None:
    """The `Refuse` that lets every stranger's Hello pass."""


class Transport:
    """Makes proven links out of byte streams, in the name of one node on one chain.

    A `refuse` callable may turn a stranger away by its Hello: it raises HandshakeFailed before
    anything is signed for it or checked. Of all that are being accepted one at a time takes a step
    of TLS, however many come at once: the node's other tasks run between any two. Streams given to
    `dial` and `accept` belong to the transport: one that does not become a link is closed. With
    `links` they have the faults of these.
    """

    def __init__(
        self,
        key: KeyPair,
        chain: bytes,
        admission: Admission,
        entropy: Entropy,
        limit_s: float,
        *,
        links: Links | None = None,
    ) -> None:
        self.id: PeerId = key.public
        self.listen_port = 0
        self._key = key
        self._chain = chain
        self._admission = admission
        self._entropy = entropy
        self._limit_s = limit_s
        self._links = links
        self._instance = entropy(8)
        self._server_context, self._certificate = server_context(key)
        self._client_context = client_context()
        self._tls_turn = trio.Lock()

    async def dial(
        self, stream: trio.abc.Stream, expected: PeerId, refuse: Refuse = refuse_nobody
    ) -> Link:
        """Make `stream` a link to the node `expected`; raises HandshakeFailed."""
        if self._links is not None:
            stream = self._links.wrap(stream, expected)
        talk = _Talk(stream, self._client_context, server_side=False)

        async def converse() -> Hello:
            certificate = await talk.start(trio.Lock())
            if certificate_key(certificate) != expected:
                raise HandshakeFailed(Outcome.WRONG_NODE, "another node answers at that address")
            mine = self._hello()
            await talk.send(mine)
            theirs = await talk.expect(Hello)
            if theirs.id != expected:
                raise HandshakeFailed(
                    Outcome.WRONG_NODE, "the node's Hello is not in the name of its certificate"
                )
            self._check(mine, theirs, refuse)
            transcript = Transcript(mine, theirs, sha256(certificate))
            await talk.send(transcript.prove(DIALLER, self._key, self._admission.join_secret))
            proof = await talk.expect(Proof)
            transcript.check(LISTENER, proof, self._admission.join_secret)
            return theirs

        return await self._run(talk, converse, dialled=True)

    async def accept(self, stream: trio.abc.Stream, refuse: Refuse = refuse_nobody) -> Link:
        """Make `stream`, which somebody opened, a link; raises HandshakeFailed."""
        faulty = None if self._links is None else self._links.wrap(stream)
        talk = _Talk(faulty or stream, self._server_context, server_side=True)

        async def converse() -> Hello:
            await talk.start(self._tls_turn)
            theirs = await talk.expect(Hello)
            talk.claimed = theirs.id
            if faulty is not None:
                faulty.peer = theirs.id
            mine = self._hello()
            self._check(mine, theirs, refuse)
            await talk.send(mine)
            proof = await talk.expect(Proof)
            transcript = Transcript(theirs, mine, sha256(self._certificate))
            transcript.check(DIALLER, proof, self._admission.join_secret)
            await talk.send(transcript.prove(LISTENER, self._key, self._admission.join_secret))
            return theirs

        return await self._run(talk, converse, dialled=False)

    def _hello(self) -> Hello:
        return Hello(
            PROTOCOL_VERSION,
            self._chain,
            self.id,
            self._entropy(32),
            self._instance,
            self.listen_port,
        )

    def _check(self, mine: Hello, theirs: Hello, refuse: Refuse) -> None:
        check_hello(mine, theirs, self._admission)
        refuse(theirs)

    @property
    def _handshake_s(self) -> float:
        """How long a handshake may take: delays of this node's own making are added."""
        return self._limit_s + (0.0 if self._links is None else self._links.handshake_s)

    async def _run(
        self, talk: "_Talk", converse: Callable[[], Awaitable[Hello]], *, dialled: bool
    ) -> Link:
        try:
            hello = await _judged(converse, self._handshake_s)
        except RefusedByPeer as error:
            error.claimed = talk.claimed
            await trio.aclose_forcefully(talk.stream)
            raise
        except HandshakeFailed as error:
            error.claimed = talk.claimed
            await talk.say_goodbye(error.reason)
            raise
        except BaseException:
            await trio.aclose_forcefully(talk.stream)
            raise
        return talk.link(hello, dialled=dialled)


async def _judged(converse: Callable[[], Awaitable[Hello]], limit_s: float) -> Hello:
    """Run one side, with everything that the other may do wrong told as HandshakeFailed."""
    try:
        with trio.fail_after(limit_s):
            return await converse()
    except trio.TooSlowError as error:
        raise HandshakeFailed(Outcome.SLOW, f"no handshake within {limit_s:g} s") from error
    except Invalid as error:
        raise HandshakeFailed(Outcome.INVALID, str(error)) from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise HandshakeFailed(Outcome.LOST, f"connection lost: {error}") from error


class _Talk:
    """One handshake's exchange of frames."""

    def __init__(
        self, stream: trio.abc.Stream, context: ssl.SSLContext, *, server_side: bool
    ) -> None:
        self.stream = TlsStream(
            stream, context, server_side=server_side, allowance=MAX_HANDSHAKE_BYTES
        )
        self._reader = FrameReader(_handshake_limit)
        self._speaks_tls = False
        self.claimed: PeerId | None = None

    async def start(self, turn: trio.Lock) -> bytes:
        """Do the TLS handshake, each step in its turn; returns the other side's certificate (DER),
        if it has one."""
        certificate = await self.stream.do_handshake(turn)
        self._speaks_tls = True
        return certificate

    async def send(self, message: Record) -> None:
        await self.stream.send_all(frame_bytes(BY_TYPE[type(message)].number, 0, message.encode()))

    async def expect(self, kind: type[R]) -> R:
        frame = await self._next_frame()
        found = BY_NUMBER[frame.kind].record
        if found is Goodbye:
            raise RefusedByPeer(Goodbye.decode(frame.payload).reason)
        if found is not kind:
            raise InvalidFrame(f"{found.tag} where {kind.tag} is expected")
        return kind.decode(frame.payload)

    async def _next_frame(self) -> Frame:
        while (frame := self._reader.next()) is None:
            data = await self.stream.receive_some()
            if not data:
                raise HandshakeFailed(Outcome.LOST, "the peer closed the connection")
            self._reader.append(data)
        return frame

    async def say_goodbye(self, reason: str) -> None:
        """Tell why, wait a moment so that it is read before the connection breaks, close."""
        try:
            if self._speaks_tls:
                with trio.move_on_after(FAREWELL_S):
                    await self.send(Goodbye(reason_text(reason)))
                    while await self.stream.receive_some():
                        pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(self.stream)

    def link(self, hello: Hello, *, dialled: bool) -> Link:
        self.stream.lift_allowance()
        return Link(self.stream, self._reader, hello, dialled)


def _handshake_limit(kind: int, request: int) -> int:
    found = BY_NUMBER.get(kind)
    if found is None or request or not (found.role is Role.HANDSHAKE or found.record is Goodbye):
        raise InvalidFrame(f"a frame of kind {kind} does not belong in a handshake")
    return found.max_bytes
