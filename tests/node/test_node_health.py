"""What a node says of its own health while nothing becomes final."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing

from node.node import Node, Storage, open_storage
from node.services import Health
from p2p.network import PeerInfo
from tests.node.test_node import make_configs
from tests.node.test_peer_clocks import HONEST_IN, HONEST_OUT, LIAR

SEATS = 4
BOUND = 2 * SEATS + 1


@dataclass
class Clocked:
    """A node that does not run, with a clock that the test sets."""

    node: Node
    storage: Storage
    now_ms: int

    def at_slot(self, slot: int) -> None:
        self.now_ms = self.storage.chain.clock.start_ms(slot)

    def health(self) -> Health:
        async def ask() -> Health:
            return self.node.health()

        return trio.run(ask)


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[Clocked]:
    config = make_configs(tmp_path, 1)[0]
    with open_storage(config) as storage:
        start_ms = storage.chain.clock.start_ms(100)
        made: list[Clocked] = []
        node = Node(config, storage, now_ms=lambda: made[0].now_ms if made else start_ms)
        made.append(Clocked(node, storage, start_ms))
        yield made[0]


def pass_slots(clocked: Clocked, slots: Sequence[int]) -> None:
    """Let the node look at its clock once in each of these slots, in the middle of each."""
    slot_s = clocked.storage.chain.clock.slot_ms / 1000

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            clocked.at_slot(slots[0])
            nursery.start_soon(clocked.node._tell_of_stalls)
            await trio.sleep(slot_s / 2)
            for slot in slots:
                clocked.at_slot(slot)
                await trio.sleep(slot_s)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_stall_is_told_of_and_the_node_stays_ready(clocked: Clocked) -> None:
    clocked.at_slot(100 + BOUND)
    assert clocked.health().stall is None
    clocked.at_slot(101 + BOUND)
    health = clocked.health()
    assert health.stall is not None
    assert (health.stall.slots, len(health.stall.silent)) == (101 + BOUND, SEATS)
    assert (health.ready, health.reasons, health.signing) == (True, (), ())


def test_a_node_that_is_behind_blames_nobody(clocked: Clocked) -> None:
    clocked.at_slot(101 + BOUND)
    clocked.node._sync.behind = True
    health = clocked.health()
    assert health.stall is None
    assert health.syncing
    assert health.signing == ("nothing is signed while this node catches up",)


def test_a_node_whose_clock_is_off_blames_nobody(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocked.at_slot(101 + BOUND)
    monkeypatch.setattr(clocked.node, "_clock_offset_ms", lambda: 60_000)
    health = clocked.health()
    assert health.stall is None
    assert health.signing == ("nothing is signed while the clock is off: set the clock",)


@dataclass
class Connected:
    """A network with these peers."""

    connected: Sequence[PeerInfo]

    def peers(self) -> Sequence[PeerInfo]:
        return self.connected


def test_a_crowd_with_wrong_clocks_keeps_no_node_from_signing(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocked.node, "network", Connected([HONEST_OUT, HONEST_IN, *[LIAR] * 29]))
    assert clocked.health().signing == ()
    monkeypatch.setattr(clocked.node, "network", Connected([LIAR]))
    assert clocked.health().signing != ()


def test_a_node_that_slept_blames_nobody(
    clocked: Clocked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "reelect.chain")

    pass_slots(clocked, (100, 101, 500, 501, 500 + BOUND))
    assert caplog.messages == []


def test_the_log_tells_of_it_by_itself(clocked: Clocked, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "reelect.chain")

    pass_slots(clocked, range(100, 130))
    (message,) = caplog.messages
    assert message.startswith(f"nothing has become final for {101 + BOUND} slots: 3 of 4 votes ")
    silent = message.rpartition("these 4 producers are silent: ")[2].split(", ")
    assert sorted(silent) == ["n0s0", "n1s0", "n2s0", "n3s0"]
