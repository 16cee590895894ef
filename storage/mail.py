"""Envelopes and deletions on disk, in a database of their own: what becomes of mail never touches
the chain's.

The first byte of a key says what the row is:
a  ‖ id → an envelope's head and signature
b  ‖ id → its sealed bytes
c  ‖ id → the deletion that took its place
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from consensus.codec import decode, encode
from consensus.errors import InvalidEncoding
from consensus.mail import Deletion, Envelope, EnvelopeHead
from storage.database import Database, DatabaseDamaged, KeyValueStore, Write

_HEAD_ROW, _SEALED_ROW, _DELETION_ROW = b"a", b"b", b"c"
_ROWS_AT_ONCE = 512


class MailStore:
    """The mail in a database. All calls block; each raises DatabaseError."""

    def __init__(self, database: KeyValueStore) -> None:
        self._database = database

    @classmethod
    def open(cls, folder: Path) -> "MailStore":
        """Own the folder, made if needed."""
        return cls(Database.open(folder))

    def close(self) -> None:
        """Give the folder up."""
        self._database.close()

    def held(self) -> Iterator[tuple[EnvelopeHead, int]]:
        """The heads of the envelopes, each with the length of what is sealed."""
        for key, value in self._rows(_HEAD_ROW):
            try:
                head, _, size = _read_head(value)
            except InvalidEncoding as error:
                raise self._damaged(key) from error
            yield head, size

    def deleted(self) -> Iterator[EnvelopeHead]:
        """The heads of those that were deleted."""
        for key, value in self._rows(_DELETION_ROW):
            yield self._deletion(key, value).head

    def envelope(self, identity: bytes) -> Envelope | None:
        """An envelope; None if it is not here."""
        key = _HEAD_ROW + identity
        row, sealed = self._database.get(key), self._database.get(_SEALED_ROW + identity)
        if row is None or sealed is None:
            return None
        try:
            head, signature, _ = _read_head(row)
        except InvalidEncoding as error:
            raise self._damaged(key) from error
        return Envelope(head, signature, sealed)

    def deletion(self, identity: bytes) -> Deletion | None:
        """The deletion of an envelope; None if it is not deleted."""
        key = _DELETION_ROW + identity
        value = self._database.get(key)
        return None if value is None else self._deletion(key, value)

    def put(self, envelope: Envelope) -> None:
        """Keep an envelope."""
        identity, size = envelope.id, len(envelope.sealed)
        row = encode([envelope.head.pack(), envelope.signature, size])
        self._write([(_HEAD_ROW + identity, row), (_SEALED_ROW + identity, envelope.sealed)])

    def delete(self, deletion: Deletion) -> None:
        """Drop an envelope, if it is here, and keep the deletion."""
        row = (_DELETION_ROW + deletion.id, deletion.encode())
        self._write([*_absent(deletion.id), row])

    def drop(self, ids: Iterable[bytes]) -> None:
        """Forget envelopes and deletions, as if they had never been here."""
        self._write([row for i in ids for row in (*_absent(i), (_DELETION_ROW + i, None))])

    def _write(self, rows: list[Write]) -> None:
        self._database.write(rows, sync=False)  # the peers have it too

    def _rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        start = prefix
        while rows := self._database.scan(prefix, start=start, limit=_ROWS_AT_ONCE):
            yield from rows
            start = rows[-1][0] + b"\x00"

    def _deletion(self, key: bytes, value: bytes) -> Deletion:
        try:
            return Deletion.decode(value)
        except InvalidEncoding as error:
            raise self._damaged(key) from error

    def _damaged(self, key: bytes) -> DatabaseDamaged:
        return DatabaseDamaged(self._database.folder, f"the row {key.hex()} of mail")


def _absent(identity: bytes) -> tuple[Write, Write]:
    return (_HEAD_ROW + identity, None), (_SEALED_ROW + identity, None)


def _read_head(row: bytes) -> tuple[EnvelopeHead, bytes, int]:
    wire = decode(row)
    if not isinstance(wire, list) or len(wire) != 3:
        raise InvalidEncoding("not a head, a signature and a size")
    head, signature, size = wire
    if not isinstance(signature, bytes) or not isinstance(size, int):
        raise InvalidEncoding("not a head, a signature and a size")
    return EnvelopeHead.unpack(head), signature, size
