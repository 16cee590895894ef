"""Seven real nodes: one seat changes, all seats change, three nodes stop, all are killed."""

from pathlib import Path

import trio

from tests.end_to_end.seven_nodes import MAX_RECOVERY_SLOTS, Change, SevenNodes, seven_nodes

SLOT_MS = 400
STOP_S = 10
DEADLINE_S = 300
# A handover costs about one slot; this machine may be busy with other things too.
MAX_EXTRA_SLOTS = 1.6


def check_change(change: Change, dynasty: int) -> None:
    assert change.dynasty == dynasty
    assert change.proved_slot > change.handover_slot
    assert change.limbo_blocks >= 1
    assert change.extra_slots(SLOT_MS) <= MAX_EXTRA_SLOTS


async def live(nodes: SevenNodes) -> None:
    check_change(await nodes.watch_change(await nodes.replace_one()), 1)
    check_change(await nodes.watch_change(await nodes.replace_all()), 2)
    outage = await nodes.stop_three(STOP_S)
    assert outage.final_heights[0] == outage.final_heights[1]
    assert outage.recovery_slots <= MAX_RECOVERY_SLOTS
    restart = await nodes.kill_and_start_all()
    assert restart.recovery_slots <= MAX_RECOVERY_SLOTS
    assert await nodes.check_chain(2) > 0


def test_sets_change_and_nodes_stop(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(DEADLINE_S):
            async with seven_nodes(tmp_path, SLOT_MS) as nodes:
                await live(nodes)

    trio.run(main)
