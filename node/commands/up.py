"""`reelect up`: a whole local network, and its end."""

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from consensus.address import format_address
from consensus.kinds import JsonObject
from consensus.producers import MAX_PRODUCERS
from node.client import Client
from node.commands.arguments import JsonFlag
from node.config.sources import find_file
from node.failure import Refused, TimedOut, Unreachable, Usage, failure_of
from node.local.folder import LocalFolder
from node.local.live_status import RATE_WINDOW_SLOTS, LiveStatus
from node.local.network import LocalNetwork, running
from node.local.ports import node_ports
from node.local.process import NodeEnded, NodeProcess
from node.local.run import MAX_RUN_SLOTS, now_ms, run_slots, wait_until_ready
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.output import live_line, print_fields, print_json, print_line, print_table, progress, warn

DEFAULT_FOLDER = Path("~/.reelect/local")
DEFAULT_BASE_PORT = 7400
LIVE_PERIOD_S = 1.0
# How far ahead slot 0 is: all nodes should listen by then.
START_MS = 2000
START_MS_PER_NODE = 2000  # of one processor


async def up(
    *,
    nodes: int | None = None,
    slot_ms: int | None = None,
    epoch_slots: int | None = None,
    spare_seats: int | None = None,
    preset: str | None = None,
    data_dir: Path = DEFAULT_FOLDER,
    base_port: int = DEFAULT_BASE_PORT,
    for_slots: int | None = None,
    json: JsonFlag = False,
) -> None:
    """Run a local network until Ctrl-C: real nodes, 21 producers, funded accounts.

    The first start makes keys and a genesis; later ones go on with the same chain, and
    `reelect reset` deletes it. While it runs, commands such as `reelect tx transfer` ask its
    first node and sign with its accounts.

    Parameters
    ----------
    nodes
        How many nodes share the 21 producers, 1 to 21; 4 for a new network.
    slot_ms
        Milliseconds of a slot of a new network; else the preset's.
    epoch_slots
        Slots of an epoch of a new network, 63 or more; else the preset's. A new set of producers
        takes over at the beginning of an epoch.
    spare_seats
        So many producers more in a new network, 0 to 21, which do not stand for election until
        `reelect producer stand` is run for them.
    preset
        What a new network starts from: devnet.
    data_dir
        The network's folder.
    base_port
        The nodes listen on this port and those that follow, two each; 0 takes any free ones.
    for_slots
        Run so many slots after all nodes are ready, stop, and print figures.
    """
    if for_slots is not None and not 1 <= for_slots <= MAX_RUN_SLOTS:
        raise Usage(f"1 to {MAX_RUN_SLOTS} slots, not {for_slots}", field="--for-slots")
    folder = LocalFolder.at(data_dir)
    wishes = LocalWishes(nodes, preset, slot_ms, epoch_slots, spare_seats)
    figures: JsonObject | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, nursery.cancel_scope)
            with folder.owned():
                figures = await _run(folder, wishes, base_port, for_slots, as_json=json)
            nursery.cancel_scope.cancel()
    except* NodeEnded as group:
        ended = failure_of(group)
        for line in ended.last_errors if isinstance(ended, NodeEnded) else ():
            warn(line)
        raise
    if for_slots is not None:
        _show_figures(figures, as_json=json)


def _show_figures(figures: JsonObject | None, *, as_json: bool) -> None:
    if figures is None:
        raise Refused("stopped before all slots had passed", code="interrupted")
    if as_json:
        print_json(figures)
    else:
        print_fields(figures)


async def _stop_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def _run(
    folder: LocalFolder,
    wishes: LocalWishes,
    base_port: int,
    for_slots: int | None,
    *,
    as_json: bool,
) -> JsonObject | None:
    """The network's life; the figures if it is to run for some slots, else it has no end."""
    form = choose_form(folder, wishes)
    ports = node_ports(form.nodes, base_port)
    progress(f"local network of {form.nodes} nodes in {folder.root}")
    chain = await trio.to_thread.run_sync(open_or_create, folder, form, _genesis_time_ms)
    async with running(folder, chain, ports) as network:
        async with _all_alive(network):
            await wait_until_ready(network)
            if for_slots is not None:
                return await run_slots(network, for_slots)
        _show_banner(folder, chain, network, as_json=as_json)
        try:
            await _attend(network)
        finally:
            progress("")  # the live line is over
            progress("stopping the nodes")
    return None


