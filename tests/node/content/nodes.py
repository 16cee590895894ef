"""Nodes that only exchange content, over real connections in one process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import trio

from consensus.cid import Cid
from consensus.record import Record
from node.content.catalogue import Published
from node.content.exchange import ContentExchange, ContentSettings, Pace
from node.content.replicator import Replication
from p2p.handler import Verdict
from p2p.identity import PeerId
from p2p.messages import Status
from p2p.network import Network, PeerInfo
from p2p.peeraddress import PeerAddress
from storage.content import AddedFile, ContentStore
from tests.p2p.nodes import CHAIN, GENESIS, LOCALHOST, QUIET, eventually, key

QUICK = Pace(ask_s=0.15, again_s=0.15, announce_s=0.02, look_s=0.05)
NOW_MS = 1_700_000_000_000

Serve = Callable[[PeerId, Record], Awaitable[Record | None]]


@dataclass
class Register:
    """The files that the chain knows, the same for all nodes of a test."""

    files: dict[Cid, Published] = field(default_factory=dict)

    def add(self, file: AddedFile) -> None:
        self.files[file.cid] = Published(file.cid, file.size)

    def of(self, root: Cid) -> Published | None:
        return self.files.get(root)

    def all_registered(self, roots: Iterable[Cid]) -> bool:
        return all(root in self.files for root in roots)

    def turn(self) -> Sequence[Published]:
        return list(self.files.values())


@dataclass
class ContentNode:
    """A node; `serve` may be replaced by one that lies."""

    store: ContentStore
    register: Register
    settings: ContentSettings
    number: int
    now_ms: int = NOW_MS
    hidden: set[Cid] = field(default_factory=set)
    asked: list[tuple[PeerId, Record]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network: Network
        self.exchange = ContentExchange(
            key(self.number),
            CHAIN,
            self.register,
            self.store,
            self,
            settings=self.settings,
            now_ms=lambda: self.now_ms,
            is_served=lambda cid: cid not in self.hidden,
        )
        self.answer: Serve = self.exchange.serve

    @property
    def id(self) -> PeerId:
        return key(self.number).public

    @property
    def address(self) -> PeerAddress:
        return PeerAddress(self.id, LOCALHOST, self.network.listen_port)

    # What the exchange needs of the network

    def peers(self) -> tuple[PeerInfo, ...]:
        return self.network.peers()

    async def request(self, peer: PeerId, message: Record, timeout_s: float) -> Record:
        return await self.network.request(peer, message, timeout_s)

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        self.network.misbehaved(peer, points, why)

    # What the network needs of the node

    def status(self) -> Status:
        return Status(GENESIS, 0, GENESIS, 0, 0, NOW_MS)

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        return Verdict.IGNORE

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        self.asked.append((peer, request))
        return await self.answer(peer, request)

    def connected(self, peer: PeerId) -> None:
        self.exchange.connected(peer)

    def disconnected(self, peer: PeerId) -> None:
        self.exchange.disconnected(peer)

    def questions(self, kind: type[Record]) -> int:
        """How often it was asked for this."""
        return sum(type(request) is kind for _, request in self.asked)

    async def run(self, peers: Sequence["ContentNode"], ready: trio.Event) -> None:
        """Run until cancelled, having dialled these."""
        config = replace(QUIET, peers=tuple(peer.address for peer in peers))
        self.network = Network(key(self.number), CHAIN, self, config)
        async with trio.open_nursery() as nursery:
            await nursery.start(self.network.run)
            nursery.start_soon(self.exchange.run)
            ready.set()


def new_node(
    folder: Path,
    register: Register,
    number: int,
    *,
    replicas: int = 1,
    room_bytes: int = 0,
    pace: Pace = QUICK,
    max_upload_bytes_per_s: int = 0,
    holdings: Path | None = None,
    store: ContentStore | None = None,
) -> ContentNode:
    """A node that does not run yet, over `store` or one of its own."""
    home = folder / str(number)
    home.mkdir(exist_ok=True)
    settings = ContentSettings(
        Replication(replicas, room_bytes), max_upload_bytes_per_s, holdings, pace
    )
    return ContentNode(store or ContentStore(home / "content"), register, settings, number)


@asynccontextmanager
async def running(
    nodes: Sequence[ContentNode], shape: Sequence[Sequence[int]]
) -> AsyncIterator[None]:
    """Run nodes, where node i has dialled those that shape[i] names (all below i)."""
    async with trio.open_nursery() as nursery:
        for node, dialled in zip(nodes, shape, strict=True):
            ready = trio.Event()
            nursery.start_soon(node.run, [nodes[i] for i in dialled], ready)
            await ready.wait()
        links = sum(map(len, shape))
        await eventually(lambda: sum(len(node.network.peers()) for node in nodes) == 2 * links)
        yield
        nursery.cancel_scope.cancel()
    assert [node.network.counters.faults for node in nodes] == [0] * len(nodes)


def star(leaves: int) -> list[list[int]]:
    """The last node has dialled all others."""
    return [*([] for _ in range(leaves)), list(range(leaves))]


def line(count: int) -> list[list[int]]:
    """Each node has dialled the one before."""
    return [[i - 1] if i else [] for i in range(count)]


def ring(count: int) -> list[list[int]]:
    """A line whose last node has dialled the first too."""
    return [*line(count)[:-1], [0, count - 2]]


def add_file(node: ContentNode, folder: Path, size: int, seed: int = 0) -> AddedFile:
    """Store a file of random bytes on a node and register it."""
    path = folder / f"file-{size}-{seed}"
    if not path.exists():
        path.write_bytes(Random(seed).randbytes(size))
    added = node.store.add_file(path)
    node.register.add(added)
    return added


def content_of(node: ContentNode, file: AddedFile) -> bytes:
    """A file as a node has it stored."""
    return b"".join(node.store.read_file(file.cid))
