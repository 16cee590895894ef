"""Who is asked for which blocks of a window, and what waits until its turn comes. Pure.

Every height is asked for until it is there, of one peer at first; of a second one if no height is
left that nobody was asked for, so that no peer can hold the window up. What has come waits to be
taken in order, and all that may come at any time is bounded in bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.block import MAX_BLOCK_BYTES
from p2p.identity import PeerId

MAX_ASKED = 2  # peers for one height at a time
MAX_ANSWER_BYTES = MAX_BLOCK_BYTES  # of the blocks of one answer
MAX_WAITING_BYTES = 8 * MAX_ANSWER_BYTES

# The next block to be taken can be asked for however much waits, of MAX_ASKED peers.
_AHEAD_BYTES = MAX_WAITING_BYTES - MAX_ASKED * MAX_ANSWER_BYTES

if _AHEAD_BYTES < MAX_ANSWER_BYTES:
    raise ValueError("there must be room for an answer beside those that bring the next block")


@dataclass(frozen=True, slots=True)
class Span:
    """`count` blocks from the height `first` on."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The height after the last one."""
        return self.first + self.count

    def __contains__(self, height: int) -> bool:
        return self.first <= height < self.end


@dataclass(frozen=True, slots=True)
class Arrived:
    """A block that waits for its turn, and who brought it."""

    height: int
    raw: bytes
    peer: PeerId


class Plan:
    """The blocks of the heights `first` to `last`, one window's."""

    def __init__(self, first: int, last: int) -> None:
        self.next = first
        self._last = last
        self._asked: dict[PeerId, Span] = {}
        self._arrived: dict[int, Arrived] = {}
        self.waiting_bytes = 0

    @property
    def is_done(self) -> bool:
        """Whether all have been taken."""
        return self.next > self._last

    @property
    def is_asking(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._asked)

    def ask(self, peer: PeerId, last: int, most: int) -> Span | None:
        """What to ask a peer for that has the blocks up to `last` and is asked for `most` at once;
        None for nothing now. It is awaited until `came` or `failed`."""
        if peer in self._asked:
            return None
        for askers in range(MAX_ASKED):
            span = self._span(askers, min(last, self._last), most)
            if span is not None:
                self._asked[peer] = span
                return span
        return None

    def _span(self, askers: int, last: int, most: int) -> Span | None:
        """The lowest blocks that are missing and asked for of so many peers."""
        height = self.next
        while height <= last and not self._lacks(height, askers):
            height += 1
        if height > last or (height != self.next and not self._has_room):
            return None
        end = height + 1
        while end <= last and end < height + most and self._lacks(end, askers):
            end += 1
        return Span(height, end - height)

    def _lacks(self, height: int, askers: int) -> bool:
        asked = sum(height in span for span in self._asked.values())
        return asked == askers and height not in self._arrived

    @property
    def _has_room(self) -> bool:
        awaited = (len(self._asked) + 1) * MAX_ANSWER_BYTES
        return self.waiting_bytes + awaited <= _AHEAD_BYTES

    def came(self, peer: PeerId, blocks: Sequence[bytes]) -> None:
        """A peer has brought the first blocks of what it was asked for, all or some of them."""
        span = self._asked.pop(peer)
        for height, raw in zip(range(span.first, span.end), blocks, strict=False):
            if height >= self.next and height not in self._arrived:
                self._arrived[height] = Arrived(height, raw, peer)
                self.waiting_bytes += len(raw)

    def failed(self, peer: PeerId) -> None:
        """A peer does not bring what it was asked for."""
        self._asked.pop(peer, None)

    def take(self) -> Arrived | None:
        """The next block, if it is there; it waits no more."""
        found = self._arrived.pop(self.next, None)
        if found is not None:
            self.next += 1
            self.waiting_bytes -= len(found.raw)
        return found

    def refuse(self, block: Arrived) -> None:
        """The block that was taken last is wrong: it is missing again, and all that its peer
        brought."""
        self.next = block.height
        for other in [each for each in self._arrived.values() if each.peer == block.peer]:
            del self._arrived[other.height]
            self.waiting_bytes -= len(other.raw)
