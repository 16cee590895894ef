"""Nodes, handlers and raw peers for the tests of the network."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
import trio.testing

from consensus.block import Vote
from consensus.cid import DAG_CBOR, cid_of
from consensus.compact import SHORT_ID_BYTES, CompactBlock
from consensus.keys import KeyPair
from consensus.record import Record, replace
from p2p.config import NetworkConfig
from p2p.frames import Frame, frame_bytes
from p2p.handler import Verdict
from p2p.handshake import Admission
from p2p.identity import PeerId
from p2p.messages import BY_NUMBER, BY_TYPE, Blocks, Status, Votes
from p2p.network import Network
from p2p.peeraddress import PeerAddress
from p2p.transport import Link, Transport
from tests.consensus.largest import HEADER

CHAIN = bytes(range(32))
PATIENCE_S = 60  # only a hanging test waits so long
GENESIS = cid_of(DAG_CBOR, b"genesis")
LOCALHOST = "127.0.0.1"


def key(number: int) -> KeyPair:
    """The identity of node `number`."""
    return KeyPair.from_seed(number.to_bytes(32, "big"))


def counting_entropy() -> Callable[[int], bytes]:
    """Different bytes at each call, the same in each run."""
    calls = iter(range(1, 1_000_000))
    return lambda size: next(calls).to_bytes(size, "big")


def vote(number: int) -> Vote:
    """A vote that differs from those of other numbers; nothing here checks its signature."""
    return Vote(GENESIS, number.to_bytes(32, "big"), bytes(64))


def votes(*numbers: int) -> Votes:
    """A message of votes."""
    return Votes(tuple(vote(number) for number in numbers))


def block(number: int, transactions: int = 0) -> CompactBlock:
    """A compact block that differs from those of other numbers; nothing here checks it."""
    header = replace(HEADER, height=number)
    return CompactBlock(header, bytes(64), b"", bytes(SHORT_ID_BYTES * transactions))


async def eventually(condition: Callable[[], bool]) -> None:
    """Return when a condition holds of which nothing tells."""
    with trio.fail_after(PATIENCE_S):
        while not condition():
            await trio.testing.wait_all_tasks_blocked(0.01)


@dataclass
class RecordingHandler:
    """Accepts and remembers everything; `judge` and `answer` can be replaced."""

    received: list[tuple[PeerId, Record]] = field(default_factory=list)
    asked: list[Record] = field(default_factory=list)
    present: list[PeerId] = field(default_factory=list)
    arrivals: int = 0
    judge: Callable[[Record], Verdict] = lambda _: Verdict.ACCEPT
    answer: Callable[[Record], Record | None] = lambda _: Blocks((b"a block",))
    height: int = 0
    _changed: trio.Event = field(default_factory=trio.Event)

    def status(self) -> Status:
        return Status(GENESIS, self.height, GENESIS, 0, 0, 1_700_000_000_000)

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        assert message.encode() == raw
        self.received.append((peer, message))
        self._wake()
        return self.judge(message)

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        self.asked.append(request)
        self._wake()
        return self.answer(request)

    def connected(self, peer: PeerId) -> None:
        self.present.append(peer)
        self.arrivals += 1
        self._wake()

    def disconnected(self, peer: PeerId) -> None:
        self.present.remove(peer)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; looked at whenever the network calls."""
        with trio.fail_after(PATIENCE_S):
            while not condition():
                await self._changed.wait()

    async def until_peers(self, count: int) -> None:
        """Return when exactly so many peers are connected."""
        await self.until(lambda: len(self.present) == count)

    async def until_votes(self, count: int) -> None:
        """Return when so many votes have come."""
        await self.until(lambda: len(self.vote_keys()) == count)

    async def until_message(self, message: Record) -> None:
        """Return when a message has come."""
        await self.until(lambda: message in self.messages(type(message)))

    def messages(self, kind: type[Record]) -> list[Record]:
        """What came of one type, in order."""
        return [message for _, message in self.received if type(message) is kind]

    def vote_keys(self) -> list[bytes]:
        """The keys of all votes that came, in order."""
        found = [m for m in self.messages(Votes) if isinstance(m, Votes)]
        return [vote.key for message in found for vote in message.votes]


