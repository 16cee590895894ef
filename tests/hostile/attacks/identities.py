"""Who one is: nobody for long, two at once, a hundred thousand, or in many wrong places."""

from collections.abc import Sequence
from functools import partial

import trio

from consensus.record import Record
from p2p.messages import MAX_PEERS, GetPeers, Peers
from p2p.peeraddress import PeerAddress
from tests.hostile.attack import Outcome, Scene, attack
from tests.hostile.client import LOOPBACK, Closed, Reply, Victim, new_key, peer_of, politely

FLAPS = 60
TAKEOVERS = 30
CROWD = 48  # more than all places for those who come
AT_ONCE = 8
LIARS = 12
POISONERS = 4
LIE_S = 8.0
HOUR_MS = 3_600_000


@attack(Outcome.BORNE)
async def flapping(scene: Scene) -> None:
    """Come and go, again and again, in one name."""
    key = scene.name()
    for _ in range(FLAPS):
        async with peer_of(scene.victim, key):
            pass


@attack(Outcome.PARTED, "replaced by a newer connection")
async def two_nodes_with_one_identity(scene: Scene) -> None:
    """Two that take each other's place."""
    key = scene.name()
    for _ in range(TAKEOVERS):
        async with peer_of(scene.victim, key) as one, peer_of(scene.victim, key):
            assert await one.until_closed() in ("", "replaced by a newer connection")


@attack(Outcome.BORNE, alone=True)
async def many_distinct_ids(scene: Scene) -> None:
    """Each connection in another name, a few at a time, at all nodes."""
    left = iter(range(scene.ids))

    async def some(victim: Victim) -> None:
        for _ in left:
            async with peer_of(victim, new_key()):
                pass

    async with trio.open_nursery() as nursery:
        for place in range(AT_ONCE):
            nursery.start_soon(some, scene.victims[place % len(scene.victims)])


async def _stay(victim: Victim, reply: Reply) -> None:
    """Be a peer as long as the node lets one."""
    try:
        async with peer_of(victim, new_key()) as peer:
            await peer.answer(reply)
    except Closed:
        pass


async def _crowd(victims: Sequence[Victim], count: int, reply: Reply) -> None:
    """So many peers of each victim, for a while."""
    with trio.move_on_after(LIE_S):
        async with trio.open_nursery() as nursery:
            for victim in victims:
                for _ in range(count):
                    nursery.start_soon(_stay, victim, reply)


@attack(Outcome.BORNE, alone=True)
async def all_places_taken(scene: Scene) -> None:
    """More peers than there are places, at one node; those that get none are told why."""
    await _crowd([scene.victim], CROWD, politely)


@attack(Outcome.BORNE, alone=True)
async def clocks_that_are_an_hour_off(scene: Scene) -> None:
    """More peers than a node has honest ones, at all nodes, that agree on a wrong time."""
    await _crowd(scene.victims, LIARS, partial(politely, offset_ms=HOUR_MS))


@attack(Outcome.BORNE, alone=True)
async def a_poisoned_address_book(scene: Scene) -> None:
    """Addresses where nobody is, where others are, and where the node's own API is; in the names
    of the honest nodes too."""
    poison = [PeerAddress(victim.id, LOOPBACK, 1) for victim in scene.victims]
    poison += [PeerAddress(new_key().public, LOOPBACK, port) for port in range(1, 10)]
    poison += [
        PeerAddress(new_key().public, LOOPBACK, int(victim.api.rpartition(":")[2].strip("/")))
        for victim in scene.victims
    ]
    poison += [PeerAddress(new_key().public, "203.0.113.9", 9) for _ in range(3)]
    told = Peers(tuple(poison[:MAX_PEERS]))

    def reply(question: Record) -> Record | None:
        return told if isinstance(question, GetPeers) else politely(question)

    await _crowd(scene.victims, POISONERS, reply)
