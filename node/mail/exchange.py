"""Mail between nodes: new envelopes are passed on to all, and who was away asks the peers for what
it has missed."""

import logging
from collections.abc import Sequence
from typing import Protocol

import trio

from consensus.errors import Invalid
from consensus.mail import Deletion, Envelope, MailRefused
from consensus.record import Record
from node.mail.mailroom import Mailroom
from p2p.handler import Verdict
from p2p.identity import PeerId, short_id
from p2p.mail import MAX_MAIL_ITEMS, GetMail, GetMailIds, Mail, MailIds
from p2p.network import PeerInfo
from p2p.questions import RequestFailed
from p2p.scoring import REJECTED_POINTS

ASK_S = 10.0
COMPARE_S = 300.0  # how often a peer is asked for what got lost on the way
EXPIRE_S = 10.0
PACE_S = 0.05  # between questions, so that a peer need not count them against this node

logger = logging.getLogger("reelect.mail")


class MailPeers(Protocol):
    """What is needed of the network (p2p.network.Network)."""

    def peers(self) -> Sequence[PeerInfo]:
        """The connected peers."""

    def broadcast(self, message: Record, exclude: PeerId | None = None) -> None:
        """Offer gossip to all."""

    async def request(self, peer: PeerId, message: Record, timeout_s: float) -> Record:
        """A peer's answer; raises RequestFailed."""

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        """Count points against a peer."""


class MailExchange:
    """The mailroom and the network. `run` serves until cancelled."""

    def __init__(self, room: Mailroom, network: MailPeers) -> None:
        self.room = room
        self._network = network
        self._nursery: trio.Nursery | None = None
        self._comparing: set[PeerId] = set()

    async def run(self) -> None:
        """Expire what is old, and compare with the peers now and then."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._expire)
            while True:
                for peer in self._network.peers():
                    self.connected(peer.id)
                await trio.sleep(COMPARE_S)

    async def _expire(self) -> None:
        while True:
            self.room.expire()
            await trio.sleep(EXPIRE_S)

    # From this node's users

    def send(self, envelope: Envelope) -> None:
        """Hold an envelope and pass it on; raises as Mailroom.take."""
        if self.room.take(envelope):
            self._network.broadcast(envelope)

    def delete(self, deletion: Deletion) -> None:
        """Drop an envelope and pass that on; raises as Mailroom.delete."""
        if self.room.delete(deletion):
            self._network.broadcast(deletion)

    # From peers

    def gossip(self, message: Envelope | Deletion) -> Verdict:
        """What becomes of a peer's envelope or deletion. Raises Invalid for one that no honest node
        passes on."""
        try:
            if isinstance(message, Envelope):
                is_new = self.room.take(message)
            else:
                is_new = self.room.delete(message)
        except MailRefused as error:
            logger.debug("mail %s: %s", message.id.hex(), error)
            return Verdict.IGNORE
        return Verdict.ACCEPT if is_new else Verdict.IGNORE

    def serve(self, request: GetMailIds | GetMail) -> Record:
        """The answer to a peer's question."""
        if isinstance(request, GetMailIds):
            return MailIds(self.room.held(request.after))
        return Mail(*self.room.encoded(request.ids))

    def connected(self, peer: PeerId) -> None:
        """Ask a peer for what this node has missed."""
        if self._nursery is not None and peer not in self._comparing:
            self._comparing.add(peer)
            self._nursery.start_soon(self._compare, peer)

    async def _compare(self, peer: PeerId) -> None:
        try:
            await self._take_missed(peer)
        except RequestFailed as error:
            logger.info("mail from %s: %s", short_id(peer), error)
        except MailRefused as error:  # no room is left here
            logger.info("mail from %s is not taken: %s", short_id(peer), error)
        except Invalid as error:
            logger.warning("mail from %s: %s", short_id(peer), error)
            self._network.misbehaved(peer, REJECTED_POINTS, str(error))
        finally:
            self._comparing.discard(peer)

    async def _take_missed(self, peer: PeerId) -> None:
        after: bytes | None = None
        while True:
            answer = await self._network.request(peer, GetMailIds(after), ASK_S)
            held = answer.held if isinstance(answer, MailIds) else ()
            if not held:
                return
            ids = [told.id for told in held]
            if ids != sorted(set(ids)) or (after is not None and ids[0] <= after):
                raise Invalid("not the next ids in their order", field="held")
            after = ids[-1]
            wanted = self.room.lacking(held)
            for start in range(0, len(wanted), MAX_MAIL_ITEMS):
                await self._take(peer, wanted[start : start + MAX_MAIL_ITEMS])

    async def _take(self, peer: PeerId, ids: list[bytes]) -> None:
        """Ask for these until all came, or nothing more does."""
        while ids:
            answer = await self._network.request(peer, GetMail(tuple(ids)), ASK_S)
            if not isinstance(answer, Mail):
                return
            came: list[Envelope | Deletion] = [
                *map(Deletion.decode, answer.deletions),
                *map(Envelope.decode, answer.envelopes),
            ]
            if any(item.id not in ids for item in came):
                raise Invalid("mail that was not asked for", field="mail")
            for item in came:
                self.gossip(item)
                await trio.lowlevel.checkpoint()
            if not came:
                return
            given = {item.id for item in came}
            ids = [identity for identity in ids if identity not in given]
            await trio.sleep(PACE_S)
