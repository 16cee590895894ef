"""The JSON forms of what modules declare, and their schemas (JSON Schema 2020-12).

An action or event is its type and its fields: `{"type": "token.transfer", "to": "reel1…", …}`.
"""

from collections.abc import Mapping
from typing import TypeVar

from consensus.codec import Wire
from consensus.errors import InvalidEncoding
from consensus.kinds import Json, JsonObject, Kind, Many
from consensus.record import Field, Record
from consensus.transaction import MAX_ACTIONS, TaggedRecord, Transaction
from vm.declare import sentence_of
from vm.receipt import Event
from vm.registry import REGISTRY
from vm.table import TableDeclaration

R = TypeVar("R", bound=Record)


class TypedForm(TaggedRecord):
    """A record of one of these types, by its tag, in the JSON form that its class gives it."""

    def __init__(self, types: Mapping[str, type[Record]]) -> None:
        self.types = {tag: formed(cls) for tag, cls in types.items()}

    def _type(self, tag: object) -> type[Record]:
        if not isinstance(tag, str) or tag not in self.types:
            raise InvalidEncoding(
                f"no type {str(tag)[:80]!r}; known are {', '.join(self.types)}", field="type"
            )
        return self.types[tag]

    def to_json(self, value: object) -> JsonObject:
        wire = self.unpack(self.pack(value))
        made = self._type(wire[0]).unpack(wire)
        return {"type": made.tag, **made.to_json()}

    def from_json(self, json: Json) -> list[Wire]:
        if not isinstance(json, Mapping):
            raise InvalidEncoding("a JSON object is expected")
        if "type" not in json:
            raise InvalidEncoding("missing", field="type")
        fields = {name: value for name, value in json.items() if name != "type"}
        return self._type(json["type"]).from_json(fields).pack()

    def schema(self) -> JsonObject:
        return {"oneOf": [typed_schema(cls) for cls in self.types.values()]}


def formed(cls: type[R]) -> type[R]:
    """The record's class, in which the governed actions that it holds have a JSON form."""
    fields = tuple(_formed_field(field) for field in cls.fields)
    if fields == cls.fields:
        return cls
    return type(f"_{cls.__name__}Form", (cls,), {"__doc__": cls.__doc__, "fields": fields})


def _formed_field(field: Field) -> Field:
    kind = field.kind
    if isinstance(kind, Many) and type(kind.kind) is TaggedRecord:
        return Field(field.name, Many(GOVERNED, kind.maximum, kind.minimum))
    return field


def _actions(*, governed: bool) -> dict[str, type[Record]]:
    return {tag: d.type for tag, d in REGISTRY.actions.items() if d.governed is governed}


GOVERNED = TypedForm(_actions(governed=True))
ACTION = TypedForm(_actions(governed=False))
EVENT = TypedForm(REGISTRY.events)


def typed_schema(cls: type[Record]) -> JsonObject:
    """The schema of one type of action or event."""
    plain = formed(cls).schema()
    properties, required = plain["properties"], plain["required"]
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise TypeError("a record's schema has properties and required")
    return {
        **plain,
        "title": cls.tag,
        "description": sentence_of(cls),
        "properties": {"type": {"const": cls.tag}, **properties},
        "required": ["type", *required],
    }


def _with_kind(fields: tuple[Field, ...], name: str, kind: Kind) -> tuple[Field, ...]:
    return tuple(Field(name, kind) if field.name == name else field for field in fields)


class _TransactionForm(Transaction):
    """A transaction whose actions have a JSON form."""

    fields = _with_kind(Transaction.fields, "actions", Many(ACTION, MAX_ACTIONS, 1))


class _EventForm(Event):
    """An event whose data has a JSON form."""

    fields = _with_kind(Event.fields, "data", EVENT)


def transaction_to_json(transaction: Transaction) -> JsonObject:
    """The JSON form of a transaction; raises InvalidEncoding if an action is none of ours."""
    return _TransactionForm.unpack(transaction.pack()).to_json()


def transaction_from_json(json: Json) -> Transaction:
    """Read a transaction's JSON form; raises InvalidEncoding naming the field at fault."""
    return Transaction.unpack(_TransactionForm.from_json(json).pack())


def transaction_schema() -> JsonObject:
    """The schema of a transaction's JSON form."""
    return _TransactionForm.schema()


def event_to_json(event: Event) -> JsonObject:
    """The JSON form of a block's event: the place of its transaction, and its typed data."""
    return _EventForm.unpack(event.pack()).to_json()


def event_schema() -> JsonObject:
    """The schema of an event's JSON form."""
    return _EventForm.schema()


def row_to_json(state_key: bytes, value: bytes) -> JsonObject:
    """The JSON form of a row of the state; raises InvalidEncoding if it is no table's."""
    table = REGISTRY.table_of(state_key)
    row = formed(table.row).decode(value).to_json()
    return {"table": table.name, "key": table.key_to_json(state_key), "row": row}


def row_schema(table: TableDeclaration) -> JsonObject:
    """The schema of the JSON form of a table's rows."""
    names, row = [field.name for field in table.key], formed(table.row).schema()
    key: JsonObject = {
        "type": "object",
        "properties": {field.name: field.kind.schema() for field in table.key},
        "required": names,
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "title": table.name,
        "description": sentence_of(table.row),
        "properties": {
            "table": {"const": table.name},
            "key": key,
            "row": row,
        },
        "required": ["table", "key", "row"],
        "additionalProperties": False,
    }
