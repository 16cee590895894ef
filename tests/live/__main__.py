"""Seven real nodes at slots of a second, for some minutes: `make live`. One line a stage.

A stage that does not show what it must ends with an AssertionError; the folder with the nodes'
logs is then kept.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from tests.end_to_end.seven_nodes import (
    EPOCH_SLOTS,
    MAX_RECOVERY_SLOTS,
    Change,
    Outage,
    SevenNodes,
    seven_nodes,
)

SLOT_MS = 1000
STOP_S = 60
SHORT_STOP_S = 20
DEADLINE_S = 1200
MAX_EXTRA_SLOTS = 1.6


def tell(stage: str, text: str) -> None:
    """One line, at once."""
    print(f"{time.strftime('%H:%M:%S')}  {stage.ljust(17)}  {text}", flush=True)


def tell_change(stage: str, change: Change, dynasty: int) -> None:
    """The figures of a set change, after checking them."""
    extra = change.extra_slots(SLOT_MS)
    tell(
        stage,
        f"dynasty {change.dynasty} after the handover in slot {change.handover_slot}; final after "
        f"{spread(change.other_ms)}, {change.limbo_blocks} limbo blocks after "
        f"{spread(change.limbo_ms)}: {extra:+.2f} slots; {change.empty_slots} empty slots; a light "
        f"client is shown slot {change.proved_slot}",
    )
    assert change.dynasty == dynasty
    assert change.proved_slot > change.handover_slot
    assert extra <= MAX_EXTRA_SLOTS


def tell_outage(stage: str, outage: Outage, max_slots: int) -> None:
    """The figures of an outage, after checking them."""
    soon, late = outage.final_heights
    tell(
        stage,
        f"{', '.join(outage.stopped)} for {outage.seconds:.0f} s: final height {soon} soon after "
        f"and {late} at the end; all nodes final again {outage.recovery_slots} slots after "
        f"SIGCONT (at most {max_slots})",
    )
    assert soon == late
    assert outage.recovery_slots <= max_slots


def spread(times_ms: Sequence[int]) -> str:
    """The median and the longest."""
    return f"{statistics.median(times_ms):.0f} ms (at most {max(times_ms)})"


async def live(nodes: SevenNodes) -> None:
    """All stages."""
    tell("ready", f"7 nodes, 21 seats, 21 spares, slots of 1 s, epochs of {EPOCH_SLOTS} slots")
    tell_change("one seat", await nodes.watch_change(await nodes.replace_one()), 1)
    tell_change("all seats", await nodes.watch_change(await nodes.replace_all()), 2)
    tell_outage("three stopped", await nodes.stop_three(STOP_S), MAX_RECOVERY_SLOTS)
    restart = await nodes.kill_and_start_all()
    tell(
        "all killed",
        f"started in the order {', '.join(restart.order)} within {restart.starts_s:.1f} s; final "
        f"again {restart.quorum_slots} slots after the fifth, all {restart.recovery_slots} slots "
        "after the last",
    )
    assert restart.recovery_slots <= MAX_RECOVERY_SLOTS
    tell_change("all seats again", await nodes.watch_change(await nodes.replace_all()), 3)
    outage = await nodes.replace_all_in_an_outage(SHORT_STOP_S)
    tell_outage("all, in an outage", outage, 2 * MAX_RECOVERY_SLOTS)  # once more for a handover
    tell("one chain", f"all nodes agree on {await nodes.check_chain(4)} blocks, all final")


def main() -> None:
    """Run all stages in a folder that is deleted if they succeed."""

    async def in_time(folder: Path) -> None:
        with trio.fail_after(DEADLINE_S):
            async with seven_nodes(folder, SLOT_MS) as nodes:
                await live(nodes)

    folder = Path(tempfile.mkdtemp(prefix="reelect-live-"))
    tell("begins", f"logs are in {folder}/local/node-*/node.log")
    trio.run(in_time, folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
