"""Who is to hold a replica of which file: the same choice on every node, without a coordinator.

Rendezvous hashing (Thaler and Ravishankar, 1998): each node that offers room has a rank for each
file; the first so many of them hold it. When a node comes or goes, only files change hands for
which it is among the first. Pure.
"""

from collections.abc import Collection, Iterable, Mapping

from consensus.cid import Cid
from consensus.hashing import sha256
from p2p.identity import PeerId


def rank(root: Cid, peer: PeerId) -> bytes:
    """A node's rank for a file: the lowest comes first."""
    return sha256(root.binary + peer)


def chosen(root: Cid, peers: Iterable[PeerId], count: int) -> list[PeerId]:
    """The first so many of these nodes for a file."""
    return sorted(peers, key=lambda peer: rank(root, peer))[: max(count, 0)]


def falls_to(
    own: PeerId,
    root: Cid,
    size_bytes: int,
    *,
    holders: Collection[PeerId],
    room_bytes: Mapping[PeerId, int],
    replicas: int,
    idle: int = 0,
) -> bool:
    """Whether this node is to fetch a file that `holders` hold, given the room that each node,
    this one too, offers: some hold it, fewer than `replicas`, and it is among the first of the
    others that have room. `idle` of those that come first are passed over: they were to fetch it
    and have not."""
    if own in holders or not 0 < len(holders) < replicas:
        return False
    able = [p for p, room in room_bytes.items() if room >= size_bytes and p not in holders]
    return own in chosen(root, able, replicas - len(holders) + idle)


def may_go(own: PeerId, root: Cid, holders: Collection[PeerId], replicas: int) -> bool:
    """Whether this node may drop its replica: enough others hold the file who come before it."""
    return own not in chosen(root, {own, *holders}, replicas)
