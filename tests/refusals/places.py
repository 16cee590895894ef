"""Where in an action each value stands, however deep."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar, cast

from consensus.codec import Wire
from consensus.kinds import Json, Kind, Many, Nullable
from consensus.record import Nested, Record

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A value's kind and where it is: `path` as errors name it (`terms.asset`, `shares[0].ppm`),
    `keys` in the action's JSON, `places` on the wire; `name` is that of its field."""

    kind: Kind
    name: str
    path: str
    keys: tuple[str | int, ...]
    places: tuple[int, ...]

    @property
    def is_field(self) -> bool:
        """Whether it is a field, and not an item of many."""
        return isinstance(self.keys[-1], str)

    @property
    def parent(self) -> str:
        """The path of what it is a field or an item of."""
        return self.path.rpartition("[" if self.path.endswith("]") else ".")[0]

    def read(self, wire: Wire) -> Wire:
        """The value that stands here."""
        for place in self.places:
            wire = cast(list[Wire], wire)[place]
        return wire

    def write(self, wire: list[Wire], value: Wire) -> list[Wire]:
        """The action with another value here."""
        return _written(wire, self.places, value)

    def write_json(self, json: Mapping[str, Json], value: Json) -> Mapping[str, Json]:
        """The action's JSON with another value here."""
        return _written(json, self.keys, value)

    def leave_out(self, json: Mapping[str, Json]) -> Mapping[str, Json]:
        """The action's JSON without what stands here."""
        made = deepcopy(json)
        del _holder(made, self.keys)[self.keys[-1]]  # type: ignore[attr-defined]
        return made


def places_of(wire: Sequence[Wire], cls: type[Record]) -> Iterator[Place]:
    """All places of a record of this class, outer ones before those in them."""
    yield from _fields(wire, cls, Place(Nested(cls), "", "", (), ()))


def _fields(wire: Sequence[Wire], cls: type[Record], outer: Place) -> Iterator[Place]:
    head = 2 if cls.tag else 0
    for i, (field, value) in enumerate(zip(cls.fields, wire[head:], strict=True)):
        path = f"{outer.path}.{field.name}" if outer.path else field.name
        keys, places = (*outer.keys, field.name), (*outer.places, head + i)
        yield from _within(value, Place(field.kind, field.name, path, keys, places))


def _within(value: Wire, place: Place) -> Iterator[Place]:
    yield place
    kind = place.kind.kind if isinstance(place.kind, Nullable) else place.kind
    if not isinstance(value, list):
        return
    if isinstance(kind, Nested):
        yield from _fields(value, kind.type, place)
    if isinstance(kind, Many):
        for i, item in enumerate(value):
            path, keys, places = f"{place.path}[{i}]", (*place.keys, i), (*place.places, i)
            yield from _within(item, Place(kind.kind, place.name, path, keys, places))


def _holder(whole: object, keys: Sequence[str | int]) -> object:
    for key in keys[:-1]:
        whole = whole[key]  # type: ignore[index]
    return whole


def _written(whole: T, keys: Sequence[str | int], value: object) -> T:
    made = deepcopy(whole)
    _holder(made, keys)[keys[-1]] = value  # type: ignore[index]
    return made
