"""The stored tree over all block ids, against the blocks and the state that commits to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct

from consensus.history import MAX_PEAKS, History
from consensus.merkle import inner_hash, leaf_hash
from node.upkeep.faults import TELL_EACH, Fault, Tell, wrong_row
from storage.database import BLOCK_ID_ROW, HISTORY_ROW, LINEAGE_ROW, KeyValueReader
from storage.history_store import history_writes
from storage.rows import every_row

_KIND = "history"
_PLACE = Struct(">BQ")
_HEIGHT_BYTES = 8


@dataclass(slots=True)
class HistoryCheck:
    """A look at every node of the tree over these ids, the final block's among them.

    Below the block by whose snapshot a node joined there are only the roots of subtrees.
    """

    reader: KeyValueReader
    history: History
    tell: Tell
    _right: dict[bytes, bytes] = field(default_factory=dict)  # what was found missing or wrong

    def faults(self) -> Iterator[Fault]:
        """All that is wrong. Raises DatabaseError."""
        peaks = {key: peak for key, peak in history_writes(self.history) if peak is not None}
        for key, peak in peaks.items():
            yield from self._differing(key, peak)
        joined = [int.from_bytes(key[1:], "big") for key, _ in every_row(self.reader, LINEAGE_ROW)]
        first = max(joined) + 1 if joined else 0
        yield from self._leaves(first)
        for level in range(1, self.history.blocks.bit_length()):
            yield from self._nodes(level, first >> level, peaks)
        for level in range(MAX_PEAKS + 1):
            end = self.history.blocks >> level
            prefix = HISTORY_ROW + bytes([level])
            for key, _ in every_row(self.reader, prefix, start=_key(level, end)):
                yield wrong_row(_KIND, f"is left over ({_place(key)})", key, None, None)

    def _leaves(self, first: int) -> Iterator[Fault]:
        for height in range(first, self.history.blocks):
            block_id = self.reader.get(BLOCK_ID_ROW + height.to_bytes(_HEIGHT_BYTES, "big"))
            key = _key(0, height)
            if block_id is not None:
                yield from self._differing(key, leaf_hash(block_id))
            elif self._get(key) is None:
                yield Fault(_KIND, f"lacks the block ({_place(key)})", height)
            if height % TELL_EACH == 0:
                self.tell(_KIND, height)

    def _nodes(self, level: int, first: int, peaks: Mapping[bytes, bytes]) -> Iterator[Fault]:
        for index in range(first, self.history.blocks >> level):
            left = self._get(_key(level - 1, 2 * index))
            right = self._get(_key(level - 1, 2 * index + 1))
            if left is None or right is None:
                continue
            key, node = _key(level, index), inner_hash(left, right)
            if peaks.get(key, node) == node:
                yield from self._differing(key, node)
            else:
                yield Fault(_KIND, f"is not the state's below its {_place(key)}")

    def _differing(self, key: bytes, wanted: bytes) -> Iterator[Fault]:
        found = self.reader.get(key)
        if key not in self._right and found != wanted:
            self._right[key] = wanted
            what = "is missing" if found is None else "is wrong"
            yield wrong_row(_KIND, f"{what} ({_place(key)})", key, wanted, None)

    def _get(self, key: bytes) -> bytes | None:
        return self._right.get(key) or self.reader.get(key)


def _key(level: int, index: int) -> bytes:
    return HISTORY_ROW + _PLACE.pack(level, index)


def _place(key: bytes) -> str:
    level, index = _PLACE.unpack(key[len(HISTORY_ROW) :])
    return f"node {index} at level {level}"
