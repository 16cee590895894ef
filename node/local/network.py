"""A local network: its nodes as processes of this machine, started and stopped together."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from consensus.keys import KeyPair
from node.clock import SlotClock
from node.config.file import change_config_file, config_toml
from node.config.setting import Raw
from node.files import replace
from node.local.accounts import NAME_PREFIX
from node.local.folder import LocalFolder
from node.local.peers import nodes_to_dial
from node.local.ports import LOOPBACK, NodePorts
from node.local.process import STOP_TIMEOUT_S, NodeProcess
from node.local.setup import LocalChain
from node.wallet.derivation import KeyKind
from node.wallet.seed_file import read_seed_file
from p2p.peeraddress import PeerAddress
from vm.modules.chain import chain_constants


class LocalNetwork:
    """The nodes of a local network, in order; see `running`."""

    def __init__(self, folder: LocalFolder, chain: LocalChain, ports: Sequence[NodePorts]) -> None:
        constants = chain_constants(chain.genesis.state())
        self.clock = SlotClock(constants.genesis_time_ms, constants.slot_ms)
        self.nodes = [NodeProcess(folder.node(place)) for place in range(len(ports))]
        for node, settings in zip(self.nodes, _settings(folder, ports), strict=True):
            change_config_file(node.config_file, settings)

    async def start(self) -> None:
        """Start all nodes, as many at a time as there are processors; see NodeProcess.start."""
        limit = trio.CapacityLimiter(os.cpu_count() or 1)

        async def start_one(node: NodeProcess) -> None:
            async with limit:
                await node.start()

        async with trio.open_nursery() as nursery:
            for node in self.nodes:
                nursery.start_soon(start_one, node)

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


@asynccontextmanager
async def running(
    folder: LocalFolder, chain: LocalChain, ports: Sequence[NodePorts]
) -> AsyncIterator[LocalNetwork]:
    """The network with all nodes listening; none is left running afterwards, whatever happens."""
    network = LocalNetwork(folder, chain, ports)
    try:
        await network.start()
        _write_client_file(folder, network)
        yield network
    finally:
        with trio.CancelScope(shield=True):
            await network.stop()


def _settings(folder: LocalFolder, ports: Sequence[NodePorts]) -> list[dict[str, Raw]]:
    """What each node is told at every start, as ports may differ each time."""
    addresses = [
        str(PeerAddress(_node_id(folder, place), LOOPBACK, port.p2p))
        for place, port in enumerate(ports)
    ]
    return [
        {
            "p2p.port": port.p2p,
            "p2p.peers": [addresses[place] for place in dialled],
            "api.port": port.api,
        }
        for port, dialled in zip(ports, nodes_to_dial(len(ports)), strict=True)
    ]


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
    replace(folder.client_file, config_toml(values, ()).encode())
