"""Blocks on disk: final ones by height with their indexes, and those that are not yet final.

A final block's rows are written in the one synced batch that makes its state final, so they
are there exactly if the state is. Old ones may be dropped from the lowest height on, so that
what is kept has no gaps but the one above genesis. Blocks that are not final are written unsynced
as they come: after a crash some may be missing, and peers have them.
"""

import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.kinds import Bytes, Counter, Digest
from consensus.record import Record, record
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    EVIDENCE_ROW,
    FIRST_ROW,
    HANDOVER_ROW,
    HEIGHT_ROW,
    LINEAGE_ROW,
    META_ROW,
    PROOF_ROW,
    RECEIPTS_ROW,
    TRANSACTION_ROW,
    UNFINAL_ROW,
    DatabaseDamaged,
    KeyValueReader,
    KeyValueStore,
    Write,
)

MAX_POINT_BYTES = 65_536
MAX_EVIDENCE_ROWS = 1024
# A batch drops so many old blocks at most, and no further one once it drops so many rows.
MAX_PRUNED_BLOCKS = 256
MAX_PRUNED_ROWS = 4096

_NUMBER = struct.Struct(">Q")  # heights and sequence numbers: big-endian, so that keys sort
_PLACE = struct.Struct(">QI")  # a transaction's height and index
_NUMBER_END = len(UNFINAL_ROW) + _NUMBER.size


@record("chain-meta")
class ChainMeta(Record):
    """What a node starts from: its newest final block.

    `id` and `height` are that block's, `state_root` the root of the state in the database;
    `point` is the chain's own record, opaque here.
    """

    id: Cid
    height: Counter
    state_root: Digest
    point: Annotated[bytes, Bytes(MAX_POINT_BYTES)]


