"""TCP ports on loopback for the nodes of a local network."""

import random
import socket
from dataclasses import dataclass

from node.failure import Refused, Usage

LOOPBACK = "127.0.0.1"
MAX_PORT = 65_535
_OPTION = "--base-port"
# Below the ports that systems give to outgoing connections, which could take one first.
_FREE_FROM, _FREE_TO = 10_000, 32_000
_TRIES = 100


@dataclass(frozen=True, slots=True)
class NodePorts:
    """Where a node listens."""

    p2p: int
    api: int


def node_ports(nodes: int, base: int) -> list[NodePorts]:
    """Two free ports a node: `base` + 2i and the one after; for base 0 from any free place.

    Raises Usage for a base out of bounds, Refused naming a port that is in use.
    """
    if base == 0:
        base = _free_base(2 * nodes)
    elif not 1 <= base <= MAX_PORT + 1 - 2 * nodes:
        raise Usage(
            f"{nodes} nodes take {2 * nodes} ports from 1 to {MAX_PORT}, not from {base}",
            field=_OPTION,
        )
    for port in range(base, base + 2 * nodes):
        if not _is_free(port):
            raise Refused(
                f"port {port} is in use: stop what listens there, or choose another base port "
                "(0 takes any that are free)",
                field=_OPTION,
                code="port-in-use",
            )
    return [NodePorts(base + 2 * i, base + 2 * i + 1) for i in range(nodes)]


def _free_base(count: int) -> int:
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        base = chance.randrange(_FREE_FROM, _FREE_TO - count)
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise Refused(f"no {count} free ports in a row", field=_OPTION, code="port-in-use")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
