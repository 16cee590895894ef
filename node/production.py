"""The slot clock's loop: each slot the engine makes its block, and votes late where it must."""

import logging
from collections.abc import Callable

import trio

from node.driver import Driver
from node.engine import Engine

MAX_SLEEP_S = 1.0

logger = logging.getLogger("reelect.producer")


async def attend_slots(engine: Engine, driver: Driver, now_ms: Callable[[], int]) -> None:
    """Produce and vote in every slot with the seats of this node, until cancelled.

    Sleeps in short steps, so that a wall clock that jumps is noticed within MAX_SLEEP_S.
    """
    clock = engine.chain.clock
    slot = max(clock.slot_at(now_ms()), 0)
    while True:
        slot = max(slot + 1, clock.slot_at(now_ms()))
        await _sleep_until(clock.start_ms(slot), now_ms)
        if clock.slot_at(now_ms()) > slot:
            logger.warning("slot %d was over before this node came to it", slot)
            continue
        block = await driver.enter(engine.produce(slot))
        if block is not None:
            logger.info(
                "produced slot %d: height %d, %d transactions",
                slot,
                block.placed.height,
                len(block.transaction_ids),
            )
        await _sleep_until(clock.middle_ms(slot), now_ms)
        await driver.enter(engine.vote_late(slot))


async def _sleep_until(time_ms: int, now_ms: Callable[[], int]) -> None:
    while (wait_ms := time_ms - now_ms()) > 0:  # noqa: ASYNC110 - a wall clock has no event
        await trio.sleep(min(wait_ms / 1000, MAX_SLEEP_S))
