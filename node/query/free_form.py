"""Kinds for answers that never travel on the wire: only their JSON forms exist."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from consensus.codec import Wire
from consensus.errors import InvalidEncoding
from consensus.kinds import JSON_INTEGER_MAX, Json, JsonObject, Kind


class _JsonOnly(Kind):
    """A kind without a wire form."""

    def pack(self, value: object) -> Wire:
        raise TypeError("this kind is for JSON only")

    def unpack(self, wire: Wire) -> object:
        raise TypeError("this kind is for JSON only")


@dataclass(frozen=True, slots=True)
class Signed(_JsonOnly):
    """A whole number that may be negative."""

    def to_json(self, value: object) -> Json:
        return self.from_json(value if isinstance(value, int) else None)

    def from_json(self, json: Json) -> int:
        if type(json) is not int or abs(json) > JSON_INTEGER_MAX:
            raise InvalidEncoding("a whole number is expected")
        return json

    def schema(self) -> JsonObject:
        return {"type": "integer", "minimum": -JSON_INTEGER_MAX, "maximum": JSON_INTEGER_MAX}

    @property
    def label(self) -> str:
        return "integer"


class FreeForm(_JsonOnly):
    """A JSON object that has been made by its declaration and has this schema."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema

    def to_json(self, value: object) -> JsonObject:
        if not isinstance(value, dict):
            raise InvalidEncoding("a JSON object is expected")
        return value

    def from_json(self, json: Json) -> JsonObject:
        if not isinstance(json, Mapping):
            raise InvalidEncoding("a JSON object is expected")
        return dict(json)

    def schema(self) -> JsonObject:
        return self._schema

    @property
    def label(self) -> str:
        return "object"


Integer = Annotated[int, Signed()]
AnyObject = Annotated[JsonObject, FreeForm({"type": "object"})]
