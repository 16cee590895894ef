"""The kinds of rows in a database, by their names, and a walk over all of one kind."""

from collections.abc import Iterator, Mapping

from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    END_ROW,
    EVIDENCE_ROW,
    FIRST_ROW,
    HANDOVER_ROW,
    HEIGHT_ROW,
    HISTORY_ROW,
    IMPORT_ROW,
    LINEAGE_ROW,
    META_ROW,
    PAGE_ROW,
    PROOF_ROW,
    RECEIPTS_ROW,
    SCHEMA_ROW,
    STATE_ROW,
    TRANSACTION_ROW,
    UNFINAL_ROW,
    KeyValueReader,
)

ROW_KINDS: Mapping[bytes, str] = {
    SCHEMA_ROW: "schema",
    META_ROW: "chain record",
    STATE_ROW: "state",
    PAGE_ROW: "state page",
    BLOCK_ROW: "block",
    BLOCK_ID_ROW: "block id",
    HEIGHT_ROW: "height of a block",
    TRANSACTION_ROW: "place of a transaction",
    RECEIPTS_ROW: "results",
    HISTORY_ROW: "history",
    HANDOVER_ROW: "handover proof",
    PROOF_ROW: "finality proof",
    UNFINAL_ROW: "block that is not final",
    EVIDENCE_ROW: "evidence",
    FIRST_ROW: "first height",
    LINEAGE_ROW: "header",
    IMPORT_ROW: "import",
    END_ROW: "end",
}
CHUNK_ROWS = 512


def every_row(
    reader: KeyValueReader, prefix: bytes, *, start: bytes = b"", chunk_rows: int = CHUNK_ROWS
) -> Iterator[tuple[bytes, bytes]]:
    """All rows whose keys begin with `prefix`, in order, from the key `start` on, so many of them
    in memory at a time.

    Raises DatabaseError.
    """
    if prefix == END_ROW:  # nothing that ends a scan comes after it
        end = reader.get(END_ROW)
        yield from () if end is None else ((END_ROW, end),)
        return
    while rows := reader.scan(prefix, start=start, limit=chunk_rows):
        yield from rows
        start = rows[-1][0] + b"\x00"
