"""The live line of a local network."""

from collections.abc import Sequence

from node.local.network import LocalNetwork
from node.local.process import NodeState
from node.query.answers import FinalityItem, StatusAnswer

RATE_WINDOW_SLOTS = 10


class LiveStatus:
    """Lines about a node's chain; missed slots count from `first_slot` on, when all nodes were
    ready."""

    def __init__(self, first_slot: int) -> None:
        self._first_slot = first_slot
        self._missed_before: int | None = None

    def line(self, status: StatusAnswer, latest: Sequence[FinalityItem]) -> str:
        """The line; `latest` are the node's newest final blocks."""
        return (
            f"head {status.head.height}  justified {status.justified.height}  "
            f"final {status.final.height}  lag {status.finality_lag_slots} slots  "
            f"{transactions_per_second(status, latest):.1f} tx/s  peers {status.peers}  "
            f"missed slots {self._missed(status)}{_stall(status)}"
            f"{_catching_up(status)}"
        )

    def _missed(self, status: StatusAnswer) -> int:
        """Those after the first head that lies beyond the first slot: what the node counts
        before it are slots in which nothing ran."""
        if self._missed_before is None:
            if status.head.slot < self._first_slot:
                return 0
            self._missed_before = status.missed_slots
        return status.missed_slots - self._missed_before


def disturbances(network: LocalNetwork) -> str:
    """What is not as usual, by hand or by itself, for the end of the line."""
    found = [
        f"  {node.name} {node.state.value}"
        for node in network.nodes
        if node.state is not NodeState.RUNNING
    ]
    if len(network.groups) > 1:
        groups = "|".join(",".join(map(str, group)) for group in network.groups)
        found.append(f"  partition {groups}")
    return "".join(found)


def _stall(status: StatusAnswer) -> str:
    stall = status.stall
    if stall is None:
        return ""
    return f"  stalled {stall.slots} slots, {len(stall.silent)} of {stall.members} silent"


def _catching_up(status: StatusAnswer) -> str:
    return "" if status.sync is None else f"  catching up {status.sync.share:.0%}"


def transactions_per_second(status: StatusAnswer, latest: Sequence[FinalityItem]) -> float:
    """The rate over the last RATE_WINDOW_SLOTS slots up to the final block."""
    since = status.final.slot - RATE_WINDOW_SLOTS
    count = sum(item.transactions for item in latest if item.slot > since)
    return count * 1000 / (RATE_WINDOW_SLOTS * status.slot_ms)
