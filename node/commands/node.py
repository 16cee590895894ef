"""`reelect node`: run one validator or, without seats, a follower."""

import logging
import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from consensus.fork_choice import ConflictingFinality
from node.alarm import first_conflict
from node.api.app import make_app
from node.api.front import Front
from node.api.server import Listener, listen, serve
from node.commands.keystore_options import read_first_line
from node.config.sections import Config, LogSection
from node.config.sources import load_config
from node.failure import Refused
from node.log_file import LogFile
from node.loop_monitor import LoopMonitor
from node.node import Node, open_storage
from node.output import print_json
from node.snapshots.newcomer import StateJoin
from node.threads import settle_heap, share_heap, share_interpreter
from p2p.peeraddress import host_and_port

LOG_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
STOP_S = 3.0


async def node(
    *,
    config: Path | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    stop_on_stdin_close: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Run one node until it is told to stop (Ctrl-C or SIGTERM).

    With seats in its configuration it is a validator, without a follower. Once it listens it
    prints one line of JSON: its API's address, its p2p address and its node id.

    Parameters
    ----------
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml.
    set_
        section.key=value, overriding file and environment; can be repeated.
    stop_on_stdin_close
        Stop when standard input ends: for programs that start nodes.
    """
    settings = load_config(config, set_, os.environ)
    _log_to(settings.log)
    share_interpreter()
    share_heap()
    api = await listen(settings.api.host, settings.api.port)
    try:
        async with trio.open_nursery() as nursery:
            stopping = trio.Event()
            nursery.start_soon(_set_on_signal, stopping)
            if stop_on_stdin_close:
                nursery.start_soon(_set_on_stdin_close, stopping)
            await _run(settings, api, stopping)
            nursery.cancel_scope.cancel()
    except* ConflictingFinality as group:
        raise Refused(
            f"{first_conflict(group)}; this node has stopped and will not sign: keep the data "
            "folder and find out which producers broke the rules",
            code="conflicting-finality",
        ) from group
    finally:
        await api.close()


async def _run(settings: Config, api: Listener, stopping: trio.Event) -> None:
    """Get the state first, if this is a new node of an old chain; then run."""
    join = StateJoin(settings)
    front = Front(join.describe)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve, front, api, stopping=stopping))
        async with trio.open_nursery() as joining:
            joining.start_soon(_cancel_on, stopping, joining.cancel_scope)
            await join.run()
            joining.cancel_scope.cancel()
        if not stopping.is_set():
            with ExitStack() as stack:
                open_ = partial(stack.enter_context, open_storage(settings))
                running = Node(settings, await trio.to_thread.run_sync(open_))
                settle_heap()
                await _serve(settings, running, api, front, stopping)
        stopping.set()


async def _cancel_on(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _serve(
    settings: Config, running: Node, api: Listener, front: Front, stopping: trio.Event
) -> None:
    token_file = settings.api.admin_token_file
    monitor = LoopMonitor()
    app = make_app(
        running.services,
        monitor=monitor,
        admin_token=None if token_file is None else read_first_line(token_file),
        loopback=api.loopback,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(monitor.run)
        await nursery.start(running.run)
        front.open(app)
        _announce(settings, running, api)
        await stopping.wait()
        with trio.move_on_after(STOP_S):
            await running.leave()
        nursery.cancel_scope.cancel()


def _announce(settings: Config, running: Node, api: Listener) -> None:
    p2p = host_and_port(settings.p2p.host, running.network.listen_port)
    host = "127.0.0.1" if settings.api.host in ("0.0.0.0", "") else settings.api.host  # noqa: S104
    print_json(
        {
            "api": f"http://{host_and_port(host, api.port)}",
            "p2p": p2p,
            "node_id": running.network.id.hex(),
        }
    )
    sys.stdout.flush()


def _log_to(log: LogSection) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if log.file is not None:
        handler = LogFile(log.file)
    handler.setFormatter(logging.Formatter(LOG_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger("reelect").addHandler(handler)
    logging.getLogger("reelect").setLevel(log.level.upper())


async def _set_on_signal(stopping: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stopping.set()


async def _set_on_stdin_close(stopping: trio.Event) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some():
            continue
    stopping.set()
