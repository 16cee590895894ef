"""The index of a content store: which blocks are there, what holds them, and since when.

A block is *held* while it has references: one for each pin that names it, and one for each held
node that links to it and whose links are counted. A block without references is *loose*: garbage
collection may remove it, the oldest first. A block that is held and not stored is awaited: once
it is stored, it is held at once.

To pin or unpin a root changes one count. What follows from that for the blocks below goes step by
step through rows of `unsettled` nodes, each step one batch, so that neither work nor memory
depends on the size of what is pinned, and an interruption between two steps is none. Nothing loose
is removed while there are any.

All of it follows from the files (storage/content_files.py), and is made again from them if it is
lost. What is about to change there is noted first as `unsure`, so that opening looks at that alone.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, TypeVar

from consensus.cid import CID_BYTES, DAG_PB, Cid
from consensus.dagpb import decode_node
from consensus.errors import Invalid
from consensus.kinds import Counter, Uint
from consensus.record import Record, record, replace
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from storage.content_pin import Pin, PinKind, pin_key
from storage.database import DatabaseDamaged, KeyValueStore, Write

_BLOCK = b"b"  # ‖ CID → BlockEntry
_LOOSE = b"l"  # ‖ place → LooseEntry
_LINKS = b"n"  # ‖ CID → the CIDs that a node links to, which have a reference each for that
_UNSETTLED = b"w"  # ‖ CID: a node whose links are to be counted, or no longer
_PIN = b"p"  # ‖ CID ‖ kind → Pin
_UNSURE = b"u"  # ‖ CID: its file is to be looked at
_UNSURE_PIN = b"v"  # ‖ CID ‖ kind: its file is to be looked at
_COUNTS = b"c"  # alone → ContentCounts; only in an index that is whole
_PLACE_BYTES = 8
_CHUNK_ROWS = 512

R = TypeVar("R", bound=Record)


@record("content-block")
class BlockEntry(Record):
    """A block: its bytes (None: not stored, awaited), its references, and its place among the loose
    (0: it is held)."""

    size_bytes: Annotated[int, Uint(MAX_CONTENT_BLOCK_BYTES)] | None
    references: Counter
    place: Counter


@record("content-loose")
class LooseEntry(Record):
    """A loose block, and when it was added (ms from the Unix epoch; 0: it was held until now)."""

    cid: Cid
    added_ms: Counter


@record("content-counts")
class ContentCounts(Record):
    """The stored blocks and their bytes, the loose ones among them, the pins, the next place."""

    blocks: Counter = 0
    size_bytes: Counter = 0
    loose_blocks: Counter = 0
    loose_bytes: Counter = 0
    pins: Counter = 0
    next_place: Counter = 1


_ABSENT = BlockEntry(None, 0, 0)


class ContentIndex:
    """The index in one database. It serves one thread at a time; each call raises DatabaseError,
    and after one that a write raised, only a new index on the database opened again is of use."""

    def __init__(self, database: KeyValueStore) -> None:
        self._database = database
        self._writes: dict[bytes, bytes | None] = {}
        counts = database.get(_COUNTS)
        self.is_whole = counts is not None
        self.counts = ContentCounts() if counts is None else self._read(ContentCounts, counts)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def clear(self) -> None:
        """Forget everything; the index is whole after the next `commit` that is `complete`."""
        for prefix in (_COUNTS, _BLOCK, _LOOSE, _LINKS, _UNSETTLED, _PIN, _UNSURE, _UNSURE_PIN):
            while rows := self._database.scan(prefix, limit=_CHUNK_ROWS):
                self._database.write([(key, None) for key, _ in rows], sync=False)
        self.is_whole = False
        self.counts = ContentCounts()

    def commit(self, *, sync: bool = False, complete: bool = False) -> None:
        """Write all changes since the last commit, or none."""
        if not self._writes and not complete:
            return
        self.is_whole = self.is_whole or complete
        batch: list[Write] = list(self._writes.items())
        if self.is_whole:
            batch.append((_COUNTS, self.counts.encode()))
        self._database.write(batch, sync=sync)
        self._writes.clear()

    # Blocks

    def entry(self, cid: Cid) -> BlockEntry | None:
        """What is known of a block; None if nothing is."""
        row = self._get(_BLOCK + cid.binary)
        return None if row is None else self._read(BlockEntry, row)

    def add(self, cid: Cid, size_bytes: int, now_ms: int) -> None:
        """The block is stored; if it was before and is loose, it counts as added anew."""
        entry = self.entry(cid) or _ABSENT
        if entry.size_bytes is None:
            self._count(blocks=1, size_bytes=size_bytes)
            entry = replace(entry, size_bytes=size_bytes)
            if entry.references:
                self._unsettle(cid)
        self._place(cid, entry, now_ms)

    def touch(self, cid: Cid, now_ms: int) -> None:
        """If the block is stored and loose, it counts as added anew."""
        entry = self.entry(cid)
        if entry is not None and entry.place:
            self._place(cid, entry, now_ms)

    def remove(self, cid: Cid) -> None:
        """The block is not stored (any more)."""
        entry = self.entry(cid)
        if entry is None or entry.size_bytes is None:
            return
        self._count(blocks=-1, size_bytes=-entry.size_bytes)
        self._displace(entry)
        self._put(cid, replace(entry, size_bytes=None, place=0))

    def blocks(self, after: Cid | None, limit: int) -> list[tuple[Cid, BlockEntry]]:
        """At most `limit` blocks in order of their CIDs, those after `after`."""
        start = b"" if after is None else _BLOCK + after.binary + b"\x00"
        rows = self._database.scan(_BLOCK, start=start, limit=limit)
        return [(Cid(key[1:]), self._read(BlockEntry, row)) for key, row in rows]

    def loose(self, start: int, limit: int) -> list[tuple[int, LooseEntry]]:
        """At most `limit` loose blocks with their places, from a place on, the oldest first."""
        rows = self._database.scan(_LOOSE, start=_LOOSE + _place(start), limit=limit)
        return [(int.from_bytes(key[1:]), self._read(LooseEntry, row)) for key, row in rows]

    # What is held

    def pin(self, pin: Pin) -> None:
        """Hold a root, or give its pin of this kind another name."""
        key = _PIN + pin.key
        if self._get(key) is None:
            self._count(pins=1)
            self._refer(pin.cid, 1)
        self._writes[key] = pin.encode()

    def unpin(self, cid: Cid, kind: PinKind) -> None:
        """Do not hold a root for this reason (any more)."""
        key = _PIN + pin_key(cid, kind)
        if self._get(key) is not None:
            self._count(pins=-1)
            self._refer(cid, -1)
            self._writes[key] = None

    def pins(self, after: bytes | None, limit: int) -> list[Pin]:
        """At most `limit` pins in order of their keys, those after the key `after`."""
        start = b"" if after is None else _PIN + after + b"\x00"
        rows = self._database.scan(_PIN, start=start, limit=limit)
        return [self._read(Pin, row) for _, row in rows]

    def pins_of(self, cid: Cid) -> list[Pin]:
        """The pins that name this root."""
        rows = (self._get(_PIN + pin_key(cid, kind)) for kind in PinKind)
        return [self._read(Pin, row) for row in rows if row is not None]

    def unsettled(self) -> Cid | None:
        """A node whose links are to be counted, or no longer; None if all is settled."""
        for key, _ in self._database.scan(_UNSETTLED, limit=1):
            return Cid(key[1:])
        return None

    def settle(self, cid: Cid, data: bytes | None) -> None:
        """Count the links of an unsettled node, or no longer; `data` is its block (None: it is not
        stored, and settled when it is)."""
        entry, key = self.entry(cid) or _ABSENT, _LINKS + cid.binary
        links = self._get(key)
        if entry.references and links is None and data is not None:
            targets = links_of(cid, data)
            for target in targets:
                self._refer(target, 1)
            self._writes[key] = b"".join(target.binary for target in targets)
        elif not entry.references and links is not None:
            for target in _cids(links):
                self._refer(target, -1)
            self._writes[key] = None
        self._writes[_UNSETTLED + cid.binary] = None

    def _refer(self, cid: Cid, more: int) -> None:
        entry = self.entry(cid) or _ABSENT
        changed = replace(entry, references=entry.references + more)
        if bool(entry.references) != bool(changed.references):
            self._unsettle(cid)
        self._place(cid, changed, 0)

    def _unsettle(self, cid: Cid) -> None:
        if cid.codec == DAG_PB:
            self._writes[_UNSETTLED + cid.binary] = b""

    # Files of which an interruption leaves unknown whether they are there

    def unsure(self, cids: Iterable[Cid]) -> None:
        """These blocks' files are about to come or go."""
        self._writes.update((_UNSURE + cid.binary, b"") for cid in cids)

    def sure(self, cid: Cid) -> None:
        """The block's file is as the index says."""
        self._writes[_UNSURE + cid.binary] = None

    def unsure_blocks(self, after: Cid | None, limit: int) -> list[Cid]:
        """At most `limit` blocks whose files are to be looked at, those after `after`."""
        start = b"" if after is None else _UNSURE + after.binary + b"\x00"
        return [Cid(key[1:]) for key, _ in self._database.scan(_UNSURE, start=start, limit=limit)]

    def unsure_of_pin(self, cid: Cid, kind: PinKind) -> None:
        """This pin's file is about to come or go."""
        self._writes[_UNSURE_PIN + pin_key(cid, kind)] = b""

    def sure_of_pin(self, cid: Cid, kind: PinKind) -> None:
        """The pin's file is as the index says."""
        self._writes[_UNSURE_PIN + pin_key(cid, kind)] = None

    def unsure_pins(self) -> Iterator[tuple[Cid, PinKind]]:
        """Pins whose files are to be looked at."""
        for key in self._database.keys(_UNSURE_PIN):
            yield Cid(key[1:-1]), tuple(PinKind)[key[-1]]

    # Rows

    def _place(self, cid: Cid, entry: BlockEntry, added_ms: int) -> None:
        """Write an entry, with a new place if it is loose and none if not."""
        self._displace(entry)
        place = 0
        if entry.size_bytes is not None and not entry.references:
            place = self.counts.next_place
            self._writes[_LOOSE + _place(place)] = LooseEntry(cid, added_ms).encode()
            self._count(loose_blocks=1, loose_bytes=entry.size_bytes, next_place=1)
        self._put(cid, replace(entry, place=place))

    def _displace(self, entry: BlockEntry) -> None:
        if entry.place:
            self._writes[_LOOSE + _place(entry.place)] = None
            self._count(loose_blocks=-1, loose_bytes=-(entry.size_bytes or 0))

    def _put(self, cid: Cid, entry: BlockEntry) -> None:
        known = entry.size_bytes is not None or entry.references
        self._writes[_BLOCK + cid.binary] = entry.encode() if known else None

    def _get(self, key: bytes) -> bytes | None:
        """The value under a key, as it will be once what was changed is written."""
        return self._writes[key] if key in self._writes else self._database.get(key)

    def _count(self, **more: int) -> None:
        counted = {name: getattr(self.counts, name) + change for name, change in more.items()}
        self.counts = replace(self.counts, **counted)

    def _read(self, kind: type[R], row: bytes) -> R:
        try:
            return kind.decode(row)
        except Invalid as error:
            raise DatabaseDamaged(self._database.folder, str(error)) from error


def links_of(cid: Cid, data: bytes) -> list[Cid]:
    """The blocks that a dag-pb node links to, each once; none for other blocks, and for what is no
    node."""
    if cid.codec != DAG_PB:
        return []
    try:
        return list(dict.fromkeys(link.hash for link in decode_node(data).links))
    except Invalid:
        return []


def _cids(links: bytes) -> Iterator[Cid]:
    for start in range(0, len(links), CID_BYTES):
        yield Cid(links[start : start + CID_BYTES])


def _place(number: int) -> bytes:
    return number.to_bytes(_PLACE_BYTES)
