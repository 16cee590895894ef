"""Watches a running local network: until all nodes are ready, and over so many slots."""

import time
from collections.abc import Sequence

import trio

from consensus.kinds import JsonObject
from node.client import Client
from node.failure import TimedOut
from node.finality_log import MAX_ENTRIES
from node.local.network import LocalNetwork
from node.local.process import NodeProcess
from node.local.report import UNMEASURED_SLOTS, NodeRun, RunBlock, run_report
from node.query.answers import StatusAnswer
from node.query.chain_view import Finality

READY_TIMEOUT_S = 120.0
POLL_S = 0.25
BLOCKS_PAGE, FINALITY_PAGE = 100, 500
# Counting begins so many slots after the one in which all nodes are ready.
LEAD_SLOTS = 2
MAX_RUN_SLOTS = 16_000
if MAX_RUN_SLOTS + 2 * UNMEASURED_SLOTS > MAX_ENTRIES:
    raise ValueError("a node's log of finality times must hold a whole run")


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


async def wait_until_ready(network: LocalNetwork) -> None:
    """Return when every node says that it is ready and slot 0 has begun; raises TimedOut."""
    reasons: Sequence[str] = ()
    with trio.move_on_after(READY_TIMEOUT_S) as scope:
        for node in network.nodes:
            async with Client(node.api) as client:
                while not (answer := await client.ready()).ready:
                    reasons = answer.reasons
                    await trio.sleep(POLL_S)
    if scope.cancelled_caught:
        waited = f"{READY_TIMEOUT_S:.0f} s"
        raise TimedOut(f"{node.name} is not ready after {waited}: {'; '.join(reasons)}")
    await _sleep_until(network.clock.start_ms(0))


async def run_slots(network: LocalNetwork, seats: int, slots: int) -> JsonObject:
    """Let so many slots pass on a network of so many seats that is ready; the figures of
    `run_report`."""
    first = network.clock.slot_at(now_ms()) + LEAD_SLOTS
    counted = range(first, first + slots)
    # Late in a slot its block and votes are everywhere, and heights are alike.
    end_ms = network.clock.end_ms(counted.stop - 1 + UNMEASURED_SLOTS)
    await _sleep_until(end_ms - network.clock.slot_ms // 4)
    statuses = await _all_statuses(network)
    runs = [
        await _ask(node, status, counted)
        for node, status in zip(network.nodes, statuses, strict=True)
    ]
    return run_report(counted, seats, runs)


async def _all_statuses(network: LocalNetwork) -> list[StatusAnswer]:
    """What all nodes say of themselves at one time, in their order."""
    found: dict[str, StatusAnswer] = {}

    async def ask(node: NodeProcess) -> None:
        async with Client(node.api) as client:
            found[node.name] = await client.status()

    async with trio.open_nursery() as nursery:
        for node in network.nodes:
            nursery.start_soon(ask, node)
    return [found[node.name] for node in network.nodes]


async def _sleep_until(time_ms: int) -> None:
    await trio.sleep(max(0, time_ms - now_ms()) / 1000)


async def _ask(node: NodeProcess, status: StatusAnswer, counted: range) -> NodeRun:
    usage = node.usage()
    async with Client(node.api) as client:
        blocks = await _blocks(client, counted)
        lowest = min((block.height for block in blocks), default=0)
        finality = await _finality_ms(client, lowest - 1)
    return NodeRun(status.head.height, status.final.height, blocks, finality, usage)


async def _blocks(client: Client, counted: range) -> list[RunBlock]:
    """The blocks of the counted slots, newest first."""
    found: list[RunBlock] = []
    cursor: str | None = None
    while True:
        page = await client.blocks(limit=BLOCKS_PAGE, cursor=cursor, finality=Finality.HEAD)
        found += [
            RunBlock(item.height, item.slot, item.transactions)
            for item in page.items
            if item.slot in counted
        ]
        cursor = page.next
        if cursor is None or page.items[-1].slot < counted.start:
            return found


async def _finality_ms(client: Client, after_height: int) -> dict[int, int]:
    found: dict[int, int] = {}
    while items := await client.finality(max(after_height, 0), FINALITY_PAGE):
        found |= {item.height: item.finality_ms for item in items}
        after_height = items[-1].height
    return found
