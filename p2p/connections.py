"""Which nodes this one is connected to: the door, dialling, who stays and who is put out."""

import logging
from collections import Counter
from typing import Protocol

import trio

from p2p.addressbook import AddressBook
from p2p.config import NetworkConfig
from p2p.counters import Counters
from p2p.doorway import Doorway
from p2p.handshake import HandshakeFailed
from p2p.identity import PeerId, short_id
from p2p.messages import Hello
from p2p.peer import Peer
from p2p.peeraddress import PeerAddress, address_group
from p2p.scoring import Scores
from p2p.transport import FAREWELL_S, Link, Transport

DIAL_PAUSE_S = 0.5

logger = logging.getLogger("reelect.p2p")


class Host(Protocol):
    """Whom the connections are for."""

    def make_peer(self, link: Link, host: str, port: int) -> Peer:
        """A peer that is not served yet."""

    def arrived(self, peer: Peer) -> None:
        """The peer counts as connected from now on."""

    def left(self, peer: Peer) -> None:
        """It does not any more."""


def newer_stays(dialler: PeerId, old_dialler: PeerId, *, restarted: bool) -> bool:
    """Which of two connections between the same two nodes stays, by who dialled each.

    The newer one, if the peer has restarted since or the same node dials once more; else, both
    having dialled, the one that the lower id dialled: so both sides come to the same answer, in
    whatever order the connections come to them.
    """
    return restarted or dialler <= old_dialler


