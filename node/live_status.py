"""The live line of a local network."""

from collections.abc import Sequence

from node.answers import FinalityItem, StatusAnswer

RATE_WINDOW_SLOTS = 10


def status_line(status: StatusAnswer, latest: Sequence[FinalityItem]) -> str:
    """One line about a node's chain; `latest` are its newest final blocks."""
    if status.slot < 0:
        return f"the chain begins in {-status.slot * status.slot_ms / 1000:.0f} s"
    return (
        f"head {status.head.height}  justified {status.justified.height}  "
        f"final {status.final.height}  lag {status.finality_lag_slots} slots  "
        f"{transactions_per_second(status, latest):.1f} tx/s  peers {status.peers}  "
        f"missed slots {status.missed_slots}"
    )


def transactions_per_second(status: StatusAnswer, latest: Sequence[FinalityItem]) -> float:
    """The rate over the last RATE_WINDOW_SLOTS slots up to the final block."""
    since = status.final.slot - RATE_WINDOW_SLOTS
    count = sum(item.transactions for item in latest if item.slot > since)
    return count * 1000 / (RATE_WINDOW_SLOTS * status.slot_ms)
