"""Keeps room in a node's content store: above the high-water mark, the oldest blocks that no pin
holds are removed, down to the low-water mark."""

import logging
from functools import partial

import trio

from node.query.store_forms import GRACE_S
from storage.content import ContentError, ContentStore

HIGH_WATER_PERCENT = 90  # of the quota
LOW_WATER_PERCENT = 80
EVERY_S = 60.0

logger = logging.getLogger("reelect.node")

if not 0 < LOW_WATER_PERCENT < HIGH_WATER_PERCENT < 100:
    raise ValueError("a collection begins above where it ends, and before the store is full")


async def keep_room(store: ContentStore) -> None:
    """Look from time to time; returns at once if the store has no quota."""
    if store.quota_bytes is None:
        return
    while True:
        if store.size * 100 > store.quota_bytes * HIGH_WATER_PERCENT:
            await _collect(store, store.quota_bytes * LOW_WATER_PERCENT // 100)
        await trio.sleep(EVERY_S)


async def _collect(store: ContentStore, target_bytes: int) -> None:
    """What was added just now is spared, as it may belong to what is still being added."""
    before = store.size
    start: int | None = 0
    try:
        while start is not None:
            step = partial(store.collect, target_bytes, min_age_ms=1000 * GRACE_S, start=start)
            start = (await trio.to_thread.run_sync(step)).next
    except ContentError as error:
        logger.warning("garbage is not collected: %s", error)
    if store.size < before:
        logger.info("content: %d bytes of garbage were removed", before - store.size)
