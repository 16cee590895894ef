"""A local network: its nodes as processes of this machine, started and stopped together."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from consensus.keys import KeyPair
from consensus.record import replace
from node.client import Client
from node.clock import SlotClock
from node.config.file import change_config_file, config_toml
from node.config.setting import Raw
from node.files import replace as replace_file
from node.local.accounts import NAME_PREFIX
from node.local.folder import LocalFolder
from node.local.peers import Shape, nodes_to_dial
from node.local.ports import LOOPBACK, NodePorts
from node.local.process import STOP_TIMEOUT_S, NodeProcess, NodeState
from node.local.setup import LocalChain
from node.wallet.derivation import KeyKind
from node.wallet.seed_file import read_seed_file
from p2p.links import NO_FAULTS, LinkFaults
from p2p.peeraddress import PeerAddress
from vm.modules.chain import chain_constants


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the nodes are linked: the shape (None: the usual one, to which nodes may add links that
    they find), and the faults of all links."""

    shape: Shape | None = None
    faults: LinkFaults = NO_FAULTS


USUAL_WIRING = Wiring()


class LocalNetwork:
    """The nodes of a local network, in order; see `running`.

    `faults` are those of all links; `groups` are the nodes' places, a part of the network each,
    between which nothing passes: one group is the whole network.
    """

    def __init__(
        self, folder: LocalFolder, chain: LocalChain, ports: Sequence[NodePorts], wiring: Wiring
    ) -> None:
        constants = chain_constants(chain.genesis.state())
        self.clock = SlotClock(constants.genesis_time_ms, constants.slot_ms)
        self.nodes = [NodeProcess(folder.node(place)) for place in range(len(ports))]
        self.ids = [_node_id(folder, place) for place in range(len(ports))]
        self.shape = wiring.shape
        self.faults = wiring.faults
        self.groups: list[list[int]] = [list(range(len(ports)))]
        dialled = nodes_to_dial(len(ports), wiring.shape, chain.genesis.chain)
        for node, settings in zip(self.nodes, self._settings(ports, dialled), strict=True):
            change_config_file(node.config_file, settings)

    async def start(self) -> None:
        """Start all nodes, as many at a time as there are processors; see NodeProcess.start."""
        limit = trio.CapacityLimiter(os.cpu_count() or 1)

        async def start_one(node: NodeProcess) -> None:
            async with limit:
                await self.start_node(node)

        async with trio.open_nursery() as nursery:
            for node in self.nodes:
                nursery.start_soon(start_one, node)

    async def start_node(self, node: NodeProcess) -> None:
        """Start one node with the faults that its links have now; see NodeProcess.start."""
        change_config_file(node.config_file, _link_settings(self.faults_of(node)))
        await node.start()

    async def stop(self) -> None:
        """Stop all nodes; those that take longer than STOP_TIMEOUT_S are killed."""
        for node in self.nodes:
            node.ask_to_stop()
        with trio.move_on_after(STOP_TIMEOUT_S):
            for node in self.nodes:
                await node.wait()
        for node in self.nodes:
            node.kill()
            await node.wait()

    def faults_of(self, node: NodeProcess) -> LinkFaults:
        """The faults of a node's links: those of all, and nothing passes to other groups."""
        place = self.nodes.index(node)
        others = [group for group in self.groups if place not in group]
        return replace(self.faults, blocked=tuple(self.ids[i] for group in others for i in group))

    async def tell_faults(self, node: NodeProcess) -> None:
        """Let a running node have the faults that its links have now; one that does not run gets
        them when it is resumed or started. Raises what Client raises."""
        if node.state is NodeState.RUNNING:
            async with Client(node.api) as client:
                await client.set_link_faults(self.faults_of(node))

    def _settings(
        self, ports: Sequence[NodePorts], dialled: Sequence[Sequence[int]]
    ) -> list[dict[str, Raw]]:
        """What each node is told at every start, as ports may differ each time."""
        addresses = [
            str(PeerAddress(node_id, LOOPBACK, port.p2p))
            for node_id, port in zip(self.ids, ports, strict=True)
        ]
        return [
            {
                "p2p.port": port.p2p,
                "p2p.peers": [addresses[place] for place in places],
                "p2p.discover": self.shape is None,
                "api.port": port.api,
            }
            for port, places in zip(ports, dialled, strict=True)
        ]


@asynccontextmanager
async def running(
    folder: LocalFolder,
    chain: LocalChain,
    ports: Sequence[NodePorts],
    wiring: Wiring = USUAL_WIRING,
) -> AsyncIterator[LocalNetwork]:
    """The network with all nodes listening; none is left running afterwards, whatever happens."""
    network = LocalNetwork(folder, chain, ports, wiring)
    try:
        await network.start()
        _write_client_file(folder, network)
        yield network
    finally:
        with trio.CancelScope(shield=True):
            await network.stop()


def _link_settings(faults: LinkFaults) -> dict[str, Raw]:
    return {
        "links.latency_ms": faults.latency_ms,
        "links.jitter_ms": faults.jitter_ms,
        "links.loss_ppm": faults.loss_ppm,
        "links.blocked": [peer.hex() for peer in faults.blocked],
    }


def _node_id(folder: LocalFolder, place: int) -> bytes:
    seed = read_seed_file(folder.node(place) / "node.seed.json", KeyKind.NODE)
    return KeyPair.from_seed(seed).public


def _write_client_file(folder: LocalFolder, network: LocalNetwork) -> None:
    values: dict[str, Raw] = {
        "client.node": network.nodes[0].api,
        "client.genesis": folder.genesis_file.name,
        "client.accounts": folder.accounts_file.name,
        "client.account": f"{NAME_PREFIX}0",
    }
    replace_file(folder.client_file, config_toml(values, ()).encode())