class Connections:
    """The connected peers by id, `peers`, at most one connection each."""

    def __init__(
        self,
        transport: Transport,
        config: NetworkConfig,
        book: AddressBook,
        counters: Counters,
        host: Host,
    ) -> None:
        self.peers: dict[PeerId, Peer] = {}
        self.scores = Scores()
        self._transport = transport
        self._config = config
        self._book = book
        self._counters = counters
        self._host = host
        self._doorway = Doorway(config.max_strangers)
        self._dialling: set[PeerId] = set()
        self._leaving = False
        self._dial_soon = trio.Event()
        self._one_left = trio.Event()

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Accept and dial until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._answer_door, listeners)
            nursery.start_soon(self._keep_dialling, nursery)

    async def take_leave(self) -> None:
        """Say goodbye to all, connect to nobody any more, return when all have gone."""
        self._leaving = True
        for peer in self.peers.values():
            peer.say_goodbye("shutting down")
        with trio.move_on_after(2 * FAREWELL_S):
            while self.peers:
                self._one_left = trio.Event()
                await self._one_left.wait()

    def dial_soon(self) -> None:
        """Look for somebody to dial now rather than at the next turn."""
        self._dial_soon.set()

    def penalise(self, peer: PeerId, points: float, why: str) -> None:
        """Count points; enough of them ban."""
        logger.info("%s: %g points: %s", short_id(peer), points, why)
        if self.scores.penalise(peer, points, trio.current_time()):
            self._put_out(peer, why)

    def ban(self, peer: PeerId, duration_s: float, why: str) -> None:
        """Keep a peer out for so long."""
        self.scores.ban(peer, duration_s, trio.current_time())
        self._put_out(peer, why)

    def shed(self) -> None:
        """Let the peer go that holds most of the budget."""
        largest = max(self.peers.values(), key=lambda peer: peer.held_bytes, default=None)
        if largest is not None:
            held = largest.held_bytes
            largest.end(f"{held} bytes wait for it, and too many for all peers together")

    def put_out_strangers(self) -> None:
        """Part from peers that are not members any more."""
        for peer in self.peers.values():
            if not self._config.admission.is_member(peer.id):
                peer.say_goodbye("you are not a member of this network any more")

    def _put_out(self, peer: PeerId, why: str) -> None:
        self._counters.bans += 1
        logger.warning("%s: banned: %s", short_id(peer), why)
        if peer in self.peers:
            self.peers[peer].say_goodbye(f"banned: {why}")

    # Coming in

    async def _answer_door(self, stream: trio.SocketStream) -> None:
        try:
            await self._let_in(stream)
        except Exception:
            self._bug("the door")

    async def _let_in(self, stream: trio.SocketStream) -> None:
        try:
            host, port = stream.socket.getpeername()[:2]
        except OSError:
            await trio.aclose_forcefully(stream)
            return
        link: Link | None = None
        with self._doorway.stranger(host):
            link = await self._accept(stream, host)
        if link is not None:
            await self._serve(link, host, port)

    async def _accept(self, stream: trio.SocketStream, host: str) -> Link | None:
        try:
            return await self._transport.accept(
                stream, lambda hello: self._refusal(hello, host, dialled=False)
            )
        except HandshakeFailed as error:
            self._counters.handshakes_failed += 1
            logger.debug("a stranger at %s: %s", host, error)
            return None

    def _bug(self, where: str) -> None:
        """Log the exception at hand: one connection is lost by it, not the node."""
        self._counters.faults += 1
        logger.exception("a bug at %s", where)

    # Going out

    async def _keep_dialling(self, nursery: trio.Nursery) -> None:
        while True:
            self._dial_soon = trio.Event()
            for address in self._to_dial():
                self._dialling.add(address.id)
                nursery.start_soon(self._dial, address)
            with trio.move_on_after(DIAL_PAUSE_S):
                await self._dial_soon.wait()

    @property
    def missing(self) -> int:
        """How many more peers to dial."""
        outbound = sum(peer.dialled for peer in self.peers.values())
        return self._config.wanted_outbound - outbound - len(self._dialling)

    def _to_dial(self) -> list[PeerAddress]:
        missing = self.missing
        if missing <= 0 or self._leaving:
            return []
        now = trio.current_time()
        groups = {address_group(peer.host) for peer in self.peers.values() if peer.dialled}
        return self._book.candidates(now, groups, self._is_unwanted)[:missing]

    def _is_unwanted(self, peer: PeerId) -> bool:
        return (
            peer in self.peers
            or peer in self._dialling
            or self.scores.is_banned(peer, trio.current_time())
        )

    async def _dial(self, address: PeerAddress) -> None:
        try:
            await self._connect(address)
        except Exception:
            self._bug(str(address))
            self._book.failed(address.id, trio.current_time())

    async def _connect(self, address: PeerAddress) -> None:
        try:
            link = await self._reach(address)
        except (OSError, UnicodeError, trio.TooSlowError, HandshakeFailed) as error:
            self._counters.dials_failed += 1
            logger.debug("%s: not reached: %s", address, error)
            if address.id not in self.peers:
                self._book.failed(address.id, trio.current_time())
            return
        finally:
            self._dialling.discard(address.id)
        self._book.reached(address)
        since = trio.current_time()
        await self._serve(link, address.host, address.port)
        now = trio.current_time()
        self._book.ended(address.id, now - since, now)

    async def _reach(self, address: PeerAddress) -> Link:
        with trio.fail_after(self._config.timing.dial_s):
            stream = await trio.open_tcp_stream(address.host, address.port)
        return await self._transport.dial(
            stream, address.id, lambda hello: self._refusal(hello, address.host, dialled=True)
        )

    # Who stays

    def _refusal(self, hello: Hello, host: str, *, dialled: bool) -> str | None:
        """Why not to connect to the node that says `hello`; None if nothing speaks against."""
        if self._leaving:
            return "shutting down"
        if self.scores.is_banned(hello.id, trio.current_time()):
            return "you are banned for a while"
        old = self.peers.get(hello.id)
        if old is not None:
            restarted = old.ending or old.instance != hello.instance
            dialler = self._transport.id if dialled else hello.id
            old_dialler = self._transport.id if old.dialled else hello.id
            stays = newer_stays(dialler, old_dialler, restarted=restarted)
            return None if stays else "already connected"
        return None if dialled else self._no_place(host)

    def _no_place(self, host: str) -> str | None:
        inbound = [address_group(peer.host) for peer in self.peers.values() if not peer.dialled]
        if len(inbound) >= self._config.max_inbound:
            return "no free place"
        group = address_group(host)
        if group != "loopback" and Counter(inbound)[group] >= self._config.max_inbound_per_group:
            return "no free place for addresses near yours"
        return None

    async def _serve(self, link: Link, host: str, port: int) -> None:
        peer = self._host.make_peer(link, host, port)
        refusal = self._refusal(link.hello, host, dialled=link.dialled)
        if refusal is not None:
            peer.say_goodbye(refusal)
            await peer.run()
            return
        old = self.peers.get(peer.id)
        if old is not None:
            old.say_goodbye("replaced by a newer connection")
            self._part(old)
        self.peers[peer.id] = peer
        self._host.arrived(peer)
        try:
            await peer.run()
        finally:
            self._part(peer)

    def _part(self, peer: Peer) -> None:
        if self.peers.get(peer.id) is peer:
            del self.peers[peer.id]
            self._host.left(peer)
            self._dial_soon.set()
            self._one_left.set()
