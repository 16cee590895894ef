"""The blocks that are not yet durably final, in a memory that hardly grows while none becomes it.

While too many producers are silent the chain grows by an empty block a slot, and nothing of it
may be dropped: any of it can still become final (docs/decisions/long-stalls-stay-small.md). So
only the newest blocks are held whole. The others are buried: what is left of them is their place
and their few writes, from which their state can be made again, should a fork begin there.
"""

from collections import deque
from collections.abc import Sequence

from consensus.cid import Cid
from node.candidate import Recorded
from storage.state import FinalState, Layer, StateReader, make_layer

MAX_WHOLE_BLOCKS = 128


class UnfinalBlocks:
    """The recorded blocks by id. Readers may come from any thread."""

    def __init__(self, state: FinalState) -> None:
        self._state = state
        self._blocks: dict[Cid, Recorded] = {}
        self._whole: deque[Cid] = deque()  # those that came last, the oldest first
        self._path: tuple[Recorded, ...] = ()  # what was last asked for, as far as it still holds
        self._made_again: tuple[Recorded, Layer] | None = None  # the last such

    def get(self, block_id: Cid) -> Recorded | None:
        """The block of this id."""
        return self._blocks.get(block_id)

    def add(self, block: Recorded, *, head: Cid) -> None:
        """Take a block in, and bury the oldest but the head if too many are whole."""
        self._blocks[block.placed.id] = block
        self._whole.append(block.placed.id)
        while len(self._whole) > MAX_WHOLE_BLOCKS:
            oldest = self._whole.popleft()
            known = self._blocks.get(oldest)
            if known is None:
                continue
            if oldest == head:
                self._whole.append(oldest)
            else:
                known.bury()

    def remove(self, block_id: Cid) -> None:
        """Drop a block that is durably final or never will be."""
        self._blocks.pop(block_id, None)
        self._path, self._made_again = (), None

    def state_after(self, block_id: Cid) -> StateReader:
        """The state after a block; the final one if the block is durably final."""
        made_again, whole = self._made_again, None
        above: list[Recorded] = []
        at = self._blocks.get(block_id)
        if made_again is not None and made_again[0] is at:
            return made_again[1]
        while at is not None and (whole := at.whole) is None:
            above.append(at)
            at = self._parent(at)
        below = self._state.view() if whole is None else whole.layer
        if not above:
            return below
        layer, _ = _joined(below, above[::-1])
        self._made_again = (above[0], layer)
        return layer

    def next_final_layer(self, blocks: Sequence[Recorded]) -> Layer:
        """A layer on the final state for the next blocks to become final, the oldest first: it
        does what all of them do."""
        whole = blocks[0].whole
        if len(blocks) == 1 and whole is not None and self._state.carries(whole.layer):
            return whole.layer
        layer, root = _joined(self._state, blocks)
        if root != blocks[-1].placed.header.state_root:
            raise RuntimeError(f"the writes up to block {blocks[-1].placed.id} miss its root")
        return layer

    def up_to(self, head: Cid) -> tuple[Recorded, ...]:
        """The blocks from the durably final one (excluded) up to the one of this id."""
        known, found = self._path, list[Recorded]()
        first = known[0].placed.height if known else 0
        at = self._blocks.get(head)
        while at is not None:
            place = at.placed.height - first
            if 0 <= place < len(known) and known[place] is at:
                break
            found.append(at)
            at = self._parent(at)
        below = () if at is None else known[: at.placed.height - first + 1]
        start = 0
        while start < len(below) and below[start].placed.id not in self._blocks:
            start += 1
        if found or len(below) < len(known) or start:
            self._path = (*below[start:], *reversed(found))
            return self._path
        return known

    def _parent(self, block: Recorded) -> Recorded | None:
        """By the header: links between blocks are cut once a block is to become final."""
        parent = block.placed.header.parent
        return None if parent is None else self._blocks.get(parent)


def _joined(state: StateReader, blocks: Sequence[Recorded]) -> tuple[Layer, bytes]:
    """The layer that does on `state` what the blocks do one after the other, and its root."""
    writes: dict[bytes, bytes | None] = {}
    for block in blocks:
        writes.update(block.writes)
    return make_layer(state, writes)
