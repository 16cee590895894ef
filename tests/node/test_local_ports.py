"""Ports of a local network."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from node.failure import Refused, Usage
from node.local.ports import LOOPBACK, MAX_PORT, node_ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with closing(socket.socket()) as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_two_ports_a_node_from_the_base_on() -> None:
    base = node_ports(4, 0)[0].p2p
    found = node_ports(4, base)
    assert [(item.p2p, item.api) for item in found] == [
        (base, base + 1),
        (base + 2, base + 3),
        (base + 4, base + 5),
        (base + 6, base + 7),
    ]


def test_a_port_in_use_is_named(taken: int) -> None:
    with pytest.raises(Refused) as refusal:
        node_ports(2, taken - 1)
    assert refusal.value.code == "port-in-use"
    assert f"port {taken} is in use" in str(refusal.value)


@pytest.mark.parametrize("base", [-1, MAX_PORT - 6, MAX_PORT + 1])
def test_a_base_without_room_is_a_mistake(base: int) -> None:
    with pytest.raises(Usage):
        node_ports(4, base)


def test_any_free_ports_are_below_those_of_outgoing_connections() -> None:
    assert all(10_000 <= port.p2p < port.api < 32_768 for port in node_ports(21, 0))
