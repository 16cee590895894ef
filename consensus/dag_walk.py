"""Walks of a DAG, block by block in depth-first order: what a CAR holds, and what a range reads.

Sources: IPFS trustless gateway specification (dag-scope, entity-bytes; IPIP-0402) and IPIP-0412
(order, dups). An entity is a UnixFS file with all its blocks, and else a single block. The DAG
behind a chain's header is the chain: its links are to ancestors, which `parent` leads to one
after another, so that only that link is followed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from consensus.block import Header
from consensus.cid import DAG_CBOR, DAG_PB, RAW, Cid
from consensus.codec import UINT64_MAX
from consensus.errors import InvalidEncoding
from consensus.unixfs import Place, directory_entries, open_place

MAX_DIRECTORY_DEPTH = 16
MAX_DISTINCT = 65_536  # of one walk without repeats: it remembers each


class Scope(Enum):
    """How much of a DAG is walked: its root alone, the entity that begins there, or all of it."""

    BLOCK = "block"
    ENTITY = "entity"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of a file from `start` up to and without `stop`."""

    start: int
    stop: int

    def overlaps(self, start: int, stop: int) -> bool:
        """Whether any byte is in both."""
        return max(self.start, start) < min(self.stop, stop)

    def covers(self, start: int, stop: int) -> bool:
        """Whether all of those bytes are in this span."""
        return self.start <= start and stop <= self.stop


EVERYTHING = Span(0, UINT64_MAX)


@dataclass(frozen=True, slots=True)
class Visit:
    """A block on the way, and what of the file's bytes in the span it holds.

    It is `new` unless the walk is one without repeats and has been here.
    """

    cid: Cid
    data: bytes
    content: bytes
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """A place that is still to be visited: the file's bytes before it, and directories above."""

    place: Place
    start: int = 0
    directories: int = 0


class DagWalk:
    """Which block is next, and what a block holds, from `root` on.

    Of a file only the blocks that hold bytes of `span` are visited, and those that lead there;
    everything else is as if there were no span. Without `repeats` no block is new twice, and what
    lies below one that was walked wholly is not walked again: that bounds the work by the blocks
    that there are. Memory: the places beside the path to the current block; without `repeats`
    also MAX_DISTINCT CIDs.
    """

    def __init__(
        self,
        root: Cid,
        scope: Scope = Scope.ALL,
        span: Span = EVERYTHING,
        *,
        repeats: bool = True,
        visited: Iterable[Cid] = (),
    ) -> None:
        """`visited` are not new: a walk without repeats goes on from there."""
        self.root = root
        self._scope = scope
        self._span = span
        self._steps = [_Step(Place(root, 0))]  # the next one last
        self._visited: set[bytes] | None = None if repeats else {cid.binary for cid in visited}
        self._walked: set[bytes] = set()  # inner blocks with all below them

    @property
    def next(self) -> Cid | None:
        """The block that `accept` takes; None when all were visited."""
        return self._steps[-1].place.cid if self._steps else None

    def following(self, limit: int) -> list[Cid]:
        """The next blocks as far as they are known, `limit` at most, without repeats."""
        places = [step.place.cid for step in reversed(self._steps[-limit:])] if limit else []
        return list(dict.fromkeys(places))

    def accept(self, data: bytes) -> Visit:
        """Go on with the bytes of the next block, which are known to be the CID's.

        Raises InvalidEncoding for a block that breaks a rule at its place, or for one too many
        without repeats.
        """
        step = self._steps.pop()
        children = self._children(step, data)
        is_new = self._note(step)
        self._steps.extend(reversed(children))
        self._pass_over_known()
        return Visit(step.place.cid, data, self._content(step, data), is_new)

    def _children(self, step: _Step, data: bytes) -> list[_Step]:
        place, scope = step.place, self._scope
        if place.cid.codec == DAG_CBOR:
            parent = Header.decode(data).parent if scope is Scope.ALL else None
            return [] if parent is None else [_Step(Place(parent, 0))]
        if scope is Scope.BLOCK:
            return []
        if place.cid.codec == DAG_PB and place.size is None:
            entries = directory_entries(data)
            if entries is not None:
                if scope is Scope.ENTITY:
                    return []
                if step.directories >= MAX_DIRECTORY_DEPTH:
                    raise InvalidEncoding(f"directories deeper than {MAX_DIRECTORY_DEPTH} levels")
                below = step.directories + 1
                return [_Step(Place(entry.cid, 0), 0, below) for entry in entries]
        return self._parts(step, data)

    def _parts(self, step: _Step, data: bytes) -> list[_Step]:
        """The children of a file's block that hold bytes of the span."""
        start, parts = step.start, list[_Step]()
        for place in open_place(step.place, data)[1]:
            stop = start + (place.size or 0)
            if self._span.overlaps(start, stop):
                parts.append(_Step(place, start, step.directories))
            start = stop
        return parts

    def _content(self, step: _Step, data: bytes) -> bytes:
        if step.place.cid.codec != RAW:
            return b""
        span, start = self._span, step.start
        if span.covers(start, start + len(data)):
            return data
        return data[max(0, span.start - start) : max(0, span.stop - start)]

    def _note(self, step: _Step) -> bool:
        """Remember a visit; whether it is the first one."""
        if self._visited is None or step.place.cid.codec == DAG_CBOR:
            return True
        cid = step.place.cid.binary
        if self._is_whole(step):
            self._walked.add(cid)
        if cid in self._visited:
            return False
        if len(self._visited) >= MAX_DISTINCT:
            raise InvalidEncoding(
                f"more than {MAX_DISTINCT} blocks; ask with dups=y, which needs no memory of them"
            )
        self._visited.add(cid)
        return True

    def _is_whole(self, step: _Step) -> bool:
        size = step.place.size
        return self._span == EVERYTHING or (
            size is not None and self._span.covers(step.start, step.start + size)
        )

    def _pass_over_known(self) -> None:
        while self._visited is not None and self._steps:
            step = self._steps[-1]
            cid = step.place.cid
            known = self._visited if cid.codec == RAW else self._walked
            if cid.binary not in known or not (cid.codec == RAW or self._is_whole(step)):
                return
            self._steps.pop()


def entity_bytes(cid: Cid, data: bytes) -> int | None:
    """The bytes of the file whose root block this is; None if it is a file's no more than a
    directory or a header is. Raises InvalidEncoding for a root of neither."""
    if cid.codec == DAG_CBOR or (cid.codec == DAG_PB and directory_entries(data) is not None):
        return None
    return open_place(Place(cid, 0), data)[0]
