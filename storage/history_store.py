"""The tree over the ids of all final blocks (consensus/history.py), from which any of them can be
shown to be in the history of a newer state.

Row (level, index) is the root of the complete subtree over the ids of heights
index × 2^level to (index + 1) × 2^level - 1. It is written with the last of these blocks.
"""

import struct
from collections.abc import Sequence

from consensus.cid import Cid
from consensus.history import History
from consensus.merkle import inner_hash, leaf_hash
from storage.database import HISTORY_ROW, KeyValueReader, Write

_PLACE = struct.Struct(">BQ")


class HistoryStore:
    """The stored nodes of the tree. Usable from several threads at once."""

    def __init__(self, database: KeyValueReader) -> None:
        self._database = database

    def writes(self, first_height: int, block_ids: Sequence[Cid]) -> list[Write]:
        """The writes for the blocks that become final next, for the batch that makes them so."""
        made: dict[tuple[int, int], bytes] = {}
        for height, block_id in enumerate(block_ids, start=first_height):
            node, level, index = leaf_hash(block_id.binary), 0, height
            made[level, index] = node
            while index & 1:
                node = inner_hash(self._node(level, index - 1, made), node)
                level, index = level + 1, index >> 1
                made[level, index] = node
        return [(_key(*place), node) for place, node in made.items()]

    def holds(self, height: int, block_id: Cid) -> bool | None:
        """Whether the final block at `height` is this one, however old it is; None if none is
        final there yet, or this node joined from a snapshot above it."""
        leaf = self._database.get(_key(0, height))
        return None if leaf is None else leaf == leaf_hash(block_id.binary)

    def proof(self, height: int, blocks: int) -> tuple[bytes, ...] | None:
        """The audit path of the block at `height` in the history of the first `blocks` ids
        (RFC 6962 section 2.1.1); None if this node lacks a part of it, as one that joined from a
        snapshot does for the blocks below that."""
        path: list[bytes] = []
        first, last = 0, blocks
        while last - first > 1:
            half = first + (1 << (last - first - 1).bit_length() - 1)
            is_right = height >= half
            sibling = self._range(first, half) if is_right else self._range(half, last)
            if sibling is None:
                return None
            path.append(sibling)
            first, last = (half, last) if is_right else (first, half)
        return tuple(reversed(path))

    def _range(self, first: int, last: int) -> bytes | None:
        """The root over the ids of these heights; `first` is where a complete subtree begins
        that is at least as large as the range."""
        nodes: list[bytes] = []
        while first < last:
            level = (last - first).bit_length() - 1
            node = self._database.get(_key(level, first >> level))
            if node is None:
                return None
            nodes.append(node)
            first += 1 << level
        root = nodes.pop()
        while nodes:
            root = inner_hash(nodes.pop(), root)
        return root

    def _node(self, level: int, index: int, made: dict[tuple[int, int], bytes]) -> bytes:
        node = made.get((level, index)) or self._database.get(_key(level, index))
        if node is None:
            raise RuntimeError(f"the history lacks its node {index} at level {level}")
        return node


def history_writes(history: History) -> list[Write]:
    """The writes from which the history can go on when the blocks themselves are not here."""
    writes: list[Write] = []
    first = 0
    for peak in history.peaks:
        level = (history.blocks - first).bit_length() - 1
        writes.append((_key(level, first >> level), peak))
        first += 1 << level
    return writes


def _key(level: int, index: int) -> bytes:
    return HISTORY_ROW + _PLACE.pack(level, index)
