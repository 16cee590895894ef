"""The figures of a run of so many slots, from what every node tells about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consensus.kinds import JsonObject
from node.local.process import Usage

# A block is final one or two slots after its own; the last ones cannot all be yet.
UNMEASURED_SLOTS = 3


@dataclass(frozen=True, slots=True)
class RunBlock:
    """A block on the chain of the head."""

    height: int
    slot: int
    transactions: int


@dataclass(frozen=True, slots=True)
class NodeRun:
    """What a node tells of a run: its heights, the blocks up to its head in the counted slots,
    the finality times by height, and what its process has used."""

    head_height: int
    final_height: int
    blocks: Sequence[RunBlock]
    finality_ms: Mapping[int, int]
    usage: Usage | None


def run_report(slots: range, producers: int, nodes: Sequence[NodeRun]) -> JsonObject:
    """The figures over the counted `slots`; the blocks are those of the highest head, the final
    height is the lowest.

    Finality times run from the start of a block's slot until a node holds it final, over all
    nodes and blocks but those of the last UNMEASURED_SLOTS; null if a block never became final
    on some node, or if there is none.
    """
    longest = max(nodes, key=lambda node: node.head_height)
    blocks = [block for block in longest.blocks if block.slot in slots]
    times = _finality_times(slots, blocks, nodes)
    usages = [node.usage for node in nodes]
    return {
        "nodes": len(nodes),
        "producers": producers,
        "slots": len(slots),
        "blocks": len(blocks),
        "missed_slots": len(slots) - len(blocks),
        "head_height": longest.head_height,
        "final_height": min(node.final_height for node in nodes),
        "finality_ms_p50": percentile(times, 50),
        "finality_ms_p99": percentile(times, 99),
        "tx_included": sum(block.transactions for block in blocks),
        "peak_rss_bytes": [None if usage is None else usage.peak_rss_bytes for usage in usages],
        "cpu_s": [None if usage is None else usage.cpu_s for usage in usages],
    }


def _finality_times(
    slots: range, blocks: Sequence[RunBlock], nodes: Sequence[NodeRun]
) -> list[int]:
    """The times of every node and measured block; empty if one is missing."""
    measured = [block.height for block in blocks if block.slot < slots.stop - UNMEASURED_SLOTS]
    if any(height not in node.finality_ms for node in nodes for height in measured):
        return []
    return [node.finality_ms[height] for node in nodes for height in measured]


def percentile(values: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile: the least value that `percent` % of all do not exceed."""
    if not values:
        return None
    rank = -(-len(values) * percent // 100)
    return sorted(values)[max(rank, 1) - 1]
