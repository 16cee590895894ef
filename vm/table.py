"""Tables: typed rows over the key-value space.

A row lives at `encode([table, key parts…])`, so a table, or the rows under its first key
parts, share a byte prefix and sort canonically.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeAlias, TypeVar, TypeVarTuple, cast

from consensus.cid import Cid
from consensus.codec import Wire, decode, encode
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Boolean, Json, JsonObject, Kind, Uint
from consensus.record import Field, Record, kind_of
from vm.view import State, View

KeyPart: TypeAlias = bytes | str | int | Cid

MAX_KEY_PARTS = 5
# Rows of this size are kept decoded, so many of them: 4 MiB at most, beside their objects.
MAX_KEPT_ROW_BYTES = 1024
ROWS_KEPT = 4096
KEYS_KEPT = 4096
_PAGE_ROWS = 256
_ARRAY_HEAD = 0x80  # CBOR: an array of fewer than 24 items has a head of one byte

R = TypeVar("R", bound=Record)
K = TypeVarTuple("K")


@dataclass(frozen=True, slots=True, eq=False)
class TableDeclaration:
    """What a table is: its rows' record, whose tag is the table's name, and its key parts.
    A table is declared once and equal to itself alone."""

    row: type[Record]
    key: tuple[Field, ...]

    def __post_init__(self) -> None:
        if len(self.key) > MAX_KEY_PARTS:
            raise ValueError(f"a table has at most {MAX_KEY_PARTS} key parts")

    @property
    def name(self) -> str:
        """The table's name, `module.rows`."""
        return self.row.tag

    def prefix(self, *parts: KeyPart) -> bytes:
        """What the keys of all rows that begin with these key parts begin with."""
        head = bytes((_ARRAY_HEAD + 1 + len(self.key),)) + encode(self.name)
        return head + b"".join(encode(item) for item in self._pack(parts))

    def state_key(self, *parts: KeyPart) -> bytes:
        """The key of one row; raises InvalidEncoding naming the part that is out of bounds."""
        return _state_key(self, *parts)

    def make_state_key(self, parts: Sequence[KeyPart]) -> bytes:
        """`state_key`, made anew."""
        if len(parts) != len(self.key):
            raise InvalidEncoding(
                f"{self.name} has the key ({', '.join(f.name for f in self.key)}), "
                f"not {len(parts)} parts"
            )
        return encode([self.name, *self._pack(parts)])

    def _pack(self, parts: Sequence[KeyPart]) -> list[Wire]:
        packed: list[Wire] = []
        for field, part in zip(self.key, parts, strict=False):
            try:
                packed.append(field.kind.pack(part))
            except Invalid as error:
                raise error.within(field.name) from None
        return packed

    def key_parts(self, state_key: bytes) -> tuple[KeyPart, ...]:
        """The key parts of a row's key; raises InvalidEncoding for another table's key."""
        wire = decode(state_key)
        if not isinstance(wire, list) or wire[:1] != [self.name]:
            raise InvalidEncoding(f"not a key of the table {self.name}")
        if len(wire) != 1 + len(self.key):
            raise InvalidEncoding(f"a key of {self.name} has {len(self.key)} parts")
        values = [field.kind.unpack(item) for field, item in zip(self.key, wire[1:], strict=True)]
        return cast(tuple[KeyPart, ...], tuple(values))

    def key_from_text(self, texts: Sequence[str]) -> tuple[KeyPart, ...]:
        """Key parts (all, or the first few) as a person or a URL spells them."""
        if len(texts) > len(self.key):
            raise InvalidEncoding(f"a key of {self.name} has {len(self.key)} parts")
        values: list[object] = []
        for field, text in zip(self.key, texts, strict=False):
            try:
                values.append(field.kind.from_json(json_of_text(field.kind, text)))
            except Invalid as error:
                raise error.within(field.name) from None
        return cast(tuple[KeyPart, ...], tuple(values))

    def key_to_json(self, state_key: bytes) -> JsonObject:
        """The key parts of a row's key as a JSON object."""
        parts = self.key_parts(state_key)
        return {
            field.name: field.kind.to_json(part)
            for field, part in zip(self.key, parts, strict=True)
        }


@lru_cache(maxsize=KEYS_KEPT, typed=True)  # typed: True must not find what 1 has left
def _state_key(table: TableDeclaration, *parts: KeyPart) -> bytes:
    """A row is looked up several times on its transaction's way."""
    return table.make_state_key(parts)


def json_of_text(kind: Kind, text: str) -> Json:
    """The JSON form of a simple value as a person or a URL spells it; not yet checked."""
    if isinstance(kind, Uint) and re.fullmatch(r"[0-9]{1,20}", text, re.ASCII):
        return int(text)
    if isinstance(kind, Boolean):
        return {"true": True, "false": False}.get(text)
    return text


@dataclass(frozen=True, slots=True, eq=False)
class Table(TableDeclaration, Generic[R, *K]):
    """A declared table of rows `R` under keys of the types `K`, which are given part by part."""

    def get(self, view: View, *key: *K) -> R | None:
        """The row at `key`, or None."""
        return self.get_at(view, self._key(key))

    def get_at(self, view: View, state_key: bytes) -> R | None:
        """The row at a state key of this table, or None."""
        value = view.get(state_key)
        return None if value is None else self._read(value)

    def put(self, state: State, row: R, *key: *K) -> None:
        """Write the row at `key`."""
        state.put(self._key(key), row.encode())

    def delete(self, state: State, *key: *K) -> None:
        """Remove the row at `key`, if it is there."""
        state.delete(self._key(key))

    def written(self, state: State) -> list[tuple[*K]]:
        """The keys of the rows that were put or deleted in this block, in order."""
        found = (self.key_parts(key) for key in state.written(self.prefix()))
        return [cast(tuple[*K], parts) for parts in found]

    def scan(
        self, view: View, *parts: KeyPart, start: bytes = b"", limit: int
    ) -> Iterator[tuple[tuple[*K], R]]:
        """At most `limit` (key, row) under the first key `parts`, from the state key `start` on."""
        for key, value in view.scan(self.prefix(*parts), start=start, limit=limit):
            yield cast(tuple[*K], self.key_parts(key)), self._read(value)

    def every(self, view: View, *parts: KeyPart) -> Iterator[tuple[tuple[*K], R]]:
        """All (key, row) under the first key `parts`: for checks, not for transactions."""
        start = b""
        while rows := list(self.scan(view, *parts, start=start, limit=_PAGE_ROWS)):
            yield from rows
            start = self._key(rows[-1][0]) + b"\x00"

    def _key(self, key: tuple[*K]) -> bytes:
        return self.state_key(*cast(tuple[KeyPart, ...], key))

    def _read(self, value: bytes) -> R:
        is_small = len(value) <= MAX_KEPT_ROW_BYTES
        return cast(R, _kept(self.row.decode, value) if is_small else self.row.decode(value))


@lru_cache(maxsize=ROWS_KEPT)
def _kept(decode_row: Callable[[bytes], Record], value: bytes) -> Record:
    """The same few rows are read in every block: parameters, assets, the producers' own."""
    return decode_row(value)


def key_fields(key: Mapping[str, object]) -> tuple[Field, ...]:
    """Named key parts from their annotations, such as `{"account": AccountId}`."""
    return tuple(Field(name, kind_of(annotation)) for name, annotation in key.items())