@asynccontextmanager
async def _all_alive(network: LocalNetwork) -> AsyncIterator[None]:
    """Raise NodeEnded if any node ends while this is entered."""

    async def watch(node: NodeProcess) -> None:
        await node.wait()
        raise node.ended()

    async with trio.open_nursery() as nursery:
        for node in network.nodes:
            nursery.start_soon(watch, node)
        yield
        nursery.cancel_scope.cancel()


async def _attend(network: LocalNetwork) -> None:
    """Show how the network is doing until it is cancelled or no node is left (Refused)."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_live, network)
        async with trio.open_nursery() as waiting:
            for node in network.nodes:
                waiting.start_soon(_tell_end, node)
        raise Refused("all nodes have ended; see their logs", code="node-ended")


async def _tell_end(node: NodeProcess) -> None:
    await node.wait()
    warn(
        f"{node.ended()}. Blocks become final as long as 15 of the 21 producers run; to start it "
        "again by hand: "
        f"{_command()} node --config {node.config_file}"
    )


def _command() -> str:
    """How to call this program in another terminal."""
    return "reelect" if shutil.which("reelect") else sys.argv[0]


async def _live(network: LocalNetwork) -> None:
    """Keep one line on the terminal, if there is one, from the first node that answers."""
    live = LiveStatus(network.clock.slot_at(now_ms()))
    while sys.stderr.isatty():
        for node in network.nodes:
            with suppress(Unreachable, TimedOut):
                async with Client(node.api) as client:
                    while node.is_running:
                        live_line(await _live_text(live, client))
                        await trio.sleep(LIVE_PERIOD_S)
        await trio.sleep(LIVE_PERIOD_S)


async def _live_text(live: LiveStatus, client: Client) -> str:
    status = await client.status()
    latest = await client.finality(max(0, status.final.height - RATE_WINDOW_SLOTS))
    return live.line(status, latest)


def _show_banner(
    folder: LocalFolder, chain: LocalChain, network: LocalNetwork, *, as_json: bool
) -> None:
    accounts = _addresses(chain.accounts.for_people())
    producers = _addresses(chain.accounts.of_producers())
    fields: JsonObject = {
        "chain": chain.genesis.chain.hex(),
        "mnemonic": chain.accounts.mnemonic,
        "accounts": accounts,
        "producers": producers,
        "nodes": [_node_fields(node) for node in network.nodes],
        "client_config": str(folder.client_file),
    }
    if as_json:
        print_json(fields)
        sys.stdout.flush()
        return
    print_fields({"chain": fields["chain"]})
    print_line("")
    print_line("Funded accounts, for local use only: everybody can read this mnemonic.")
    print_fields(accounts)
    print_line(f"Mnemonic: {chain.accounts.mnemonic}")
    print_line("")
    print_table(
        ("NODE", "API", "LOG"), [(node.name, node.api, node.log_file) for node in network.nodes]
    )
    print_line("")
    command = _command()
    print_line(f"In another terminal: {command} status, {command} tx transfer dev1 5")
    if chain.form.spare_seats:
        spare = list(producers)[MAX_PRODUCERS]
        print_line(
            f"{chain.form.spare_seats} spare producers: {command} producer list, "
            f"{command} producer stand --from {spare}"
        )
    if find_file(None, os.environ) != folder.client_file:
        print_line(f"there first: export REELECT_CONFIG={folder.client_file}")
    print_line(f"Ctrl-C stops the nodes; the next `{command} up` goes on with this chain.")
    sys.stdout.flush()


def _addresses(accounts: Mapping[str, bytes]) -> JsonObject:
    return {name: format_address(account) for name, account in accounts.items()}


def _node_fields(node: NodeProcess) -> JsonObject:
    return {"name": node.name, "api": node.api, "pid": node.pid, "log": str(node.log_file)}


def _genesis_time_ms(nodes: int) -> int:
    return now_ms() + START_MS + nodes * START_MS_PER_NODE // (os.cpu_count() or 1)
