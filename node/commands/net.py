"""`reelect net`: faults for the local network that runs: of its links, and of its nodes."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter

from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.link_options import NO_LINK_OPTIONS, LinkOptions
from node.failure import Failure
from node.local.control import (
    HEAL,
    KILL,
    LINK,
    PARTITION,
    PAUSE,
    RESTART,
    RESUME,
    SHOW,
    STOP,
    ControlledNetwork,
    ControlledNode,
    ControlRequest,
    ask,
)
from node.local.folder import DEFAULT_FOLDER, LocalFolder
from node.local.process import NodeState
from node.output import print_fields, print_json, print_line, print_table
from p2p.identity import short_id
from p2p.links import LinkFaults, describe

NODE_TIMEOUT_S = 3.0

app = App(
    name="net",
    help="Disturb the local network that `reelect up` runs: cut and slow its links, pause, kill "
    "and restart its nodes. Nodes have the names that `reelect up` shows, or only their numbers.",
)

DataDir = Annotated[Path, Parameter(help="The network's folder.")]
Name = Annotated[str, Parameter(name="NODE", help="Nodes, such as node-1, or only 1.")]


@app.command
async def show(*, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """Show the nodes, what each is doing and with whom it is connected, and the faults."""
    network = await ask(LocalFolder.at(data_dir), ControlRequest(SHOW))
    views = await _views(network)
    if json:
        found = network.to_json()
        found["nodes"] = [
            {**node.to_json(), **views[node.name].to_json()} for node in network.nodes
        ]
        print_json(found)
        return
    print_table(
        ("NODE", "STATE", "PID", "HEAD", "FINAL", "PEERS"),
        [(node.name, node.state, node.pid, *views[node.name].cells()) for node in network.nodes],
    )
    print_line("")
    print_fields(_faults(network))


@app.command
async def partition(
    groups: Annotated[str, Parameter(help="Groups of nodes: 'node-0,node-1|node-2' or '0,1|2'.")],
    /,
    *,
    data_dir: DataDir = DEFAULT_FOLDER,
    json: JsonFlag = False,
) -> None:
    """Cut all links between groups of nodes, until `heal`.

    Nodes that are not named make a group of their own. Another partition takes the place of one
    that there is. Quote the groups: `|` means something to shells.
    """
    named = tuple(tuple(name.strip() for name in group.split(",")) for group in groups.split("|"))
    await _do(ControlRequest(PARTITION, groups=named), data_dir, as_json=json)


@app.command
async def heal(*, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """End the partition: nodes connect again at once."""
    await _do(ControlRequest(HEAL), data_dir, as_json=json)


@app.command
async def link(
    *,
    links: LinkOptions = NO_LINK_OPTIONS,
    data_dir: DataDir = DEFAULT_FOLDER,
    json: JsonFlag = False,
) -> None:
    """Change latency, jitter or loss of all links; what is left out stays as it is."""
    request = ControlRequest(
        LINK,
        latency_ms=links.latency_ms,
        jitter_ms=links.jitter_ms,
        loss_ppm=links.loss_ppm,
    )
    await _do(request, data_dir, as_json=json)


@app.command
async def pause(*nodes: Name, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """Let nodes stand still, as a machine that sleeps does."""
    await _do_to(PAUSE, nodes, data_dir, as_json=json)


@app.command
async def resume(*nodes: Name, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """Let paused nodes go on."""
    await _do_to(RESUME, nodes, data_dir, as_json=json)


@app.command
async def kill(*nodes: Name, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """End nodes at once, as a power cut does; `restart` brings them back."""
    await _do_to(KILL, nodes, data_dir, as_json=json)


@app.command
async def stop(*nodes: Name, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """Let nodes end cleanly; `restart` brings them back."""
    await _do_to(STOP, nodes, data_dir, as_json=json)


@app.command
async def restart(*nodes: Name, data_dir: DataDir = DEFAULT_FOLDER, json: JsonFlag = False) -> None:
    """Start nodes again, those that run after they have ended cleanly."""
    await _do_to(RESTART, nodes, data_dir, as_json=json)


async def _do_to(action: str, nodes: tuple[str, ...], data_dir: Path, *, as_json: bool) -> None:
    await _do(ControlRequest(action, nodes=nodes), data_dir, as_json=as_json)


async def _do(request: ControlRequest, data_dir: Path, *, as_json: bool) -> None:
    network = await ask(LocalFolder.at(data_dir), request)
    if as_json:
        print_json(network.to_json())
        return
    print_fields({node.name: node.state for node in network.nodes} | _faults(network))


def _faults(network: ControlledNetwork) -> dict[str, object]:
    links = LinkFaults(network.latency_ms, network.jitter_ms, network.loss_ppm)
    groups = " | ".join(",".join(group) for group in network.groups)
    return {
        "shape": network.shape or "usual",
        "faults of links": describe(links),
        "partition": groups if len(network.groups) > 1 else "none",
    }


@dataclass(frozen=True, slots=True)
class _View:
    """What a node says of itself; nothing, if it does not run or answer."""

    head: int | None = None
    final: int | None = None
    peers: list[str] | None = None

    def to_json(self) -> JsonObject:
        return {
            "head_height": self.head,
            "final_height": self.final,
            "peers": None if self.peers is None else [*self.peers],
        }

    def cells(self) -> tuple[object, ...]:
        return self.head, self.final, self.peers


async def _views(network: ControlledNetwork) -> dict[str, _View]:
    """What all nodes say of themselves, asked at one time, by name."""
    names = {node.id: node.name for node in network.nodes}
    views = {node.name: _View() for node in network.nodes}

    async def look(node: ControlledNode) -> None:
        with suppress(Failure):
            async with Client(node.api, timeout_s=NODE_TIMEOUT_S) as client:
                status, peers = await client.status(), await client.peers()
            known = sorted((names.get(peer.id, short_id(peer.id)) for peer in peers), key=_order)
            views[node.name] = _View(status.head.height, status.final.height, known)

    async with trio.open_nursery() as nursery:
        for node in network.nodes:
            if node.state == NodeState.RUNNING.value:
                nursery.start_soon(look, node)
    return views


def _order(name: str) -> tuple[int, str]:
    """Node 10 comes after node 9."""
    return len(name), name
