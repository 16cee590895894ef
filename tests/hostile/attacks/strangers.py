"""Before anything is proven: garbage, silence, half a handshake, a wrong one."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import trio

from consensus.keys import KeyPair
from consensus.record import replace
from p2p.frames import frame_bytes
from p2p.messages import BY_TYPE, MESSAGES, GetStatus, Proof, Role
from tests.fuzz.examples import example
from tests.hostile.attack import Outcome, Scene, attack
from tests.hostile.client import Closed, Conversation, new_key

SILENT = 300
HALF = 60
DRIP_S = 0.4
GARBAGE = (
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\xff\xff" + bytes(70_000),
    bytes(100_000),
    b"SSH-2.0-OpenSSH_9.2\r\n",
    bytes(range(256)) * 64,
)


async def _each(
    scene: Scene, count: int, step: Callable[[Conversation], Awaitable[None]]
) -> list[str]:
    """Begin so many connections at once, do a step on each, wait until the node has closed all;
    its last words."""
    words: list[str] = []

    async def one() -> None:
        conversation = Conversation(scene.victim, new_key())
        try:
            await conversation.connect()
            await step(conversation)
            words.append(await conversation.until_closed())
        except Closed as closed:
            words.append(closed.reason)
        except (trio.BrokenResourceError, OSError):
            words.append("")
        finally:
            await conversation.aclose()

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    assert len(words) == count
    return words


async def _nothing(_: Conversation) -> None:
    pass


@attack(Outcome.REFUSED)
async def garbage_before_the_handshake(scene: Scene) -> None:
    """What is no TLS at all."""
    for data in GARBAGE:
        await _each(scene, 4, partial(Conversation.send_bytes, data=data))


@attack(Outcome.REFUSED, alone=True)
async def silent_sockets(scene: Scene) -> None:
    """Hundreds of connections on which nothing is said."""
    await _each(scene, SILENT, _nothing)


@attack(Outcome.REFUSED, alone=True)
async def half_a_handshake_of_tls(scene: Scene) -> None:
    """The beginning of a ClientHello, and no more."""
    await _each(scene, HALF, partial(Conversation.send_bytes, data=b"\x16\x03\x01\x02\x00\x01"))


@attack(Outcome.REFUSED, alone=True)
async def tls_and_then_silence(scene: Scene) -> None:
    """Let the node do its part of TLS, and say nothing."""
    words = await _each(scene, HALF, Conversation.encrypt)
    assert set(words) <= {"", "no handshake within 5 s"}


@attack(Outcome.REFUSED)
async def a_slow_drip(scene: Scene) -> None:
    """A Hello byte by byte: each comes in time, the whole does not."""

    async def drip(conversation: Conversation) -> None:
        await conversation.encrypt()
        hello = conversation.mine
        for byte in frame_bytes(BY_TYPE[type(hello)].number, 0, hello.encode()):
            await conversation.send_bytes(bytes([byte]))
            with trio.move_on_after(DRIP_S):
                await conversation.next_frame()

    words = await _each(scene, 20, drip)
    assert set(words) <= {"", "no handshake within 5 s"}


@attack(Outcome.REFUSED)
async def more_bytes_than_a_handshake_has(scene: Scene) -> None:
    """A handshake that goes on and on."""

    async def pour(conversation: Conversation) -> None:
        await conversation.encrypt()
        await conversation.send_bytes(frame_bytes(1, 0, bytes(200))[:-1])
        for _ in range(64):
            await conversation.send_bytes(bytes(1024))

    await _each(scene, 8, pour)


@attack(Outcome.REFUSED)
async def messages_before_the_handshake(scene: Scene) -> None:
    """Every kind that is not of the handshake, in place of a Hello."""
    for kind in MESSAGES:
        if kind.role is Role.HANDSHAKE or kind.number == 3:
            continue
        data = frame_bytes(kind.number, 0, example(kind.record, full=True))

        async def send(conversation: Conversation, data: bytes = data) -> None:
            await conversation.encrypt()
            await conversation.send_bytes(data)

        (reason,) = await _each(scene, 1, send)
        assert "does not belong in a handshake" in reason, reason


def _wrong_hellos(scene: Scene) -> Sequence[tuple[dict[str, Any], str]]:
    return (
        ({"protocol": 2}, "protocol version 2 is not spoken here"),
        ({"protocol": 2**53 - 1}, "is not spoken here"),
        ({"chain": bytes(32)}, "another chain"),
        ({"id": scene.victim.id}, "that is this node itself"),
    )


@attack(Outcome.REFUSED)
async def a_hello_with_each_field_wrong(scene: Scene) -> None:
    """The peer is told why."""
    for change, why in _wrong_hellos(scene):

        async def introduce(conversation: Conversation, change: dict[str, Any] = change) -> None:
            await conversation.encrypt()
            conversation.mine = replace(conversation.mine, **change)
            await conversation.introduce()

        (reason,) = await _each(scene, 1, introduce)
        assert why in reason, reason


@attack(Outcome.REFUSED)
async def proofs_that_prove_nothing(scene: Scene) -> None:
    """Another's id, a signature of nothing, one for another connection, none at all."""
    other = scene.victims[1].id
    earlier: list[Proof] = []

    async def wrong(
        conversation: Conversation, how: Callable[[Conversation], Proof], key: bytes
    ) -> None:
        await conversation.encrypt()
        conversation.mine = replace(conversation.mine, id=key)
        await conversation.introduce()
        earlier.append(conversation.proof())
        await conversation.send(how(conversation))

    me = KeyPair.from_seed(bytes(range(32)))
    cases: list[tuple[Callable[[Conversation], Proof], bytes]] = [
        (Conversation.proof, other),
        (lambda _: Proof(bytes(64), None), me.public),
        (lambda _: earlier[0], me.public),
        (lambda conversation: replace(conversation.proof(), join=bytes(32)), other),
    ]
    for how, key in cases:
        (reason,) = await _each(scene, 1, partial(wrong, how=how, key=key))
        assert "does not fit this connection" in reason, reason

    async def none(conversation: Conversation) -> None:
        await conversation.encrypt()
        await conversation.introduce()
        await conversation.send(GetStatus(), 1)

    (reason,) = await _each(scene, 1, none)
    assert "does not belong in a handshake" in reason, reason
