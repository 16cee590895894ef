"""Real processes: a node whose database is gone comes back by a snapshot of the others."""

import shutil
from pathlib import Path

import trio

from node.client import Client
from node.config.file import change_config_file
from node.local.folder import LocalFolder
from node.local.network import LocalNetwork, running
from node.local.ports import node_ports
from node.local.process import NodeProcess
from node.local.run import wait_until_ready
from tests.end_to_end.commands import run, until
from tests.end_to_end.test_four_nodes import (
    DEADLINE_S,
    NODES,
    agree,
    final_height,
    make,
    reaches,
)

SNAPSHOT_BLOCKS = 10


def snapshots(node: NodeProcess) -> list[Path]:
    """The snapshots that a node keeps."""
    return sorted((node.config_file.parent / "data" / "snapshots").glob("*.snapshot"))


async def lose_the_database_and_return(home: Path, network: LocalNetwork) -> None:
    first, lost = network.nodes[0], network.nodes[-1]

    async def has_snapshot() -> bool:
        return bool(snapshots(first))

    await until(has_snapshot)
    await reaches(first, 2 * SNAPSHOT_BLOCKS + 2)
    lost.ask_to_stop()
    await lost.wait()
    shutil.rmtree(lost.config_file.parent / "data" / "chain")
    change_config_file(lost.config_file, {"storage.join": "snapshot"})
    await lost.start()
    await wait_until_ready(network)
    height = await final_height(first)
    await reaches(lost, height + 2)
    await agree(network, height + 2)
    async with Client(lost.api) as client:
        status = await client.status()
    assert status.first_block > SNAPSHOT_BLOCKS
    refused = await run(home, "block", "show", "3", "--node", lost.api)
    assert refused.code == 1
    assert "kept" in refused.err


def test_a_node_without_its_database_joins_by_a_snapshot(tmp_path: Path) -> None:
    folder = LocalFolder.at(tmp_path / "local")

    async def main() -> None:
        for place in range(NODES):
            file = folder.node(place) / "config.toml"
            change_config_file(file, {"storage.snapshot_blocks": SNAPSHOT_BLOCKS})
        with trio.fail_after(DEADLINE_S):
            async with running(folder, chain, node_ports(NODES, 0)) as network:
                await wait_until_ready(network)
                await lose_the_database_and_return(tmp_path, network)

    with folder.owned():
        chain = make(folder)
        trio.run(main)
