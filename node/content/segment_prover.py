"""Segment roots and proofs of the files that this node stores (docs/possession.md).

A root is computed in steps, one for each call, so that no call takes long however large the file
is; with the root come the hashes by which later proofs read one group of segments each. One
thread works at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import trio

from consensus.cid import Cid
from consensus.dag_walk import DagWalk, Scope, Span, entity_bytes
from consensus.errors import InvalidEncoding
from consensus.segments import (
    GROUP_BYTES,
    GROUP_SEGMENTS,
    GroupTree,
    SegmentHasher,
    SegmentProof,
    segment_count,
)
from node.query.chain_view import NotFound
from storage.content import ContentStore, MissingBlock
from storage.segment_index import SegmentIndex, SegmentIndexes

STEP_BYTES = 32 * 1024 * 1024
MAX_BEGUN = 4  # files whose root is being computed: another takes the place of the oldest


@dataclass(frozen=True, slots=True)
class Hashed:
    """How many bytes of a file are hashed, and its root if that is all of it."""

    size: int
    root: bytes | None


@dataclass(slots=True)
class _Begun:
    hasher: SegmentHasher = field(default_factory=SegmentHasher)
    groups: list[bytes] = field(default_factory=list)


class SegmentProver:
    """Computes roots and proofs from a content store, whose blocks it checks.

    Calls raise NotFound for a file that is not stored here whole, InvalidEncoding for content that
    is no file, and ContentError if the disk fails.
    """

    def __init__(self, content: ContentStore, indexes: SegmentIndexes) -> None:
        self._content = content
        self._indexes = indexes
        self._begun: dict[Cid, _Begun] = {}
        self._thread = trio.CapacityLimiter(1)

    async def hash_more(self, cid: Cid) -> Hashed:
        """Go on hashing a file, by STEP_BYTES at most."""
        return await trio.to_thread.run_sync(self._hash_more, cid, limiter=self._thread)

    async def prove(self, cid: Cid, indexes: Sequence[int]) -> tuple[SegmentProof, ...]:
        """The proofs of segments of a file whose root was computed; raises NotFound for any other
        file, and for a segment that it has not."""
        return await trio.to_thread.run_sync(self._prove, cid, indexes, limiter=self._thread)

    def _hash_more(self, cid: Cid) -> Hashed:
        known = self._indexes.get(cid)
        if known is not None:
            return Hashed(known.size, GroupTree(known.groups).root)
        begun = self._begun.pop(cid, None) or _Begun()
        while len(self._begun) >= MAX_BEGUN:
            del self._begun[next(iter(self._begun))]
        start = begun.hasher.size
        for piece in self._read(cid, Span(start, start + STEP_BYTES)):
            begun.groups += begun.hasher.feed(piece)
        size = begun.hasher.size
        if size == start + STEP_BYTES:
            self._begun[cid] = begun
            return Hashed(size, None)
        begun.groups += begun.hasher.finish()
        if not size:
            raise NotFound(f"{cid} is an empty file: it has no segments", field="cid")
        self._indexes.put(cid, SegmentIndex(size, tuple(begun.groups)))
        return Hashed(size, begun.hasher.root)

    def _prove(self, cid: Cid, indexes: Sequence[int]) -> tuple[SegmentProof, ...]:
        known = self._indexes.get(cid)
        if known is None:
            raise NotFound(
                f"the segment root of {cid} was not computed here: `reelect storage root {cid}`",
                field="cid",
            )
        count, tree = segment_count(known.size), GroupTree(known.groups)
        for index in indexes:
            if index >= count:
                raise NotFound(
                    f"a file of {known.size} bytes has no segment {index}", field="index"
                )
        return tuple(tree.prove(index, self._group_of(cid, index)) for index in indexes)

    def _group_of(self, cid: Cid, index: int) -> bytes:
        """The bytes of the group that holds a segment."""
        start = index // GROUP_SEGMENTS * GROUP_BYTES
        return b"".join(self._read(cid, Span(start, start + GROUP_BYTES)))

    def _read(self, root: Cid, span: Span) -> Iterator[bytes]:
        """These bytes of a file, by the blocks that hold them and those on the way there alone."""
        walk = DagWalk(root, Scope.ENTITY, span)
        while (cid := walk.next) is not None:
            data = self._load(cid)
            if cid == root and entity_bytes(root, data) is None:
                raise InvalidEncoding(f"{root} is not a file", field="cid")
            yield walk.accept(data).content

    def _load(self, cid: Cid) -> bytes:
        data = self._content.get(cid)
        if data is None:
            raise NotFound(str(MissingBlock(cid)), field="cid")
        return data