@dataclass
class Node:
    """A network with its handler."""

    network: Network
    handler: RecordingHandler

    @property
    def id(self) -> PeerId:
        return self.network.id

    @property
    def address(self) -> PeerAddress:
        return PeerAddress(self.network.id, LOCALHOST, self.network.listen_port)

    def peer_ids(self) -> set[PeerId]:
        return {peer.id for peer in self.network.peers()}


QUIET = NetworkConfig(discover=False)


def make_node(number: int, config: NetworkConfig = QUIET, chain: bytes = CHAIN) -> Node:
    """A node that does not run yet."""
    handler = RecordingHandler()
    return Node(Network(key(number), chain, handler, config), handler)


async def start(nursery: trio.Nursery, number: int, config: NetworkConfig = QUIET) -> Node:
    """A node that listens."""
    node = make_node(number, config)
    await nursery.start(node.network.run)
    return node


@asynccontextmanager
async def nodes_in_shape(
    shape: Sequence[Sequence[int]], config: NetworkConfig = QUIET
) -> AsyncIterator[list[Node]]:
    """Running nodes, where node i has dialled those that shape[i] names (all below i)."""
    nodes: list[Node] = []
    async with trio.open_nursery() as nursery:
        for number, dialled in enumerate(shape):
            peers = tuple(nodes[i].address for i in dialled)
            nodes.append(await start(nursery, number + 1, dataclasses.replace(config, peers=peers)))
        for number, node in enumerate(nodes):
            neighbours = set(shape[number])
            neighbours |= {i for i, dialled in enumerate(shape) if number in dialled}
            await node.handler.until_peers(len(neighbours))
        yield nodes
        for node in nodes:
            node.network.close()
    assert [node.network.counters.faults for node in nodes] == [0] * len(nodes)


def transport(
    number: int,
    chain: bytes = CHAIN,
    admission: Admission | None = None,
    limit_s: float = 5.0,
) -> Transport:
    """The transport of node `number`."""
    return Transport(key(number), chain, admission or Admission(), counting_entropy(), limit_s)


@dataclass
class RawPeer:
    """A proven peer that then sends what it likes."""

    link: Link

    async def send(self, message: Record, request: int = 0) -> None:
        await self.send_frame(BY_TYPE[type(message)].number, request, message.encode())

    async def send_frame(self, kind: int, request: int, payload: bytes) -> None:
        await self.link.stream.send_all(frame_bytes(kind, request, payload))

    async def next_frame(self) -> Frame:
        """The next frame; raises EOFError when the node has closed."""
        reader = self.link.reader
        reader.limit = lambda kind, request: 2**31
        with trio.fail_after(PATIENCE_S):
            while (frame := reader.next()) is None:
                try:
                    data = await self.link.stream.receive_some()
                except trio.BrokenResourceError:
                    data = b""
                if not data:
                    raise EOFError
                reader.append(data)
        return frame

    async def next_of(self, kind: type[Record]) -> tuple[Record, int]:
        """The next message of a type with its request number, others passed over."""
        while True:
            frame = await self.next_frame()
            found = BY_NUMBER[frame.kind].record
            if found is kind:
                return found.decode(frame.payload), frame.request

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self.link.stream)


@asynccontextmanager
async def raw_peer(node: Node, number: int = 99) -> AsyncIterator[RawPeer]:
    """A raw peer that has dialled `node`."""
    stream = await trio.open_tcp_stream(LOCALHOST, node.network.listen_port)
    link = await transport(number).dial(stream, node.id)
    peer = RawPeer(link)
    try:
        yield peer
    finally:
        await peer.aclose()
