"""The network of one node: the calls that the node makes, over all its connections."""

import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import trio

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.record import Record
from p2p.addressbook import AddressBook
from p2p.budget import Budget
from p2p.config import NetworkConfig
from p2p.connections import Connections
from p2p.counters import Counters
from p2p.gossip import Gossip
from p2p.handler import Handler
from p2p.identity import PeerId, short_id
from p2p.limits import MAX_ANSWERING_IN_ALL, MAX_GIVING_IN_ALL
from p2p.links import LinkFaults, Links, describe
from p2p.messages import (
    BY_TYPE,
    MAX_PEERS,
    GetPeers,
    GetStatus,
    MessageKind,
    Peers,
    Refusal,
    Role,
    Status,
    reason_text,
)
from p2p.parcel import Parcel, parcel_of
from p2p.peer import Peer
from p2p.peeraddress import PeerAddress, address_group, host_and_port, is_credible
from p2p.questions import PeerGone, RequestFailed
from p2p.savedfile import save
from p2p.scoring import REJECTED_POINTS
from p2p.transport import Link, Transport

FORGET_SEEN_EVERY = 4  # turns of maintenance
REQUEST_TIMEOUT_S = 10.0

_CHANCE = random.SystemRandom()

logger = logging.getLogger("reelect.p2p")


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A connected peer; times in seconds. `clock_offset_ms` is its clock minus this node's, as
    far as its last answer shows it (least_offset_ms); `held_bytes` wait for it (p2p/limits.py)."""

    id: PeerId
    address: str
    direction: str
    connected_s: float
    status: Status | None
    round_trip_s: float | None
    clock_offset_ms: int | None
    held_bytes: int = 0
    points: float = 0.0


@dataclass(frozen=True, slots=True)
class NetworkSizes:
    """How many entries there are: addresses by kind (AddressBook.sizes), gossip items seen lately,
    and of them known to be had by the peer that has most; ids whose conduct is kept."""

    addresses: dict[str, int]
    seen_items: int
    known_items: int
    conducts: int


class Network:
    """Connections to other nodes of one chain, and gossip over them.

    `run` serves until `close` or cancellation; all calls are for that one trio thread. `wall_s`
    (Unix seconds) is looked at only for what is kept over restarts.
    """

    def __init__(
        self,
        key: KeyPair,
        chain: bytes,
        handler: Handler,
        config: NetworkConfig,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        chance: Callable[[], float] = _CHANCE.random,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.id: PeerId = key.public
        self.counters = Counters()
        self._handler = handler
        self._config = config
        self._chance = chance
        self._wall_s = wall_s
        self._saving = trio.Lock()
        self._links = None if config.links is None else Links(config.links, self.id)
        self._transport = Transport(
            key, chain, config.admission, entropy, config.timing.handshake_s, links=self._links
        )
        self._book = AddressBook(self.id, config.peers, chance)
        self._connections = Connections(self._transport, config, self._book, self.counters, self)
        self._gossip = Gossip(handler, self._connections.peers, self.counters)
        self.budget = Budget(config.budget_bytes, self._connections.shed)
        self.answering = trio.CapacityLimiter(MAX_ANSWERING_IN_ALL)
        self.giving = trio.CapacityLimiter(MAX_GIVING_IN_ALL)
        self._closing = trio.Event()
        self._port = 0

    # What the node calls

    @property
    def listen_port(self) -> int:
        """The port this node listens on; 0 before `run` has started."""
        return self._port

    def peers(self) -> tuple[PeerInfo, ...]:
        """The connected peers, longest connected first."""
        now = trio.current_time()
        return tuple(
            PeerInfo(
                peer.id,
                host_and_port(peer.host, peer.port),
                peer.direction,
                now - peer.connected_at,
                peer.status,
                peer.round_trip_s,
                peer.clock_offset_ms,
                peer.held_bytes,
                self._connections.scores.points(peer.id, now),
            )
            for peer in self._connections.peers.values()
        )

    def broadcast(self, message: Record, exclude: PeerId | None = None) -> None:
        """Queue gossip for every peer that is not known to have it."""
        self._gossip.broadcast(message, exclude)

    def send(self, peer: PeerId, message: Record) -> bool:
        """Queue gossip or a notice for one peer, even if it has it; False if it is gone."""
        found = self._connections.peers.get(peer)
        if found is None:
            return False
        if BY_TYPE[type(message)].role is Role.NOTICE:
            found.notify(message)
        else:
            found.push(parcel_of(message))
        return True

    def holders(self, message: Record) -> list[PeerId]:
        """The peers that sent this gossip, or were sent it, the longest connected first."""
        return self._gossip.holders(message)

    async def request(
        self, peer: PeerId, message: Record, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Record:
        """Ask a peer; raises PeerGone, RequestTimeout or RemoteError (all RequestFailed)."""
        found = self._connections.peers.get(peer)
        if found is None:
            raise PeerGone(f"{short_id(peer)} is not connected")
        return await found.request(message, timeout_s)

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        """Count points against a peer; scoring.BAN_POINTS of them ban it for a while."""
        self._connections.penalise(peer, points, why)

    def ban(self, peer: PeerId, duration_s: float, why: str) -> None:
        """Keep a peer out for so long."""
        self._connections.ban(peer, duration_s, why)

    def unban(self, peer: PeerId) -> None:
        """Let a peer in again, and forget what it did."""
        self._connections.scores.unban(peer)
        self._connections.dial_soon()

    def banned(self) -> dict[PeerId, float]:
        """Who is kept out, and for how many seconds more."""
        return self._connections.scores.banned(trio.current_time())

    def sizes(self) -> NetworkSizes:
        """How much is known, for metrics."""
        known = (len(peer.known) for peer in self._connections.peers.values())
        return NetworkSizes(
            self._book.sizes(),
            len(self._gossip),
            max(known, default=0),
            len(self._connections.scores),
        )

    def add(self, address: PeerAddress) -> None:
        """Note a node that may be dialled."""
        self._book.hear(address)
        self._connections.dial_soon()

    @property
    def link_faults(self) -> LinkFaults | None:
        """The faults of this node's links; None if they cannot have any (NetworkConfig.links)."""
        return None if self._links is None else self._links.faults

    def set_link_faults(self, faults: LinkFaults) -> None:
        """Have other faults from now on. Whom something passes to again is dialled at once, however
        often that failed. Raises ValueError if links cannot have faults."""
        if self._links is None:
            raise ValueError("these links cannot have faults")
        healed = self._links.change(faults)
        logger.info("link faults: %s", describe(faults))
        self._book.try_again(healed)
        self._connections.dial_soon()

    def close(self) -> None:
        """Say goodbye to all and let `run` return, within about a second."""
        self._closing.set()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve; started once it listens. Raises OSError if it cannot listen."""
        config = self._config
        await self._load()
        listeners = await trio.open_tcp_listeners(config.port, host=config.host)
        self._port = int(listeners[0].socket.getsockname()[1])
        self._transport.listen_port = config.advertised_port or self._port
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if self._links is not None:
                self._links.nursery = nursery
            nursery.start_soon(self._connections.run, listeners)
            nursery.start_soon(self._maintain)
            task_status.started()
            await self._closing.wait()
            self._book.anchor(self._connections.oldest_outbound())
            await self._connections.take_leave()
            nursery.cancel_scope.cancel()
        await self._save()

    async def _maintain(self) -> None:
        turn = 0
        while True:
            await trio.sleep(self._config.timing.maintenance_s)
            turn += 1
            self._connections.put_out_strangers()
            if self._config.discover and self._connections.missing > 0:
                self._ask_around()
            if turn % FORGET_SEEN_EVERY == 0:
                self._gossip.forget_old()
            self._book.anchor(self._connections.oldest_outbound())
            await self._save()

    def _ask_around(self) -> None:
        peers = list(self._connections.peers.values())
        if peers:
            peer = peers[int(self._chance() * len(peers))]
            self._nursery.start_soon(self._learn_addresses, peer)

    async def _load(self) -> None:
        config, now, wall_s = self._config, trio.current_time(), self._wall_s()
        if config.address_book is not None:
            await trio.to_thread.run_sync(self._book.load, config.address_book, now, wall_s)
        if config.conducts is not None:
            scores = self._connections.scores
            await trio.to_thread.run_sync(scores.load, config.conducts, now, wall_s)

    async def _save(self) -> None:
        kept = (
            (self._config.address_book, self._book),
            (self._config.conducts, self._connections.scores),
        )
        async with self._saving:
            for file, what in kept:
                if file is not None and what.changed:
                    contents = what.encode(trio.current_time(), self._wall_s())
                    await trio.to_thread.run_sync(save, file, contents)

    # What connections call (Host)

    def make_peer(self, link: Link, host: str, port: int) -> Peer:
        return Peer(link, host, port, self, self._config.timing)

    def arrived(self, peer: Peer) -> None:
        self.counters.connected += 1
        logger.info("%s: connected, %s, %s:%d", peer.name, peer.direction, peer.host, peer.port)
        self._tell(self._handler.connected, peer)
        if self._config.discover:
            self._nursery.start_soon(self._learn_addresses, peer)

    def banned_one(self) -> None:
        self._nursery.start_soon(self._save)

    def left(self, peer: Peer) -> None:
        self.counters.disconnected += 1
        logger.info("%s: disconnected: %s", peer.name, peer.end_reason)
        self._tell(self._handler.disconnected, peer)

    def _tell(self, call: Callable[[PeerId], None], peer: Peer) -> None:
        try:
            call(peer.id)
        except Exception:
            self.counters.faults += 1
            logger.exception("%s: a bug in the handler", peer.name)
            peer.say_goodbye("internal error")

    async def _learn_addresses(self, peer: Peer) -> None:
        if not peer.dialled and peer.listen_port:
            itself = PeerAddress(peer.id, peer.host, peer.listen_port)
            self._book.hear(itself, address_group(peer.host), of_itself=True)
        try:
            answer = await peer.request(GetPeers(), REQUEST_TIMEOUT_S)
        except RequestFailed:
            return
        if isinstance(answer, Peers):
            for address in answer.addresses:
                if is_credible(address.host, told_by=peer.host):
                    self._book.hear(address, address_group(peer.host))
            self._connections.dial_soon()

    # What a peer calls (Owner)

    def sift(self, peer: Peer, kind: MessageKind, payload: bytes) -> Parcel | None:
        return self._gossip.sift(peer, kind, payload)

    async def deliver(self, peer: Peer, parcel: Parcel, message: Record) -> None:
        if not await self._gossip.judge(peer, parcel, message):
            self.penalise(peer, REJECTED_POINTS, f"a {parcel.kind.name} that is not valid")

    def penalise(self, peer: Peer, points: float, why: str) -> None:
        self._connections.penalise(peer.id, points, why)

    def own_status(self) -> Status:
        return self._handler.status()

    async def serve(self, peer: Peer, request: Record) -> Record:
        if isinstance(request, GetStatus):
            return self._handler.status()
        if isinstance(request, GetPeers):
            return self._known_peers(peer.id)
        try:
            answer = await self._handler.serve(peer.id, request)
        except Invalid as error:
            return Refusal(reason_text(str(error)))
        return Refusal("not served here") if answer is None else answer

    def _known_peers(self, asker: PeerId) -> Peers:
        connected = [
            PeerAddress(peer.id, peer.host, peer.listen_port)
            for peer in self._connections.peers.values()
            if peer.listen_port and peer.id != asker
        ]
        known = {address.id: address for address in self._book.sample(MAX_PEERS, asker)}
        known |= {address.id: address for address in connected}
        order = sorted(known.values(), key=lambda _: self._chance())
        return Peers(tuple(order[:MAX_PEERS]))
