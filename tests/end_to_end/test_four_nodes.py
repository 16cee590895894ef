"""Four real node processes: a payment, a video and its replicas, a proven answer, a killed node."""

import time
from pathlib import Path

import httpx
import trio

from consensus.address import format_address
from node.client import Client
from node.failure import Refused, Unreachable
from node.local.folder import LocalFolder
from node.local.network import LocalNetwork, running
from node.local.ports import node_ports
from node.local.process import NodeProcess
from node.local.run import wait_until_ready
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from tests.end_to_end.commands import Ended, run, until

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
NODES = 4
SLOT_MS = 500
DEADLINE_S = 300


def make(folder: LocalFolder) -> LocalChain:
    form = choose_form(folder, LocalWishes(nodes=NODES, slot_ms=SLOT_MS))
    return open_or_create(folder, form, lambda _: time.time_ns() // 1_000_000 + 6000)


async def final_height(node: NodeProcess) -> int:
    async with Client(node.api) as client:
        return (await client.status()).final.height


async def final_block(node: NodeProcess, height: int) -> tuple[str, str] | None:
    """Id and state root of the final block at a height; None while there is none."""
    try:
        async with Client(node.api) as client:
            answer = await client.block(str(height))
    except (Refused, Unreachable):
        return None
    if answer.summary.state != "final":
        return None
    return str(answer.summary.id), answer.header.state_root.hex()


async def reaches(node: NodeProcess, height: int) -> None:
    async def reached() -> bool:
        return await final_height(node) >= height

    await until(reached)


async def agree(network: LocalNetwork, height: int) -> None:
    """Return when all nodes have one final block, and so one state, at this height."""

    async def one() -> bool:
        found = {await final_block(node, height) for node in network.nodes}
        return len(found) == 1 and None not in found

    await until(one)


async def holds_the_video(node: NodeProcess) -> bool:
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{node.api}/metrics")).text
    return "\nreelect_content_held_files 1.0\n" in page


async def is_replicated(network: LocalNetwork, replicas: int) -> None:
    """Return when so many nodes hold the one video."""

    async def enough() -> bool:
        return sum([await holds_the_video(node) for node in network.nodes]) >= replicas

    await until(enough)


async def live(home: Path, folder: LocalFolder, chain: LocalChain, network: LocalNetwork) -> None:
    """What the network goes through, by the commands that people use."""
    first, second, third, fourth = network.nodes

    async def reelect(*arguments: str) -> Ended:
        return await run(home, *arguments, "--json", REELECT_CONFIG=str(folder.client_file))

    paid = await reelect("tx", "transfer", "dev1", "12.5", "--memo", "thanks")
    assert paid.json["state"] == "final"
    published = (await reelect("video", "publish", str(SMALL), "--title", "A test")).json
    cid = str(published["cid"])
    copy = home / "copy.mp4"
    got = await reelect("video", "get", cid, "-o", str(copy), "--node", third.api)
    assert got.json["size_bytes"] == SMALL.stat().st_size
    assert copy.read_bytes() == SMALL.read_bytes()
    await is_replicated(network, 3)
    fetched = (await reelect("content", "fetch", cid, "--node", fourth.api)).json
    assert (fetched["state"], fetched["size_bytes"]) == ("whole", SMALL.stat().st_size)

    address = format_address(chain.accounts.by_name()["dev1"])
    proved = (await reelect("light", "query", "account", address, "--node", fourth.api)).json
    assert proved["balance"] == str(10**14 + 1_250_000_000)
    video = (await reelect("light", "query", "video", cid, "--node", fourth.api)).json
    assert video["row"]["title"] == "A test"  # type: ignore[index]

    second.kill()
    await second.wait()
    height = await final_height(first)
    again = await reelect("tx", "transfer", "dev1", "1", "--from", "dev2", "--node", third.api)
    assert again.json["state"] == "final"
    await reaches(first, height + 4)

    await second.start()
    await wait_until_ready(network)
    height = await final_height(first)
    for node in network.nodes:
        await reaches(node, height + 2)
    await agree(network, height + 2)


def test_a_payment_a_video_a_proof_and_a_killed_node(tmp_path: Path) -> None:
    folder = LocalFolder.at(tmp_path / "local")

    async def main() -> None:
        with trio.fail_after(DEADLINE_S):
            async with running(folder, chain, node_ports(NODES, 0)) as network:
                await wait_until_ready(network)
                await live(tmp_path, folder, chain, network)
        assert not any(node.is_running for node in network.nodes)

    with folder.owned():
        chain = make(folder)
        trio.run(main)
