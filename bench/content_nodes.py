"""A node that only exchanges content, for measurements; as a process of its own it gives the file
that it makes: `python bench/content_nodes.py FOLDER MIB`."""

import secrets
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.gossip_nodes import CHAIN, LOOPBACK, QUIET, key, status  # noqa: E402
from consensus.cid import Cid  # noqa: E402
from consensus.record import Record  # noqa: E402
from node.content.catalogue import Published  # noqa: E402
from node.content.exchange import ContentExchange, ContentSettings  # noqa: E402
from node.content.replicator import Replication  # noqa: E402
from p2p.handler import Verdict  # noqa: E402
from p2p.identity import PeerId  # noqa: E402
from p2p.messages import Status  # noqa: E402
from p2p.network import Network, PeerInfo  # noqa: E402
from p2p.peeraddress import PeerAddress  # noqa: E402
from storage.content import ContentStore  # noqa: E402

FAR, NEAR = 1, 2  # their numbers, which make their identities
MIB = 1024 * 1024
NOW_MS = 1_700_000_000_000


class NoRegister:
    """A chain without any registered file: neighbours are asked what they have."""

    def of(self, root: Cid) -> Published | None:
        return None

    def all_registered(self, roots: Iterable[Cid]) -> bool:
        return False

    def turn(self) -> Sequence[Published]:
        return ()


class ContentNode:
    """The network's Handler of a node with this number, and its exchange."""

    def __init__(self, number: int, store: ContentStore, peers: tuple[PeerAddress, ...]) -> None:
        self.network = Network(key(number), CHAIN, self, replace(QUIET, peers=peers))
        self.exchange = ContentExchange(
            key(number),
            CHAIN,
            NoRegister(),
            store,
            self,
            settings=ContentSettings(Replication(1, 0)),
            is_served=lambda _: True,
            now_ms=lambda: NOW_MS,
        )

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started once it listens."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.network.run)
            nursery.start_soon(self.exchange.run)
            task_status.started()

    def peers(self) -> tuple[PeerInfo, ...]:
        return self.network.peers()

    async def request(self, peer: PeerId, message: Record, timeout_s: float) -> Record:
        return await self.network.request(peer, message, timeout_s)

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        self.network.misbehaved(peer, points, why)

    def status(self) -> Status:
        return status()

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        return Verdict.IGNORE

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        return await self.exchange.serve(peer, request)

    def connected(self, peer: PeerId) -> None:
        self.exchange.connected(peer)

    def disconnected(self, peer: PeerId) -> None:
        self.exchange.disconnected(peer)


async def give(folder: Path, mib: int) -> None:
    """Make a file, say where it can be had and what it is called, and give it."""
    store = ContentStore(folder / "far")
    with store.new_file() as new:
        for _ in range(mib):
            new.write(secrets.token_bytes(MIB))
        file = new.commit()
    node = ContentNode(FAR, store, ())
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        print(node.network.listen_port, file.cid, flush=True)


def far_address(port: int) -> PeerAddress:
    """Where the process that gives is reached."""
    return PeerAddress(key(FAR).public, LOOPBACK, port)


if __name__ == "__main__":
    trio.run(give, Path(sys.argv[1]), int(sys.argv[2]))
