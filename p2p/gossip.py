"""Gossip: each item is judged once and relayed to the peers that are not known to have it."""

import logging
from collections.abc import Iterable, Mapping

import trio

from consensus.errors import Invalid
from consensus.record import Record
from p2p.counters import Counters
from p2p.handler import Handler, Verdict
from p2p.identity import PeerId
from p2p.messages import MessageKind, Role
from p2p.parcel import Parcel, open_parcel, parcel_of
from p2p.peer import Peer
from p2p.recent import RecentSet

SEEN_ITEMS = 16_384

logger = logging.getLogger("reelect.p2p")


class Gossip:
    """What this node has seen, over the peers in `peers` (a live view)."""

    def __init__(self, handler: Handler, peers: Mapping[PeerId, Peer], counters: Counters) -> None:
        self._handler = handler
        self._peers = peers
        self._counters = counters
        self._seen = RecentSet(SEEN_ITEMS)

    def __len__(self) -> int:
        return len(self._seen)

    def forget_old(self) -> None:
        """Forget what was not seen since the last call: it may then be judged again."""
        self._seen.age()

    def sift(self, peer: Peer, kind: MessageKind, payload: bytes) -> Parcel | None:
        """What is new in a payload from `peer`, None if nothing is; raises InvalidEncoding.

        A duplicate costs no more than its hash.
        """
        parcel = open_parcel(kind, payload)
        fresh = parcel.without(peer.known if kind.role is Role.ANNOUNCEMENT else self._seen)
        peer.has(parcel)
        self._note_seen(fresh)
        self._counters.duplicates += len(parcel.items) - len(fresh.items)
        return fresh if fresh.items else None

    async def judge(self, peer: Peer, parcel: Parcel, message: Record) -> bool:
        """Ask the handler, relay what it accepts; returns False if it rejects."""
        try:
            verdict = await self._handler.gossip(peer.id, message, parcel.payload)
        except Invalid as error:
            logger.info("%s: %s rejected: %s", peer.name, parcel.kind.name, error)
            verdict = Verdict.REJECT
        if verdict is Verdict.ACCEPT and parcel.kind.role is Role.GOSSIP:
            peer.useful_at = trio.current_time()
            self._offer(parcel, (other for other in self._peers.values() if other is not peer))
        self._counters.rejected += verdict is Verdict.REJECT
        return verdict is not Verdict.REJECT

    def broadcast(self, message: Record, exclude: PeerId | None) -> None:
        """Offer a message of our own to all peers."""
        parcel = parcel_of(message)
        self._note_seen(parcel)
        self._offer(parcel, (other for other in self._peers.values() if other.id != exclude))

    def holders(self, message: Record) -> list[PeerId]:
        """The peers that sent a message of one item, or were sent it, as far as is remembered."""
        (key,) = parcel_of(message).items
        return [peer.id for peer in self._peers.values() if key in peer.known]

    def _note_seen(self, parcel: Parcel) -> None:
        """Announcements are each peer's own: a flood of them must not push out what was judged."""
        if parcel.kind.role is not Role.ANNOUNCEMENT:
            for key in parcel.items:
                self._seen.add(key)

    def _offer(self, parcel: Parcel, peers: Iterable[Peer]) -> None:
        for peer in list(peers):
            peer.offer(parcel)
