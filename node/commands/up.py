"""`reelect up`: a whole local network, and its end."""

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trio

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.link_options import NO_LINK_OPTIONS, LinkOptions
from node.config.sources import find_file
from node.failure import Refused, TimedOut, Unreachable, Usage, failure_of
from node.local.accounts import LocalAccounts
from node.local.control_server import ControlServer, listening
from node.local.folder import DEFAULT_FOLDER, LocalFolder
from node.local.live_status import RATE_WINDOW_SLOTS, LiveStatus, disturbances
from node.local.network import LocalNetwork, Wiring, running
from node.local.peers import parse_shape
from node.local.ports import node_ports
from node.local.process import NodeEnded, NodeProcess, NodeState
from node.local.run import MAX_RUN_SLOTS, now_ms, run_slots, wait_until_ready
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.output import (
    live_line,
    print_fields,
    print_json,
    print_line,
    print_rows,
    print_table,
    progress,
    warn,
)
from p2p.links import NO_FAULTS, LinkFaults, describe
from vm.modules.chain import chain_constants
from vm.modules.producer import BY_APPOINTMENT
from vm.modules.tokens import BALANCES

DEFAULT_BASE_PORT = 7400
LIVE_PERIOD_S = 1.0
LIVE_TIMEOUT_S = 3.0
# How far ahead slot 0 is: all nodes should listen by then.
START_MS = 2000
START_MS_PER_NODE = 2000  # of one processor


