"""Handshakes: who is let through, who is told why not, and what a relay can do."""

import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import replace
from p2p.frames import FrameReader, frame_bytes
from p2p.handshake import DIALLER, LISTENER, Admission, HandshakeFailed, Transcript
from p2p.identity import certificate_key, client_context, server_context
from p2p.messages import BY_TYPE, PROTOCOL_VERSION, Goodbye, Hello, Proof, Status
from p2p.tls import TlsStream
from p2p.transport import MAX_HANDSHAKE_BYTES, Link, Transport
from tests.p2p.nodes import CHAIN, GENESIS, PATIENCE_S, key, transport

Stream = trio.abc.Stream
Pair = tuple[Link | HandshakeFailed, Link | HandshakeFailed]
SECRET = b"only for friends"


async def outcome(task: Callable[[], Awaitable[Link]]) -> Link | HandshakeFailed:
    try:
        return await task()
    except HandshakeFailed as error:
        return error


async def meet(
    dialler: Transport,
    listener: Transport,
    expected: bytes | None = None,
    streams: tuple[Stream, Stream] | None = None,
) -> Pair:
    """What each side makes of a handshake."""
    near, far = streams or trio.testing.memory_stream_pair()
    results: dict[str, Link | HandshakeFailed] = {}

    async def dial() -> None:
        results["dialler"] = await outcome(lambda: dialler.dial(near, expected or listener.id))

    async def accept() -> None:
        results["listener"] = await outcome(lambda: listener.accept(far))

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dial)
            nursery.start_soon(accept)
    return results["dialler"], results["listener"]


def refused(side: Link | HandshakeFailed, reason: str) -> bool:
    assert isinstance(side, HandshakeFailed), "this side believes in the connection"
    assert reason in side.reason
    return True


def hello(number: int, **changes: object) -> Hello:
    plain = Hello(PROTOCOL_VERSION, CHAIN, key(number).public, bytes(32), bytes(8), 0)
    return replace(plain, **changes)


async def test_two_nodes_of_one_chain_prove_themselves() -> None:
    dialler, listener = await meet(transport(1), transport(2))
    assert isinstance(dialler, Link)
    assert isinstance(listener, Link)
    assert (dialler.peer, dialler.dialled) == (key(2).public, True)
    assert (listener.peer, listener.dialled) == (key(1).public, False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialler.stream.send_all, bytes(MAX_HANDSHAKE_BYTES * 3))
        received = 0
        while received < MAX_HANDSHAKE_BYTES * 3:
            received += len(await listener.stream.receive_some())


async def test_another_chain_is_told_to_the_dialler() -> None:
    dialler, listener = await meet(transport(1, chain=bytes(32)), transport(2))
    assert refused(listener, "another chain: 0000000000000000… there, 0001020304050607… here")
    assert refused(dialler, "another chain")


async def test_an_unexpected_node_is_noticed_by_its_certificate() -> None:
    dialler, listener = await meet(transport(1), transport(2), expected=key(3).public)
    assert refused(dialler, "another node answers")
    assert refused(listener, "another node answers")


async def test_a_node_does_not_talk_to_itself() -> None:
    dialler, listener = await meet(transport(1), transport(1))
    assert refused(listener, "this node itself")
    assert refused(dialler, "this node itself")


@pytest.mark.parametrize(("number", "welcome"), [(1, True), (2, False)], ids=["member", "stranger"])
async def test_only_members_are_let_in(number: int, welcome: bool) -> None:
    members = {key(1).public, key(9).public}
    listener = transport(9, admission=Admission(members.__contains__))
    ours, theirs = await meet(transport(number), listener)
    if welcome:
        assert isinstance(ours, Link)
        assert isinstance(theirs, Link)
    else:
        assert refused(theirs, "not a member")
        assert refused(ours, "not a member")


@pytest.mark.parametrize("secret", [None, b"guess"])
async def test_a_join_secret_is_needed(secret: bytes | None) -> None:
    listener = transport(2, admission=Admission(join_secret=SECRET))
    dialler, accepted = await meet(transport(1, admission=Admission(join_secret=secret)), listener)
    assert refused(accepted, "join secret")
    assert refused(dialler, "join secret")


async def test_a_listener_without_the_join_secret_is_refused_by_the_dialler() -> None:
    dialler, _ = await meet(transport(1, admission=Admission(join_secret=SECRET)), transport(2))
    assert refused(dialler, "join secret")


async def test_those_who_know_the_join_secret_meet() -> None:
    admission = Admission(join_secret=SECRET)
    dialler, listener = await meet(
        transport(1, admission=admission), transport(2, admission=admission)
    )
    assert isinstance(dialler, Link)
    assert isinstance(listener, Link)


# What a scripted dialler can do to a listener


async def tls_dialler(stream: Stream) -> tuple[TlsStream, bytes]:
    tls = TlsStream(stream, client_context(), server_side=False, allowance=10**6)
    return tls, await tls.do_handshake(trio.Lock())


