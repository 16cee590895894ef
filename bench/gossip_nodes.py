"""Nodes of the p2p layer in one process, which announce and request transactions as PeerHandler
(node/peer_handler.py) does, without a chain."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio

from consensus.cid import DAG_CBOR, cid_of
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import Record
from p2p.config import NetworkConfig
from p2p.handler import Verdict
from p2p.identity import PeerId
from p2p.messages import (
    MAX_TRANSACTION_IDS,
    MAX_TRANSACTIONS_BYTES,
    GetTransactions,
    Status,
    TransactionIds,
    Transactions,
    fitting,
)
from p2p.network import Network
from p2p.peeraddress import PeerAddress
from p2p.questions import RequestFailed

LOOPBACK = "127.0.0.1"
CHAIN = bytes(range(32))
MAX_FETCHES = 16
QUIET = NetworkConfig(discover=False)

_GENESIS = cid_of(DAG_CBOR, b"genesis")

# What is told of a transaction that a node has fetched: its id and when.
Arrived = Callable[[bytes, float], None]


def key(number: int) -> KeyPair:
    """The identity of node `number`."""
    return KeyPair.from_seed(number.to_bytes(32, "big"))


def status() -> Status:
    """What a node without a chain says of itself."""
    return Status(_GENESIS, 0, _GENESIS, 0, 0, 0)


class GossipNode:
    """A node that keeps, announces and fetches transactions; it is its network's Handler."""

    def __init__(self, number: int, config: NetworkConfig, arrived: Arrived) -> None:
        self.network = Network(key(number), CHAIN, self, config)
        self._arrived = arrived
        self._known: dict[bytes, bytes] = {}
        self._fetches = trio.CapacityLimiter(MAX_FETCHES)
        self._nursery: trio.Nursery

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve; started once it listens."""
        async with trio.open_nursery() as self._nursery:
            await self._nursery.start(self.network.run)
            task_status.started()

    @property
    def address(self) -> PeerAddress:
        """Where it listens."""
        return PeerAddress(self.network.id, LOOPBACK, self.network.listen_port)

    def announce(self, transaction: bytes, exclude: PeerId | None = None) -> bytes:
        """Keep a transaction and tell the peers; its id."""
        identity = sha256(transaction)
        self._known[identity] = transaction
        self.network.broadcast(TransactionIds((identity,)), exclude)
        return identity

    async def _fetch(self, peer: PeerId, ids: tuple[bytes, ...]) -> None:
        async with self._fetches:
            try:
                answer = await self.network.request(peer, GetTransactions(ids))
            except RequestFailed:
                return
        if isinstance(answer, Transactions):
            for data in answer.transactions:
                if sha256(data) not in self._known:
                    self._arrived(self.announce(data, exclude=peer), trio.current_time())

    # What the network calls (Handler)

    def status(self) -> Status:
        return status()

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        if isinstance(message, TransactionIds):
            unknown = tuple(i for i in message.ids if i not in self._known)
            if unknown and self._fetches.available_tokens:
                self._nursery.start_soon(self._fetch, peer, unknown)
        return Verdict.IGNORE

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        if not isinstance(request, GetTransactions):
            return None
        known = (self._known.get(i) for i in request.ids)
        found = (data for data in known if data is not None)
        return Transactions(fitting(found, MAX_TRANSACTION_IDS, MAX_TRANSACTIONS_BYTES))

    def connected(self, peer: PeerId) -> None: ...

    def disconnected(self, peer: PeerId) -> None: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """Who is linked with whom: pairs of places."""

    links: frozenset[frozenset[int]]

    def neighbours(self, place: int) -> set[int]:
        """Who is linked with `place`."""
        return {other for link in self.links if place in link for other in link - {place}}

    def is_connected(self, nodes: int) -> bool:
        """Whether there is a way between any two."""
        reached, new = {0}, {0}
        while new:
            new = {other for place in new for other in self.neighbours(place)} - reached
            reached |= new
        return len(reached) == nodes


def random_shape(nodes: int, degree: int, chance: random.Random) -> Shape:
    """A connected graph in which every node has so many links, drawn by chance."""
    if not 1 < degree < nodes or nodes * degree % 2:
        raise ValueError(f"{nodes} nodes cannot have {degree} links each and be connected")
    while True:
        ends = [place for place in range(nodes) for _ in range(degree)]
        chance.shuffle(ends)
        pairs = zip(ends[::2], ends[1::2], strict=True)
        shape = Shape(frozenset(frozenset(pair) for pair in pairs if len(set(pair)) == 2))
        if len(shape.links) == len(ends) // 2 and shape.is_connected(nodes):
            return shape


@asynccontextmanager
async def nodes_in_shape(
    shape: Shape, nodes: int, arrived: Sequence[Arrived]
) -> AsyncIterator[list[GossipNode]]:
    """Running nodes, all of whose links are there."""
    made: list[GossipNode] = []
    async with trio.open_nursery() as nursery:
        for place in range(nodes):
            dialled = [made[i].address for i in shape.neighbours(place) if i < place]
            config = replace(QUIET, peers=tuple(dialled))
            made.append(GossipNode(place + 1, config, arrived[place]))
            await nursery.start(made[place].run)
        for place, node in enumerate(made):
            while len(node.network.peers()) < len(shape.neighbours(place)):  # noqa: ASYNC110
                await trio.sleep(0.01)
        yield made
        for node in made:
            node.network.close()
