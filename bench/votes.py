"""What votes cost a node by how many producers there are, counted in a simulated network without
faults."""

from collections import Counter
from unittest.mock import patch

from bench.report import Report
from consensus.block import Vote
from tests.simulation.plan import Plan
from tests.simulation.wire import Item, Wire
from tests.simulation.world import run_plan

SLOTS = 63  # an epoch of the greatest network


def votes_of_a_slot(producers: int) -> Report:
    """Votes, and bytes of votes, that come to a node in a slot; each producer has a node, and one
    waits for a seat."""
    counted: Counter[str] = Counter()
    carry = Wire._carry

    def count(wire: Wire, sender: int, receiver: int, item: Item, extra_ms: float) -> None:
        if isinstance(item.message, Vote):
            counted["votes"] += 1
            counted["bytes"] += len(item.message.encode())
        carry(wire, sender, receiver, item, extra_ms)

    with patch.object(Wire, "_carry", count):
        outcome = run_plan(_calm(producers))
    if outcome.broken is not None:
        raise RuntimeError(f"the simulated network broke a promise: {outcome.broken}")
    return {
        "votes_a_node_and_slot": round(counted["votes"] / outcome.node_slots, 2),
        "bytes_a_node_and_slot": round(counted["bytes"] / outcome.node_slots, 1),
    }


def _calm(producers: int) -> Plan:
    """A run without faults: the first spell of chaos would begin after its end."""
    return Plan(
        seed=1,
        nodes=producers,
        spare=1,
        byzantine=0,
        slots=SLOTS,
        chaos=2 * SLOTS,
        change="seat",
        faults=(),
        real_signatures=False,
    )