async def up(
    *,
    nodes: int | None = None,
    slot_ms: int | None = None,
    epoch_slots: int | None = None,
    seats: int | None = None,
    spare_seats: int | None = None,
    preset: str | None = None,
    day_s: int | None = None,
    data_dir: Path = DEFAULT_FOLDER,
    base_port: int = DEFAULT_BASE_PORT,
    for_slots: int | None = None,
    shape: str | None = None,
    links: LinkOptions = NO_LINK_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Run a local network until Ctrl-C: real nodes, their producers, funded accounts.

    The first start makes keys and a genesis; later ones go on with the same chain, and
    `reelect reset` deletes it. While it runs, commands such as `reelect tx transfer` ask its
    first node and sign with its accounts, and `reelect net` disturbs its links and nodes.

    Parameters
    ----------
    nodes
        How many nodes share the producers, 1 to 21; 4 for a new network.
    slot_ms
        Milliseconds of a slot of a new network; else the preset's.
    epoch_slots
        Slots of an epoch of a new network, 63 or more; else the preset's. A new set of producers
        takes over at the beginning of an epoch.
    seats
        How many producers a new network begins with, 4 to 21; else 21.
    spare_seats
        How many more, 0 to 21, that do not stand for election before `reelect producer stand`.
    preset
        Of a new network: devnet, another of `reelect genesis list`, or a .toml file of one's own.
    day_s
        Seconds of the community's day in a new network; else the preset's. What lasts days, such
        as a vote, shortens with it, to a minute at least.
    data_dir
        The network's folder.
    base_port
        The nodes listen on this port and those that follow, two each; 0 takes any free ones.
    for_slots
        Run so many slots after all nodes are ready, stop, and print figures.
    shape
        Which nodes are linked, this time: mesh, ring, star, line, or random:DEGREE such as
        random:4; else each with up to six others and whom it finds.
    """
    if for_slots is not None and not 1 <= for_slots <= MAX_RUN_SLOTS:
        raise Usage(f"1 to {MAX_RUN_SLOTS} slots, not {for_slots}", field="--for-slots")
    folder = LocalFolder.at(data_dir)
    wishes = LocalWishes(nodes, preset, slot_ms, epoch_slots, seats, spare_seats, day_s)
    wiring = _wiring(shape, links)
    figures: JsonObject | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, nursery.cancel_scope)
            with folder.owned():
                plan = Plan(folder, wishes, wiring, base_port, for_slots)
                figures = await _run(plan, as_json=json)
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run: `for_slots` None is until it is stopped."""

    folder: LocalFolder
    wishes: LocalWishes
    wiring: Wiring
    base_port: int
    for_slots: int | None


def _wiring(shape: str | None, links: LinkOptions) -> Wiring:
    return Wiring(
        None if shape is None else argument("--shape", parse_shape, shape),
        LinkFaults(links.latency_ms or 0, links.jitter_ms or 0, links.loss_ppm or 0),
    )


async def _run(plan: Plan, *, as_json: bool) -> JsonObject | None:
    """The network's life; the figures if it is to run for some slots, else it has no end."""
    folder = plan.folder
    form = choose_form(folder, plan.wishes)
    ports = node_ports(form.nodes, plan.base_port)
    progress(f"local network of {form.nodes} nodes in {folder.root}")
    chain = await trio.to_thread.run_sync(open_or_create, folder, form, _genesis_time_ms)
    async with running(folder, chain, ports, plan.wiring) as network:
        async with _all_alive(network):
            await wait_until_ready(network)
            if plan.for_slots is not None:
                return await run_slots(network, form.seats, plan.for_slots)
        with listening(folder) as listener:
            _show_banner(folder, chain, network, as_json=as_json)
            try:
                await _attend(network, listener)
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


async def _attend(network: LocalNetwork, listener: trio.SocketListener) -> None:
    """Show how the network is doing and do what `reelect net` asks, until it is cancelled or all
    nodes have ended by themselves (Refused)."""
    async with trio.open_nursery() as nursery:

        def watch(node: NodeProcess) -> None:
            nursery.start_soon(_tell_end, network, node)

        for node in network.nodes:
            watch(node)
        nursery.start_soon(_live, network)
        await ControlServer(network, watch).serve(listener)


async def _tell_end(network: LocalNetwork, node: NodeProcess) -> None:
    await node.wait()
    if node.ended_by_itself:
        warn(
            f"{node.ended()}. Blocks become final as long as more than two thirds of the producers "
            f"run; to start it again: {_command()} net restart {node.name}"
        )
    if all(node.ended_by_itself for node in network.nodes):
        raise Refused("all nodes have ended; see their logs", code="node-ended")


def _command() -> str:
    """How to call this program in another terminal."""
    return "reelect" if shutil.which("reelect") else sys.argv[0]


async def _live(network: LocalNetwork) -> None:
    """Keep one line on the terminal, if there is one, from the first node that answers."""
    live = LiveStatus(network.clock.slot_at(now_ms()))
    while sys.stderr.isatty():
        for node in network.nodes:
            with suppress(Unreachable, TimedOut):
                async with Client(node.api, timeout_s=LIVE_TIMEOUT_S) as client:
                    while node.state is NodeState.RUNNING:
                        live_line(await _live_text(live, client) + disturbances(network))
                        await trio.sleep(LIVE_PERIOD_S)
        if not any(node.state is NodeState.RUNNING for node in network.nodes):
            live_line(f"no node runs{disturbances(network)}")
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
        "roles": _addresses(chain.accounts.of_roles()),
        "producers": producers,
        "nodes": [_node_fields(node) for node in network.nodes],
        "shape": None if network.shape is None else str(network.shape),
        "latency_ms": network.faults.latency_ms,
        "jitter_ms": network.faults.jitter_ms,
        "loss_ppm": network.faults.loss_ppm,
        "client_config": str(folder.client_file),
    }
    if as_json:
        print_json(fields)
        sys.stdout.flush()
        return
    print_fields({"chain": fields["chain"]})
    print_line("")
    print_line("Accounts for local use only: everybody can read this mnemonic.")
    print_rows(_account_rows(chain.accounts))
    print_line(f"Mnemonic: {chain.accounts.mnemonic}")
    print_line("")
    print_table(
        ("NODE", "API", "LOG"), [(node.name, node.api, node.log_file) for node in network.nodes]
    )
    print_line("")
    if (network.shape, network.faults) != (None, NO_FAULTS):
        print_line(
            f"Shape: {network.shape or 'the usual'}. Faults of links: {describe(network.faults)}."
        )
    command = _command()
    print_line(f"In another terminal: {command} status, {_first_command(chain, command)}")
    if chain.form.spare_seats and not BY_APPOINTMENT.read(chain.genesis.state()):
        spare = list(producers)[chain.form.seats]
        print_line(
            f"{chain.form.spare_seats} spare producers: {command} producer list, "
            f"{command} producer stand --from {spare}"
        )
    if find_file(None, os.environ) != folder.client_file:
        print_line(f"there first: export REELECT_CONFIG={folder.client_file}")
    print_line(f"Try faults: {command} net --help")
    print_line(f"Ctrl-C stops the nodes; the next `{command} up` goes on with this chain.")
    sys.stdout.flush()


def _account_rows(accounts: LocalAccounts) -> list[tuple[str, ...]]:
    """Names, addresses and, if the preset has any, roles."""
    roles = {account: role for role, account in accounts.of_roles().items()}
    people = accounts.for_people()
    return [
        (name, format_address(account), *([roles.get(account, "")] if roles else []))
        for name, account in people.items()
    ]


def _first_command(chain: LocalChain, command: str) -> str:
    """Something to try: a transfer, unless nobody holds anything yet."""
    state = chain.genesis.state()
    native = chain_constants(state).native_asset
    held = any(asset == native for (_, asset), _ in BALANCES.every(state))
    return f"{command} tx transfer dev1 5" if held else f"{command} economy show"


def _addresses(accounts: Mapping[str, bytes]) -> JsonObject:
    return {name: format_address(account) for name, account in accounts.items()}


def _node_fields(node: NodeProcess) -> JsonObject:
    return {"name": node.name, "api": node.api, "pid": node.pid, "log": str(node.log_file)}


def _genesis_time_ms(nodes: int) -> int:
    return now_ms() + START_MS + nodes * START_MS_PER_NODE // (os.cpu_count() or 1)