async def accept_from(script: Callable[[Stream], Awaitable[None]], limit_s: float = 5.0) -> str:
    """Why the listener refuses whoever runs the script."""
    near, far = trio.testing.memory_stream_pair()
    reasons: list[str] = []

    async def accept() -> None:
        with pytest.raises(HandshakeFailed) as failure:
            await transport(2, limit_s=limit_s).accept(far)
        reasons.append(failure.value.reason)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        await script(near)
        await near.aclose()
    return reasons[0]


async def goodbye_of(tls: TlsStream) -> str:
    """The reason that the listener gives, passing over its Hello."""
    reader = FrameReader(lambda kind, request: 10_000)
    while True:
        frame = reader.next()
        if frame is None:
            data = await tls.receive_some()
            assert data, "closed without a word"
            reader.append(data)
        elif frame.kind == BY_TYPE[Goodbye].number:
            return Goodbye.decode(frame.payload).reason


def framed(message: Hello | Proof | Status) -> bytes:
    return frame_bytes(BY_TYPE[type(message)].number, 0, message.encode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (framed(hello(1, protocol=2)), "protocol version 2 is not spoken here; 1 is"),
        (framed(Proof(bytes(64), None)), "proof where hello is expected"),
        (framed(hello(1)) * 2, "hello where proof is expected"),
        (framed(Status(GENESIS, 0, GENESIS, 0, 0, 0)), "does not belong in a handshake"),
        (frame_bytes(1, 0, bytes(257)), "at most 256"),
        (frame_bytes(1, 7, hello(1).encode()), "does not belong in a handshake"),
        (frame_bytes(200, 0, b""), "does not belong in a handshake"),
        (frame_bytes(1, 0, b"\xff" * 40), "floats and other simple values are not used"),
        (framed(hello(1)) + framed(Proof(bytes(64), None)), "does not fit this connection"),
    ],
)
async def test_a_wrong_word_is_answered_with_the_reason(data: bytes, reason: str) -> None:
    told: list[str] = []

    async def script(stream: Stream) -> None:
        tls, _ = await tls_dialler(stream)
        await tls.send_all(data)
        told.append(await goodbye_of(tls))

    judged = await accept_from(script)
    assert reason in judged
    assert told == [judged]


async def test_another_version_of_the_hello_is_told_so() -> None:
    async def script(stream: Stream) -> None:
        tls, _ = await tls_dialler(stream)
        wire = hello(1).pack()
        assert wire[:2] == ["hello", 1]
        payload = hello(1).encode().replace(b"hello\x01", b"hello\x02", 1)
        await tls.send_all(frame_bytes(1, 0, payload))
        assert "version 2 of 'hello' is not known here" in await goodbye_of(tls)

    assert "version 2" in await accept_from(script)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", bytes(5000), b"\x16\x03\x01" * 999])
async def test_garbage_instead_of_tls(data: bytes) -> None:
    async def script(stream: Stream) -> None:
        await stream.send_all(data)

    assert "TLS" in await accept_from(script)


async def test_a_step_of_tls_waits_for_its_turn() -> None:
    near, far = trio.testing.memory_stream_pair()
    context, _ = server_context(key(2))
    server = TlsStream(far, context, server_side=True, allowance=4000)
    turn = trio.Lock()
    await turn.acquire()
    done: list[bool] = []

    async def serve() -> None:
        await server.do_handshake(turn)
        done.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        nursery.start_soon(tls_dialler, near)
        await trio.testing.wait_all_tasks_blocked()
        assert turn.statistics().tasks_waiting == 1
        assert done == []
        turn.release()
    assert done == [True]


async def test_an_allowance_counts_every_byte_until_it_is_lifted() -> None:
    near, far = trio.testing.memory_stream_pair()
    context, _ = server_context(key(2))
    server = TlsStream(far, context, server_side=True, allowance=4000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake, trio.Lock())
        client, _ = await tls_dialler(near)
    await client.send_all(bytes(10_000))
    with pytest.raises(trio.BrokenResourceError, match="more bytes than a handshake has"):
        await receive_exactly(server, 4000)
    server.lift_allowance()
    await receive_exactly(server, 10_000)


async def receive_exactly(stream: TlsStream, size: int) -> None:
    while size:
        size -= len(await stream.receive_some(size))


async def test_closing_in_the_middle() -> None:
    async def at_once(stream: Stream) -> None:
        await trio.testing.wait_all_tasks_blocked()

    async def after_tls(stream: Stream) -> None:
        tls, _ = await tls_dialler(stream)
        await tls.send_all(framed(hello(1))[:20])

    assert "connection lost" in await accept_from(at_once)
    assert "closed" in await accept_from(after_tls)


async def send_for_ever(stream: Stream) -> None:
    while True:
        await stream.send_all(bytes(1000))
        await trio.testing.wait_all_tasks_blocked()


async def test_endless_bytes_are_cut_off() -> None:
    async def script(stream: Stream) -> None:
        await stream.send_all(b"\x16\x03\x01\x40\x00")
        with pytest.raises(trio.BrokenResourceError):
            await send_for_ever(stream)

    assert await accept_from(script)


