"""Records: frozen structs whose annotations are their encoding.

A record travels as the array `[tag, version, field…]`, so that no record can pass for another;
a part, which only occurs inside records, as `[field…]`.
"""

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import (
    Annotated,
    ClassVar,
    Self,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

from msgspec import Struct, StructMeta, structs

from consensus.cid import Cid
from consensus.codec import Wire, decode, encode
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Boolean, Json, JsonObject, Kind, Link, Many, Nullable


@dataclass(frozen=True, slots=True)
class Field:
    """A record's field: its name and kind."""

    name: str
    kind: Kind


@dataclass_transform(frozen_default=True)
class _RecordType(StructMeta):
    """Tells type checkers that all records are frozen, as their base is."""


class Record(Struct, frozen=True, metaclass=_RecordType):
    """Base of all records; subclasses are decorated with `record` or `part`."""

    tag: ClassVar[str] = ""
    version: ClassVar[int] = 0
    fields: ClassVar[tuple[Field, ...]] = ()

    def pack(self) -> list[Wire]:
        """The wire form; raises InvalidEncoding naming the field that is out of bounds."""
        items: list[Wire] = [self.tag, self.version] if self.tag else []
        for field in self.fields:
            try:
                items.append(field.kind.pack(getattr(self, field.name)))
            except Invalid as error:
                raise error.within(field.name) from None
        return items

    def encode(self) -> bytes:
        """The canonical bytes."""
        return encode(self.pack())

    def sharing(self, other: Self) -> Self:
        """An equal record, made of the objects of `other` where those are equal: that saves the
        memory of records that are kept in numbers and differ little."""
        pairs = [(getattr(self, field.name), getattr(other, field.name)) for field in self.fields]
        return type(self)(*(theirs if theirs == own else own for own, theirs in pairs))

    @classmethod
    def unpack(cls, wire: Wire) -> Self:
        """Read the wire form; raises InvalidEncoding naming the field."""
        if not isinstance(wire, list):
            raise InvalidEncoding(f"an array is expected for {cls.tag or cls.__name__}")
        head = 2 if cls.tag else 0
        if head and (wire[:1] != [cls.tag] or len(wire) < head or type(wire[1]) is not int):
            raise InvalidEncoding(f"a record of type {cls.tag!r} is expected")
        if head and wire[1] != cls.version:
            raise InvalidEncoding(
                f"version {wire[1]!r} of {cls.tag!r} is not known here; known is {cls.version}"
            )
        if len(wire) != head + len(cls.fields):
            raise InvalidEncoding(
                f"{cls.tag or cls.__name__} has {len(cls.fields)} fields, not {len(wire) - head}"
            )
        values: list[object] = []
        for field, item in zip(cls.fields, wire[head:], strict=True):
            try:
                values.append(field.kind.unpack(item))
            except Invalid as error:
                raise error.within(field.name) from None
        return cls(*values)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises InvalidEncoding for anything else."""
        return cls.unpack(decode(data))

    def to_json(self) -> JsonObject:
        """The JSON object of the fields, without tag and version."""
        return {field.name: field.kind.to_json(getattr(self, field.name)) for field in self.fields}

    @classmethod
    def from_json(cls, json: Json) -> Self:
        """Read the JSON object; missing, unknown and bad fields raise InvalidEncoding."""
        if not isinstance(json, dict):
            raise InvalidEncoding("a JSON object is expected")
        names = {field.name for field in cls.fields}
        for name in json:
            if name not in names:
                raise InvalidEncoding(f"unknown field; known are {sorted(names)}", field=str(name))
        values: list[object] = []
        for field in cls.fields:
            if field.name not in json and not isinstance(field.kind, Nullable):
                raise InvalidEncoding("missing", field=field.name)
            try:
                values.append(field.kind.from_json(json.get(field.name)))
            except Invalid as error:
                raise error.within(field.name) from None
        return cls(*values)

    @classmethod
    def schema(cls) -> JsonObject:
        """The JSON Schema of the JSON object."""
        return {
            "type": "object",
            "properties": {field.name: field.kind.schema() for field in cls.fields},
            "required": [f.name for f in cls.fields if not isinstance(f.kind, Nullable)],
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Nested(Kind):
    """A record or part inside another."""

    type: type[Record]

    def pack(self, value: object) -> Wire:
        if not isinstance(value, self.type):
            raise InvalidEncoding(f"a {self.type.__name__} is expected")
        return value.pack()

    def unpack(self, wire: Wire) -> Record:
        return self.type.unpack(wire)

    def to_json(self, value: object) -> Json:
        if not isinstance(value, self.type):
            raise InvalidEncoding(f"a {self.type.__name__} is expected")
        return value.to_json()

    def from_json(self, json: Json) -> Record:
        return self.type.from_json(json)

    def schema(self) -> JsonObject:
        return self.type.schema()

    @property
    def label(self) -> str:
        return self.type.tag or self.type.__name__


R = TypeVar("R", bound=Record)


def kind_of(annotation: object) -> Kind:
    """The kind that a field's annotation stands for; raises TypeError if there is none."""
    if get_origin(annotation) is Annotated:
        kinds = [item for item in get_args(annotation)[1:] if isinstance(item, Kind | AtMost)]
        if len(kinds) == 1 and isinstance(kinds[0], AtMost):
            item_annotation = get_args(get_args(annotation)[0])[0]
            return Many(kind_of(item_annotation), kinds[0].maximum, kinds[0].minimum)
        if len(kinds) == 1:
            return cast(Kind, kinds[0])
    if get_origin(annotation) in (types.UnionType, Union):
        choices = [item for item in get_args(annotation) if item is not type(None)]
        if len(choices) == 1:
            return Nullable(kind_of(choices[0]))
    if annotation is bool:
        return Boolean()
    if annotation is Cid:
        return Link()
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return Nested(annotation)
    raise TypeError(f"no kind for the annotation {annotation!r}")


@dataclass(frozen=True, slots=True)
class AtMost:
    """Bounds of a `tuple[X, ...]` field: `Annotated[tuple[X, ...], AtMost(n)]`."""

    maximum: int
    minimum: int = 0


def record(tag: str, version: int = 1) -> Callable[[type[R]], type[R]]:
    """Make a class a record with this tag and version."""

    def decorate(cls: type[R]) -> type[R]:
        cls.tag, cls.version = tag, version
        cls.fields = tuple(
            Field(name, kind_of(annotation)) for name, annotation in cls.__annotations__.items()
        )
        return cls

    return decorate


def part(cls: type[R]) -> type[R]:
    """Make a class a part: a record without a tag of its own."""
    return record("", 0)(cls)


def replace(record: R, **changes: object) -> R:
    """The record with some fields changed; raises TypeError for a field that it has not."""
    return structs.replace(record, **changes)
