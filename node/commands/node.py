"""`reelect node`: run one validator or, without seats, a follower."""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from consensus.fork_choice import ConflictingFinality
from node.config import Config, LogSection
from node.config_sources import load_config
from node.failure import Refused
from node.node import Node, open_storage
from node.output import print_json

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
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/config.toml.
    set_
        section.key=value, overriding file and environment; can be repeated.
    stop_on_stdin_close
        Stop when standard input ends: for programs that start nodes.
    """
    settings = load_config(config, set_, os.environ)
    _log_to(settings.log)
    try:
        with open_storage(settings) as storage:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_stop_on_signal, nursery.cancel_scope)
                if stop_on_stdin_close:
                    nursery.start_soon(_stop_on_stdin_close, nursery.cancel_scope)
                running = Node(settings, storage)
                await nursery.start(running.run)
                _announce(settings, running)
    except* ConflictingFinality as group:
        raise Refused(
            f"{group.exceptions[0]}; this node has stopped and will not sign: keep the data "
            "folder and find out which producers broke the rules",
            code="conflicting-finality",
        ) from group


def _announce(settings: Config, running: Node) -> None:
    print_json(
        {
            "node_id": running.network.id.hex(),
            "p2p": f"{settings.p2p.host}:{running.network.listen_port}",
        }
    )
    sys.stdout.flush()


def _log_to(log: LogSection) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if log.file is not None:
        log.file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log.file)
    handler.setFormatter(logging.Formatter(LOG_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger("reelect").addHandler(handler)
    logging.getLogger("reelect").setLevel(log.level.upper())


async def _stop_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def _stop_on_stdin_close(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some():
            continue
    scope.cancel()
