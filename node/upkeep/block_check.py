"""The final blocks against each other and against genesis, and all that finds them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from consensus.block import Header
from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.merkle import merkle_root
from genesis.file import Genesis
from node.block_results import BlockResults
from node.candidate import Candidate, read_block
from node.upkeep.faults import TELL_EACH, Fault, Mend, Tell, wrong_row
from storage.blocks import ChainMeta
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    FIRST_ROW,
    HEIGHT_ROW,
    LINEAGE_ROW,
    RECEIPTS_ROW,
    TRANSACTION_ROW,
    KeyValueReader,
)
from storage.rows import ROW_KINDS, every_row

_HEIGHT_BYTES = 8
_INDEX_BYTES = 4
_CHUNK_BLOCKS = 8


@dataclass(slots=True)
class BlockCheck:
    """A walk over the final blocks of one database; `headers` are the ids of those whose bodies
    never came, by height."""

    reader: KeyValueReader
    genesis: Genesis
    meta: ChainMeta
    tell: Tell
    headers: dict[int, bytes] = field(default_factory=dict)
    _right: dict[bytes, bytes] = field(default_factory=dict)  # what was found missing or wrong
    _first: int = 1  # the lowest height above genesis that is kept
    _transactions: int = 0
    _is_whole: bool = True

    def faults(self) -> Iterator[Fault]:
        """All that is wrong. Raises DatabaseError."""
        for fault in self._walk():
            self._is_whole &= fault.mend is Mend.WRITES
            yield fault
        yield from self._left_over(BLOCK_ID_ROW)
        yield from self._left_over(RECEIPTS_ROW)
        yield from self._wrong_heights()
        if self._is_whole:
            yield from self._wrong_places()

    def __post_init__(self) -> None:
        row = self.reader.get(FIRST_ROW)
        if row is not None:
            self._first = max(int.from_bytes(row, "big"), 1)

    def _is_kept(self, height: int) -> bool:
        """Whether there must be a block of this height."""
        return height == 0 or self._first <= height <= self.meta.height

    # The blocks themselves, from the lowest up

    def _walk(self) -> Iterator[Fault]:
        yield from self._genesis_faults()
        yield from self._header_faults()
        awaited = self._first
        parent = self.headers.get(awaited - 1)
        if awaited == 1:
            parent = self.genesis.header.id().binary
        rows = every_row(self.reader, BLOCK_ROW, start=_key(BLOCK_ROW, 1), chunk_rows=_CHUNK_BLOCKS)
        for number, (key, raw) in enumerate(rows):
            height = _height(key)
            if not self._is_kept(height):
                yield wrong_row("block", "is not among those that are kept", key, None, height)
                continue
            if height > awaited:
                yield _missing(awaited, height - 1)
                parent = None
            awaited = height + 1
            try:
                candidate = self._read(height, raw, parent)
            except Invalid as error:
                yield Fault("block", f"is damaged: {error}", height)
                parent = None
            else:
                yield from self._index_faults(height, candidate)
                yield from self._result_faults(height, candidate.header, candidate)
                parent = candidate.id.binary
            if number % TELL_EACH == 0:
                self.tell("blocks", number)
        if awaited <= self.meta.height:
            yield _missing(awaited, self.meta.height)
        elif parent not in (None, self.meta.id.binary):
            yield Fault("block", "is not the one of the chain record", self.meta.height)

    def _genesis_faults(self) -> Iterator[Fault]:
        raw, header = self.reader.get(_key(BLOCK_ROW, 0)), self.genesis.header
        if raw != header.encode():
            what = "is missing" if raw is None else "is not that of the genesis file"
            writes = ((_key(BLOCK_ROW, 0), header.encode()),)
            yield Fault("block", what, 0, Mend.WRITES, writes)
        yield from self._id_faults(0, header.id().binary)
        yield from self._result_faults(0, header, None)

    def _header_faults(self) -> Iterator[Fault]:
        """Of those whose bodies never came: each names the one below."""
        parent: Cid | None = None
        for key, raw in every_row(self.reader, LINEAGE_ROW):
            height = _height(key)
            try:
                header = Header.decode(raw)
            except Invalid as error:
                yield Fault("header", f"is damaged: {error}", height)
                parent = None
                continue
            if header.height != height or (parent and header.parent != parent):
                yield Fault("header", "is not the one that belongs here", height)
            parent = header.id()
            self.headers[height] = parent.binary
            yield from self._id_faults(height, parent.binary)

    def _read(self, height: int, raw: bytes, parent: bytes | None) -> Candidate:
        """The block, found to be the one of this height on its parent; raises Invalid."""
        candidate = read_block(raw)
        header = candidate.header
        if header.chain != self.genesis.chain or header.height != height:
            raise Invalid("it is another one")
        if header.parent is None or (parent is not None and header.parent.binary != parent):
            raise Invalid("it does not follow the one below")
        candidate.check_body()
        return candidate

    # What finds them, and what was kept of their results

    def _index_faults(self, height: int, candidate: Candidate) -> Iterator[Fault]:
        yield from self._id_faults(height, candidate.id.binary)
        for index, identity in enumerate(candidate.transaction_ids):
            key = TRANSACTION_ROW + identity
            place = height.to_bytes(_HEIGHT_BYTES, "big") + index.to_bytes(_INDEX_BYTES, "big")
            yield from self._differing(key, place, height)
        self._transactions += len(candidate.transactions)

    def _id_faults(self, height: int, block_id: bytes) -> Iterator[Fault]:
        yield from self._differing(_key(BLOCK_ID_ROW, height), block_id, height)
        place = height.to_bytes(_HEIGHT_BYTES, "big")
        yield from self._differing(HEIGHT_ROW + block_id, place, height)

    def _differing(self, key: bytes, wanted: bytes, height: int) -> Iterator[Fault]:
        found = self.reader.get(key)
        if found != wanted:
            self._right[key] = wanted
            what = "is missing" if found is None else "is wrong"
            yield wrong_row(ROW_KINDS[key[:1]], what, key, wanted, height)

    def _result_faults(
        self, height: int, header: Header, candidate: Candidate | None
    ) -> Iterator[Fault]:
        raw = self.reader.get(_key(RECEIPTS_ROW, height))
        if raw is None:
            yield Fault("results", "are missing", height)
            return
        try:
            results = BlockResults.decode(raw)
        except Invalid as error:
            yield Fault("results", f"are damaged: {error}", height)
            return
        receipts = merkle_root([receipt.encode() for receipt in results.receipts])
        events = merkle_root([event.encode() for event in results.events])
        if (receipts, events) != (header.receipts_root, header.events_root):
            yield Fault("results", "do not have the roots of the block's header", height)

    # Rows that find what is not there

    def _left_over(self, kind: bytes) -> Iterator[Fault]:
        """By height, those above the final block, and those that were dropped but for genesis."""
        for start, end in ((1, self._first), (self.meta.height + 1, None)):
            for key, _ in every_row(self.reader, kind, start=_key(kind, start)):
                height = _height(key)
                if end is not None and height >= end:
                    break
                if kind != BLOCK_ID_ROW or height not in self.headers:
                    yield wrong_row(ROW_KINDS[kind], "is left over", key, None, height)

    def _wrong_heights(self) -> Iterator[Fault]:
        wanted = 1 + len(self.headers) + max(self.meta.height - self._first + 1, 0)
        if not self._has_more(HEIGHT_ROW, wanted):
            return
        for key, place in every_row(self.reader, HEIGHT_ROW):
            at = BLOCK_ID_ROW + place
            if key not in self._right and self._get(at) != key[len(HEIGHT_ROW) :]:
                yield wrong_row(ROW_KINDS[HEIGHT_ROW], "is of no block", key, None, None)

    def _wrong_places(self) -> Iterator[Fault]:
        if not self._has_more(TRANSACTION_ROW, self._transactions):
            return
        for key, place in every_row(self.reader, TRANSACTION_ROW):
            if key not in self._right and self._transaction_at(place) != key[1:]:
                yield wrong_row(ROW_KINDS[TRANSACTION_ROW], "is of none", key, None, None)

    def _has_more(self, kind: bytes, wanted: int) -> bool:
        """Whether there will be more rows of a kind than belong there."""
        rows = sum(1 for _ in every_row(self.reader, kind))
        added = (key for key in self._right if key.startswith(kind))
        return rows + sum(self.reader.get(key) is None for key in added) > wanted

    def _transaction_at(self, place: bytes) -> bytes | None:
        """The id of the transaction that a place is of; all blocks are known to be good."""
        raw = self.reader.get(BLOCK_ROW + place[:_HEIGHT_BYTES])
        index = int.from_bytes(place[_HEIGHT_BYTES:], "big")
        if raw is None or place[:_HEIGHT_BYTES] == bytes(_HEIGHT_BYTES):
            return None
        transactions = read_block(raw).transactions
        return transactions[index].id if index < len(transactions) else None

    def _get(self, key: bytes) -> bytes | None:
        """What is under a key once it is put right."""
        return self._right.get(key) or self.reader.get(key)


def _missing(first: int, last: int) -> Fault:
    if first == last:
        return Fault("block", "is missing", first)
    return Fault("block", f"and those up to height {last} are missing", first)


def _key(kind: bytes, height: int) -> bytes:
    return kind + height.to_bytes(_HEIGHT_BYTES, "big")


def _height(key: bytes) -> int:
    """The height in the key of a row that has one alone."""
    return int.from_bytes(key[1:], "big")
