"""Which nodes this one is connected to: the door, dialling, who stays and who is put out."""

import logging
import math
from collections import Counter
from typing import Protocol

import trio

from p2p.addressbook import STABLE_S, AddressBook
from p2p.config import NetworkConfig
from p2p.counters import Counters
from p2p.doorway import Doorway
from p2p.handshake import HandshakeFailed, Outcome
from p2p.identity import PeerId, short_id
from p2p.loglimit import LogLimit
from p2p.messages import Hello
from p2p.peer import Peer
from p2p.peeraddress import PeerAddress, address_group
from p2p.scoring import OFFENCES, OTHER_OFFENCE, Scores
from p2p.slots import Occupant, to_displace
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

    def banned_one(self) -> None:
        """Somebody was banned: it should be kept."""


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
        self._log = LogLimit(logger)
        self._dialling: dict[PeerId, PeerAddress] = {}
        self._leaving = False
        self._dial_soon = trio.Event()
        self._one_left = trio.Event()

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Accept and dial until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._answer_door, listeners)
            nursery.start_soon(self._keep_dialling, nursery)
            if self._config.discover:
                nursery.start_soon(self._keep_feeling)

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
        now, offence = trio.current_time(), OFFENCES.get(points, OTHER_OFFENCE)
        self._counters.points[offence] += points
        self._log.log(logging.INFO, offence, now, f"{short_id(peer)}: {points:g} points: {why}")
        if self.scores.penalise(peer, points, now):
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
            self._counters.shed += 1
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
        self._host.banned_one()

    def oldest_outbound(self) -> list[PeerId]:
        """The peers that this node dialled and that have stayed, the longest connected first."""
        stable_since = trio.current_time() - STABLE_S
        stable = [p for p in self.peers.values() if p.dialled and p.connected_at <= stable_since]
        return [peer.id for peer in sorted(stable, key=lambda peer: peer.connected_at)]

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
        if not self._doorway.admits(host, trio.current_time()):
            self._turned_away(Outcome.RATE, host, "too many connections of late")
            await trio.aclose_forcefully(stream)
            return
        link: Link | None = None
        with self._doorway.stranger(host) as scope:
            link = await self._accept(stream, host)
        if scope.cancelled_caught:
            self._turned_away(Outcome.CROWDED_OUT, host, "too many wait at the door")
        if link is not None:
            await self._serve(link, host, port)

    async def _accept(self, stream: trio.SocketStream, host: str) -> Link | None:
        try:
            return await self._transport.accept(
                stream, lambda hello: self._check(hello, host, dialled=False)
            )
        except HandshakeFailed as error:
            self._counters.handshakes_failed += 1
            who = host if error.claimed is None else f"{host}, as {short_id(error.claimed)}"
            self._turned_away(error.outcome, who, error.reason)
            return None

    def _turned_away(self, outcome: Outcome, who: str, reason: str) -> None:
        self._counters.arrivals[outcome.value] += 1
        line = f"a stranger at {who}: {reason}"
        self._log.log(logging.INFO, f"arrival {outcome.value}", trio.current_time(), line)

    def _bug(self, where: str) -> None:
        """Log the exception at hand: one connection is lost by it, not the node."""
        self._counters.faults += 1
        logger.exception("a bug at %s", where)

    # Going out

    async def _keep_dialling(self, nursery: trio.Nursery) -> None:
        while True:
            self._dial_soon = trio.Event()
            for address in self._to_dial():
                self._dialling[address.id] = address
                nursery.start_soon(self._dial, address)
            with trio.move_on_after(DIAL_PAUSE_S):
                await self._dial_soon.wait()

    async def _keep_feeling(self) -> None:
        """While enough peers are there, see now and then whether an address that was only heard of
        is a node's: so the verified part of the book grows."""
        while True:
            await trio.sleep(self._config.timing.feeler_s)
            address = self._book.untried(trio.current_time(), self._is_unwanted)
            if address is not None and self.missing <= 0 and not self._leaving:
                self._dialling[address.id] = address
                await self._dial(address, only_to_see=True)

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
        groups |= {address.group for address in self._dialling.values()}
        return self._book.candidates(now, groups, self._is_unwanted)[:missing]

    def _is_unwanted(self, peer: PeerId) -> bool:
        return (
            peer in self.peers
            or peer in self._dialling
            or self.scores.is_banned(peer, trio.current_time())
            or not self._config.admission.is_member(peer)
        )

    async def _dial(self, address: PeerAddress, *, only_to_see: bool = False) -> None:
        try:
            await self._connect(address, only_to_see=only_to_see)
        except Exception:
            self._bug(str(address))
            self._book.failed(address.id, trio.current_time())

    async def _connect(self, address: PeerAddress, *, only_to_see: bool) -> None:
        try:
            link = await self._reach(address)
        except HandshakeFailed as error:
            self._not_reached(address, error.outcome, error.reason)
            return
        except (OSError, UnicodeError, trio.TooSlowError) as error:
            self._not_reached(address, Outcome.UNREACHABLE, str(error) or "no answer")
            return
        finally:
            self._dialling.pop(address.id, None)
        since = trio.current_time()
        self._book.reached(address, since)
        if only_to_see:
            await self._part_at_once(link, address.host, address.port, "only seeing who is there")
            return
        await self._serve(link, address.host, address.port)
        now = trio.current_time()
        self._book.ended(address.id, now - since, now)

    def _not_reached(self, address: PeerAddress, outcome: Outcome, reason: str) -> None:
        now = trio.current_time()
        self._counters.dials_failed += 1
        self._counters.dials[outcome.value] += 1
        line = f"{short_id(address.id)}: not reached at {address.host}:{address.port}: {reason}"
        self._log.log(logging.INFO, f"dial {outcome.value}", now, line)
        if address.id not in self.peers:
            self._book.failed(address.id, now)

    async def _reach(self, address: PeerAddress) -> Link:
        with trio.fail_after(self._config.timing.dial_s):
            stream = await trio.open_tcp_stream(address.host, address.port)
        return await self._transport.dial(
            stream, address.id, lambda hello: self._check(hello, address.host, dialled=True)
        )

    # Who stays

    def _check(self, hello: Hello, host: str, *, dialled: bool) -> None:
        """Raise HandshakeFailed if something speaks against a connection to who says `hello`."""
        if self._leaving:
            raise HandshakeFailed(Outcome.LEAVING, "shutting down")
        if self.scores.is_banned(hello.id, trio.current_time()):
            raise HandshakeFailed(Outcome.BANNED, "you are banned for a while")
        old = self.peers.get(hello.id)
        if old is not None:
            restarted = old.ending or old.instance != hello.instance
            dialler = self._transport.id if dialled else hello.id
            old_dialler = self._transport.id if old.dialled else hello.id
            if not newer_stays(dialler, old_dialler, restarted=restarted):
                raise HandshakeFailed(Outcome.CONNECTED, "already connected")
        elif not dialled and not self._has_place(address_group(host)):
            raise HandshakeFailed(Outcome.NO_PLACE, "no free place for you")

    def _has_place(self, group: str) -> bool:
        inbound = Counter(address_group(p.host) for p in self.peers.values() if not p.dialled)
        if group != "loopback" and inbound[group] >= self._config.max_inbound_per_group:
            return False
        return inbound.total() < self._config.max_inbound or self._displaced_by(group) is not None

    def _displaced_by(self, group: str) -> PeerId | None:
        occupants = [
            Occupant(
                peer.id,
                address_group(peer.host),
                peer.connected_at,
                math.inf if peer.round_trip_s is None else peer.round_trip_s,
                peer.useful_at,
            )
            for peer in self.peers.values()
            if not peer.dialled
        ]
        return to_displace(occupants, group)

    def _make_place(self, group: str) -> None:
        """Have somebody go for a proven newcomer if all places are taken."""
        inbound = sum(not peer.dialled for peer in self.peers.values())
        chosen = self._displaced_by(group) if inbound >= self._config.max_inbound else None
        if chosen is not None:
            peer = self.peers[chosen]
            self._counters.displaced += 1
            peer.say_goodbye("its place goes to a node of another neighbourhood")
            self._part(peer)

    async def _part_at_once(self, link: Link, host: str, port: int, reason: str) -> None:
        peer = self._host.make_peer(link, host, port)
        peer.say_goodbye(reason)
        await peer.run()

    async def _serve(self, link: Link, host: str, port: int) -> None:
        outcomes = self._counters.dials if link.dialled else self._counters.arrivals
        try:
            self._check(link.hello, host, dialled=link.dialled)
        except HandshakeFailed as error:
            outcomes[error.outcome.value] += 1
            await self._part_at_once(link, host, port, error.reason)
            return
        outcomes[Outcome.PROVEN.value] += 1
        peer = self._host.make_peer(link, host, port)
        old = self.peers.get(peer.id)
        if old is not None:
            old.say_goodbye("replaced by a newer connection")
            self._part(old)
        elif not link.dialled:
            self._make_place(address_group(host))
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
