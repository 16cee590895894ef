"""What the log says of a stall: that one begins, who is silent, and that finality is back."""

import logging

from consensus.finality import ChainBlock
from node.query.answers import StallAnswer

logger = logging.getLogger("reelect.chain")


class StallLog:
    """To be told of the present stall, or None, once a slot."""

    def __init__(self) -> None:
        self._told: StallAnswer | None = None
        self._told_slot = 0
        self._final_slot = 0

    def note(self, stall: StallAnswer | None, final: ChainBlock, slot: int) -> None:
        """Warn when a stall begins, and when other producers are silent, at most once a round;
        say when a later block is final.

        A stall that cannot be told of for a while (the node is syncing, say) is not over.
        """
        if self._told is not None and final.slot > self._final_slot and stall is None:
            logger.info("finality is back: height %d, slot %d", final.height, final.slot)
            self._told = None
        if stall is None:
            return
        told = self._told
        if told is None or (
            told.silent != stall.silent and slot - self._told_slot >= stall.members
        ):
            logger.warning("%s", stall.sentence)
            self._told, self._told_slot, self._final_slot = stall, slot, final.slot
