"""Every kind of message from the table: cut short, too large, scrambled, and again and again.

New kinds are attacked as soon as they stand in the table.
"""

import secrets

import trio

from p2p.frames import frame_bytes
from p2p.messages import BY_TYPE, MESSAGES, Goodbye, MessageKind, Role
from tests.fuzz.examples import example
from tests.hostile.attack import ATTACKS, Attack, Outcome, Scene
from tests.hostile.client import Closed, Conversation, peer_of

_LIMITED = (Role.NOTICE, Role.GOSSIP, Role.ANNOUNCEMENT, Role.REQUEST)
_FRAMES_AT_ONCE = 64


def _request(kind: MessageKind) -> int:
    return 0 if kind.role in (Role.NOTICE, Role.GOSSIP, Role.ANNOUNCEMENT) else 1


async def _violate(scene: Scene, data: bytes) -> None:
    async with peer_of(scene.victim, scene.name()) as peer:
        try:
            await peer.send_bytes(data)
        except Closed:
            return
        reason = await peer.until_closed()
        assert reason.startswith("protocol violation: "), reason


def _cut_short(kind: MessageKind) -> bytes:
    return frame_bytes(kind.number, _request(kind), example(kind.record, full=True)[:-1])


def _too_large(kind: MessageKind) -> bytes:
    """Only a head, which lies."""
    return (kind.max_bytes + 1).to_bytes(4, "big") + frame_bytes(kind.number, _request(kind), b"")[
        4:
    ]


def _lies_hugely(kind: MessageKind) -> bytes:
    return b"\xff" * 4 + frame_bytes(kind.number, _request(kind), b"")[4:] + bytes(100_000)


def _scrambled(kind: MessageKind) -> bytes:
    size = min(kind.max_bytes, 200)
    return frame_bytes(kind.number, _request(kind), b"\xff" + secrets.token_bytes(size - 1))


def _out_of_turn(kind: MessageKind) -> bytes:
    """With a request number where none belongs, or without."""
    wrong = 0 if kind.role in (Role.REQUEST, Role.RESPONSE, Role.HANDSHAKE) else 9
    return frame_bytes(kind.number, wrong, example(kind.record, full=True))


async def _flood(scene: Scene, kind: MessageKind) -> None:
    """The same good message until the node has had enough; answers are read."""
    frame = frame_bytes(kind.number, _request(kind), example(kind.record, full=True))
    async with peer_of(scene.victim, scene.name()) as peer, trio.open_nursery() as nursery:

        async def send() -> None:
            with trio.CancelScope() as scope:
                nursery.start_soon(_read, peer, scope)
                try:
                    while True:
                        await peer.send_bytes(frame * _FRAMES_AT_ONCE)
                except Closed:
                    pass

        await send()


async def _read(peer: Conversation, sending: trio.CancelScope) -> None:
    await peer.until_closed()
    sending.cancel()


def _declare(kind: MessageKind) -> None:
    for name, make in (
        ("cut short", _cut_short),
        ("too large", _too_large),
        ("of four gigabytes", _lies_hugely),
        ("scrambled", _scrambled),
        ("out of turn", _out_of_turn),
    ):

        async def violate(scene: Scene, data: bytes = make(kind)) -> None:
            await _violate(scene, data)

        ATTACKS.append(
            Attack(f"{kind.name} {name}", Outcome.PARTED, "protocol violation: ", violate)
        )
    if kind.role in _LIMITED:

        async def flood(scene: Scene) -> None:
            await _flood(scene, kind)

        if kind is BY_TYPE[Goodbye]:
            outcome, why = Outcome.PARTED, "it said goodbye"
        else:
            outcome, why = Outcome.BANNED, f"too many {kind.name} messages"
        ATTACKS.append(Attack(f"{kind.name} again and again", outcome, why, flood))


for _kind in MESSAGES:
    _declare(_kind)