@pytest.mark.parametrize("words", [0, 1, 2], ids=["silent", "after tls", "after hello"])
async def test_silence_ends_by_the_clock(
    words: int, autojump_clock: trio.testing.MockClock
) -> None:
    async def script(stream: Stream) -> None:
        if words:
            tls, _ = await tls_dialler(stream)
            if words > 1:
                await tls.send_all(framed(hello(1)))
        await trio.sleep(60)

    began = trio.current_time()
    assert await accept_from(script, limit_s=5.0) == "no handshake within 5 s"
    assert trio.current_time() - began == 60


async def drip(tls: TlsStream, data: bytes) -> None:
    for byte in data:
        await tls.send_all(bytes((byte,)))
        await trio.sleep(1)


async def test_a_slow_drip_gains_no_time(autojump_clock: trio.testing.MockClock) -> None:
    async def script(stream: Stream) -> None:
        tls, _ = await tls_dialler(stream)
        with pytest.raises(trio.BrokenResourceError):
            await drip(tls, framed(hello(1)))

    assert await accept_from(script, limit_s=5.0) == "no handshake within 5 s"


# A relay in the middle


async def relayed(dialler_expects: bytes) -> Pair:
    """A relay with an own key ends TLS on both sides and passes every byte on."""
    outer, relay_outer = trio.testing.memory_stream_pair()
    relay_inner, inner = trio.testing.memory_stream_pair()
    context, _ = server_context(key(66))
    results: list[Pair] = []

    async def relay() -> None:
        try:
            left = TlsStream(relay_outer, context, server_side=True, allowance=10**6)
            await left.do_handshake(trio.Lock())
            right, _ = await tls_dialler(relay_inner)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump, left, right)
                nursery.start_soon(pump, right, left)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def ends() -> None:
        results.append(await meet(transport(1), transport(2), dialler_expects, (outer, inner)))
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay)
        nursery.start_soon(ends)
    return results[0]


async def pump(source: TlsStream, sink: TlsStream) -> None:
    while data := await source.receive_some():
        await sink.send_all(data)
    await sink.aclose()


async def test_a_relay_cannot_show_the_listeners_certificate() -> None:
    dialler, listener = await relayed(key(2).public)
    assert refused(dialler, "another node answers")
    assert isinstance(listener, HandshakeFailed)


async def test_a_dialler_of_the_relay_notices_that_another_answers() -> None:
    dialler, listener = await relayed(key(66).public)
    assert refused(dialler, "not in the name of its certificate")
    assert isinstance(listener, HandshakeFailed)


def test_a_proof_is_worth_nothing_elsewhere() -> None:
    """Even a dialler that checked nothing could not be used: its proof names what it saw."""
    dialler, listener = hello(1), hello(2)
    _, certificate = server_context(key(2))
    _, relays = server_context(key(66))
    seen = Transcript(dialler, listener, sha256(relays))
    there = Transcript(dialler, listener, sha256(certificate))
    proof = seen.prove(DIALLER, key(1), None)
    seen.check(DIALLER, proof, None)
    with pytest.raises(HandshakeFailed, match="does not fit"):
        there.check(DIALLER, proof, None)


def test_a_proof_covers_role_and_every_word_of_both_hellos() -> None:
    plain = Transcript(hello(1), hello(2), bytes(32))
    proof = plain.prove(DIALLER, key(1), SECRET)
    plain.check(DIALLER, proof, SECRET)
    plain.check(DIALLER, proof, None)
    others = [Transcript(hello(2), hello(1), bytes(32)), Transcript(hello(1), hello(2), CHAIN)]
    for change in (
        {"protocol": 2},
        {"chain": bytes(32)},
        {"nonce": CHAIN},
        {"instance": bytes([1] * 8)},
        {"listen_port": 1},
    ):
        others.append(Transcript(hello(1, **change), hello(2), bytes(32)))
        others.append(Transcript(hello(1), hello(2, **change), bytes(32)))
    for other in others:
        for secret in (None, SECRET):
            with pytest.raises(HandshakeFailed):
                other.check(DIALLER, proof, secret)
    with pytest.raises(HandshakeFailed):
        Transcript(hello(1), hello(1), bytes(32)).check(LISTENER, proof, None)


def test_a_proof_cannot_be_sent_back() -> None:
    alone = Transcript(hello(1), hello(1), bytes(32))
    proof = alone.prove(DIALLER, key(1), SECRET)
    alone.check(DIALLER, proof, SECRET)
    with pytest.raises(HandshakeFailed, match="join secret"):
        alone.check(LISTENER, proof, SECRET)
    with pytest.raises(HandshakeFailed, match="does not fit"):
        alone.check(LISTENER, proof, None)


# Certificates


def test_the_certificates_key_is_the_nodes_id() -> None:
    _, certificate = server_context(key(5))
    assert certificate_key(certificate) == key(5).public


def test_contexts_speak_nothing_older_than_tls_1_3() -> None:
    context, _ = server_context(KeyPair.from_seed(bytes(32)))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert client_context().minimum_version == ssl.TLSVersion.TLSv1_3