class BlockStore:
    """The blocks of one database. Usable from several threads at once."""

    def __init__(self, database: KeyValueStore) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._unfinal: dict[Cid, int] = {}  # id → sequence number, in order of arrival
        self._sequence = 0
        for key in database.keys(UNFINAL_ROW):
            number = _NUMBER.unpack(key[len(UNFINAL_ROW) : _NUMBER_END])[0]
            self._unfinal[Cid(key[_NUMBER_END:])] = number
            self._sequence = number + 1

    def meta(self) -> ChainMeta | None:
        """The newest final block's record; None in a database without a chain."""
        data = self._database.get(META_ROW)
        if data is None:
            return None
        try:
            return ChainMeta.decode(data)
        except Invalid as error:
            raise DatabaseDamaged(self._database.folder, f"chain record: {error}") from error

    # Blocks that are not final

    def put(self, block_id: Cid, block: bytes) -> None:
        """Keep the bytes of a block that is not final, unsynced. Known ones are left as they are.

        Parents come before children, so that `unfinal` can be replayed in its order.
        """
        with self._lock:
            if block_id in self._unfinal:
                return
            key = _unfinal_key(self._sequence, block_id)
            self._database.write([(key, block)], sync=False)
            self._unfinal[block_id] = self._sequence
            self._sequence += 1

    def unfinal(self) -> Iterator[tuple[Cid, bytes]]:
        """The ids and bytes of the blocks that are not final, in order of arrival.

        After a crash also some that were discarded: those below or beside the final block.
        """
        for block_id, number in list(self._unfinal.items()):
            block = self._database.get(_unfinal_key(number, block_id))
            if block is not None:
                yield block_id, block

    def discard(self, block_ids: Iterable[Cid]) -> None:
        """Forget blocks that can no longer become final; unknown ids are passed over."""
        with self._lock:
            known = [block_id for block_id in block_ids if block_id in self._unfinal]
            self._database.write(
                [(_unfinal_key(self._unfinal[block_id], block_id), None) for block_id in known],
                sync=False,
            )
            for block_id in known:
                del self._unfinal[block_id]

    # Final blocks

    def proof(self) -> bytes | None:
        """What was last given as `proof` to `final_writes`."""
        return self._database.get(PROOF_ROW)

    def final_writes(
        self,
        meta: ChainMeta,
        block: bytes,
        transaction_ids: Sequence[bytes],
        receipts: bytes,
        proof: bytes | None = None,
    ) -> list[Write]:
        """The writes that make the block of `meta` final, for the batch that flattens its state.

        `receipts` are whatever the chain keeps of the block's results, `proof` what shows a
        light client that it is final; both are opaque here. Blocks below it that become final
        with it come by `passed_writes` into the same batch. Call `finalized` for each once the
        batch is written.
        """
        writes = self.passed_writes(meta.id, meta.height, block, transaction_ids, receipts)
        return writes + self.newest_writes(meta, proof)

    def newest_writes(self, meta: ChainMeta, proof: bytes | None) -> list[Write]:
        """The writes that make a block the newest final one, beside its own rows and its state."""
        writes: list[Write] = [(META_ROW, meta.encode())]
        return writes if proof is None else [*writes, (PROOF_ROW, proof)]

    def passed_writes(
        self,
        block_id: Cid,
        height: int,
        block: bytes,
        transaction_ids: Sequence[bytes],
        receipts: bytes,
    ) -> list[Write]:
        """The writes that make a block final together with one above it."""
        place = _NUMBER.pack(height)
        writes: list[Write] = [
            (BLOCK_ROW + place, block),
            (BLOCK_ID_ROW + place, block_id.binary),
            (HEIGHT_ROW + block_id.binary, place),
            (RECEIPTS_ROW + place, receipts),
        ]
        writes += [
            (TRANSACTION_ROW + transaction_id, _PLACE.pack(height, index))
            for index, transaction_id in enumerate(transaction_ids)
        ]
        number = self._unfinal.get(block_id)
        return writes if number is None else [*writes, (_unfinal_key(number, block_id), None)]

    def finalized(self, block_id: Cid) -> None:
        """Note that the batch of a block's `final_writes` is written."""
        with self._lock:
            self._unfinal.pop(block_id, None)

    def first_height(self) -> int:
        """The height from which on every final block is kept: 0, unless older ones were dropped
        or never came. Genesis is kept always."""
        row = self._database.get(FIRST_ROW)
        return 0 if row is None else int.from_bytes(row, "big")

    def first_writes(self, height: int) -> list[Write]:
        """The write that says that below this height no block is kept but genesis."""
        return [(FIRST_ROW, _NUMBER.pack(height))]

    def lineage_writes(self, block_id: Cid, height: int, header: bytes) -> list[Write]:
        """The writes that keep the header of a final block whose body never came: the one that a
        snapshot is of, and those below it down to its qc_target."""
        place = _NUMBER.pack(height)
        return [
            (LINEAGE_ROW + place, header),
            (BLOCK_ID_ROW + place, block_id.binary),
            (HEIGHT_ROW + block_id.binary, place),
        ]

    def prune_writes(
        self, end: int, transaction_ids: Callable[[bytes], Iterable[bytes]]
    ) -> list[Write]:
        """The writes that drop the oldest final blocks below the height `end` with all that finds
        them, not more than one batch should; none if there are no such blocks.

        `transaction_ids` reads a block's out of what `final_writes` kept of its results.
        """
        height = max(self.first_height(), 1)
        end = min(end, height + MAX_PRUNED_BLOCKS)
        writes: list[Write] = []
        while height < end and len(writes) < MAX_PRUNED_ROWS:
            place = _NUMBER.pack(height)
            block_id = self._database.get(BLOCK_ID_ROW + place)
            receipts = self._database.get(RECEIPTS_ROW + place)
            if block_id is None or receipts is None:
                raise DatabaseDamaged(
                    self._database.folder, f"it lacks the final block at height {height}"
                )
            writes += [(row + place, None) for row in (BLOCK_ROW, BLOCK_ID_ROW, RECEIPTS_ROW)]
            writes.append((HEIGHT_ROW + block_id, None))
            writes += [(TRANSACTION_ROW + each, None) for each in transaction_ids(receipts)]
            height += 1
        return [*writes, *self.first_writes(height)] if writes else []

    def handover_writes(self, dynasty: int, step: bytes) -> list[Write]:
        """The write that keeps the proof (opaque here) that a dynasty's set handed over."""
        return [(HANDOVER_ROW + _NUMBER.pack(dynasty), step)]

    def handover(self, dynasty: int) -> bytes | None:
        """What was given to `handover_writes` for a dynasty."""
        return handover_step(self._database, dynasty)

    def put_evidence(self, key: bytes, evidence: bytes | None) -> None:
        """Keep evidence against the holder of a consensus key, unsynced; None drops it."""
        self._database.write([(EVIDENCE_ROW + key, evidence)], sync=False)

    def evidence(self) -> list[bytes]:
        """All evidence that is kept."""
        rows = self._database.scan(EVIDENCE_ROW, limit=MAX_EVIDENCE_ROWS)
        return [evidence for _, evidence in rows]

    def get(self, block_id: Cid) -> bytes | None:
        """The bytes of a block, final or not."""
        number = self._unfinal.get(block_id)
        block = None if number is None else self._database.get(_unfinal_key(number, block_id))
        if block is not None:
            return block
        height = self.height_of(block_id)
        return None if height is None else self.at(height)

    def at(self, height: int) -> bytes | None:
        """The bytes of the final block at a height."""
        return self._database.get(BLOCK_ROW + _NUMBER.pack(height))

    def block_or_header(self, height: int) -> bytes | None:
        """The bytes of the final block at a height, of its header alone where no more came."""
        return block_or_header(self._database, height)

    def final_blocks(self, first_height: int, limit: int) -> list[bytes]:
        """The bytes of at most `limit` final blocks from a height on, in order."""
        start = BLOCK_ROW + _NUMBER.pack(first_height)
        return [block for _, block in self._database.scan(BLOCK_ROW, start=start, limit=limit)]

    def id_at(self, height: int) -> Cid | None:
        """The id of the final block at a height."""
        binary = self._database.get(BLOCK_ID_ROW + _NUMBER.pack(height))
        return None if binary is None else Cid(binary)

    def height_of(self, block_id: Cid) -> int | None:
        """The height of a final block."""
        height = self._database.get(HEIGHT_ROW + block_id.binary)
        return None if height is None else int.from_bytes(height, "big")

    def receipts(self, height: int) -> bytes | None:
        """What `final_writes` kept of the results of the final block at a height."""
        return self._database.get(RECEIPTS_ROW + _NUMBER.pack(height))

    def transaction(self, transaction_id: bytes) -> tuple[int, int] | None:
        """Where a transaction is final: the block's height and its index in the block."""
        place = self._database.get(TRANSACTION_ROW + transaction_id)
        if place is None:
            return None
        height, index = _PLACE.unpack(place)
        return int(height), int(index)


def block_or_header(reader: KeyValueReader, height: int) -> bytes | None:
    """The bytes of the final block at a height, of its header alone where no more ever came."""
    place = _NUMBER.pack(height)
    block = reader.get(BLOCK_ROW + place)
    return reader.get(LINEAGE_ROW + place) if block is None else block


def handover_step(reader: KeyValueReader, dynasty: int) -> bytes | None:
    """What was given to `handover_writes` for a dynasty."""
    return reader.get(HANDOVER_ROW + _NUMBER.pack(dynasty))


def _unfinal_key(number: int, block_id: Cid) -> bytes:
    return UNFINAL_ROW + _NUMBER.pack(number) + block_id.binary
