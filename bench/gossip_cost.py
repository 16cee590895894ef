"""What gossip of transactions costs: how many arrive, how soon, and the processor time."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import trio

from bench.gossip_nodes import GossipNode, nodes_in_shape, random_shape
from bench.report import Report, spread, tell

TRANSACTION_BYTES = 300
TRANSACTIONS_A_SECOND = 50.0
# Longer than any way through the network takes: what has not arrived then never does.
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures: seconds from announcement to each arrival, the processor time of all
    nodes, and the frames that they received."""

    expected: int
    latencies_s: Sequence[float]
    cpu_s: float
    frames: int

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the arrivals does not exceed."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure_gossip(nodes: int, degree: int, rounds: int, transactions: int) -> Report:
    """Figures of so many rounds of transactions, each announced by a node drawn by chance."""
    done = trio.run(_measure, nodes, degree, rounds, transactions)
    arrived = sum(len(each.latencies_s) for each in done)
    return {
        "delivery_percent": 100 * arrived / sum(each.expected for each in done),
        "latency_ms_p50": spread([each.quantile_ms(0.50) for each in done]),
        "latency_ms_p99": spread([each.quantile_ms(0.99) for each in done]),
        "cpu_microseconds_a_delivery": spread(
            [1e6 * each.cpu_s / len(each.latencies_s) for each in done]
        ),
        "cpu_microseconds_a_frame": spread([1e6 * each.cpu_s / each.frames for each in done]),
        "frames_a_delivery": round(sum(each.frames for each in done) / arrived, 2),
    }


async def _measure(nodes: int, degree: int, rounds: int, transactions: int) -> list[Round]:
    chance = random.Random(degree)  # noqa: S311
    arrivals: list[dict[bytes, float]] = [{} for _ in range(nodes)]
    arrived = [each.__setitem__ for each in arrivals]
    shape = random_shape(nodes, degree, chance)
    done: list[Round] = []
    async with nodes_in_shape(shape, nodes, arrived) as made:
        tell(f"{nodes} nodes are connected")
        for _ in range(rounds):
            done.append(await _round(made, arrivals, chance, transactions))
            tell(f"{transactions} transactions went round")
    return done


async def _round(
    nodes: Sequence[GossipNode],
    arrivals: Sequence[dict[bytes, float]],
    chance: random.Random,
    transactions: int,
) -> Round:
    frames, cpu_s = _frames(nodes), time.process_time()
    announced: dict[bytes, float] = {}
    for _ in range(transactions):
        node = chance.choice(nodes)
        announced[node.announce(chance.randbytes(TRANSACTION_BYTES))] = trio.current_time()
        await trio.sleep(chance.expovariate(TRANSACTIONS_A_SECOND))
    expected = transactions * (len(nodes) - 1)
    latencies = partial(_latencies, announced, arrivals)
    with trio.move_on_after(PATIENCE_S):
        while len(latencies()) < expected:  # noqa: ASYNC110
            await trio.sleep(0.1)
    return Round(expected, latencies(), time.process_time() - cpu_s, _frames(nodes) - frames)


def _latencies(
    announced: dict[bytes, float], arrivals: Sequence[dict[bytes, float]]
) -> list[float]:
    return [
        each[identity] - began
        for each in arrivals
        for identity, began in announced.items()
        if identity in each
    ]


def _frames(nodes: Sequence[GossipNode]) -> int:
    return sum(sum(node.network.counters.received.frames.values()) for node in nodes)
