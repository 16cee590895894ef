"""Values at the bounds of a kind, and what is just beyond them or of another kind altogether."""

from collections.abc import Iterator, Mapping

from consensus.cid import RAW, Cid, cid_of
from consensus.codec import UINT64_MAX, Wire
from consensus.errors import Invalid
from consensus.kinds import (
    Account,
    Boolean,
    Bytes,
    Json,
    Kind,
    Link,
    Many,
    Nullable,
    Text,
    Uint,
)
from consensus.record import Nested, Record
from consensus.transaction import TaggedRecord

# What a text of so many bytes begins with, one of which fits each pattern.
BEGINNINGS = ("a", "A", "a/a", "a.a", "aa-", "https://")
WIRES: tuple[Wire, ...] = (None, True, 7, b"", "?", cid_of(RAW, b""), [])
JSONS: tuple[Json, ...] = (None, True, 7, 1.5, "?", [], {})
SPOILED_NUMBERS = ("", "-1", "01", "1e3", "1.0", " 1", "0x1", "١", "9" * 30)
CONTROLS = ("\x00", "\x1b[2J")
SPOILED = {
    Bytes: ("zz", "AB", "0x00", "abc"),
    Account: ("", "reel1", "reel1" + "q" * 58, "REEL1" + "Q" * 58),
    Link: ("", "b" + "a" * 58, "Qm" + "a" * 44, "B" + "A" * 58),
}
WIRE_TYPES: Mapping[type[Kind], type] = {
    Uint: int,
    Boolean: bool,
    Bytes: bytes,
    Account: bytes,
    Text: str,
    Link: Cid,
    Many: list,
    Nested: list,
    TaggedRecord: list,
}


def least(kind: Kind) -> Wire:
    """The smallest value of the kind, on the wire."""
    return _extreme(kind, is_most=False)


def most(kind: Kind) -> Wire:
    """The largest value of the kind, on the wire."""
    return _extreme(kind, is_most=True)


def typical(kind: Kind) -> Wire:
    """A value that holds something wherever one may, but little of it."""
    match kind:
        case Nullable():
            return typical(kind.kind)
        case Many():
            return [typical(kind.kind)] * min(max(1, kind.minimum), kind.maximum)
        case Nested():
            return wire_of(kind.type, *(typical(field.kind) for field in kind.type.fields))
    return least(kind)


def wire_of(cls: type[Record], *fields: Wire) -> list[Wire]:
    """The wire form of a record with these fields."""
    head: list[Wire] = [cls.tag, cls.version] if cls.tag else []
    return [*head, *fields]


def _extreme(kind: Kind, *, is_most: bool) -> Wire:
    match kind:
        case Uint():
            return kind.maximum if is_most else kind.minimum
        case Boolean():
            return is_most
        case Account():
            return (b"\xff" if is_most else b"\x00") * 32
        case Bytes():
            return bytes(kind.maximum if is_most else kind.minimum)
        case Text():
            return _text(kind, is_longest=is_most)
        case Link():
            return cid_of(RAW, b"")
    return _extreme_composed(kind, is_most=is_most)


def _extreme_composed(kind: Kind, *, is_most: bool) -> Wire:
    match kind:
        case Nullable():
            return _extreme(kind.kind, is_most=True) if is_most else None
        case Many():
            size = kind.maximum if is_most else kind.minimum
            return [_extreme(kind.kind, is_most=is_most)] * size
        case Nested():
            fields = kind.type.fields
            return wire_of(kind.type, *(_extreme(f.kind, is_most=is_most) for f in fields))
        case TaggedRecord():
            return ["gov.resolve", 1, "as it is"]
    raise TypeError(f"no bounds are known of the kind {kind.label}")


def _text(kind: Text, *, is_longest: bool) -> str:
    """The shortest or longest text that fits: all of one of the pattern's choices, or a beginning
    and as many letters as there may be."""
    sizes = range(kind.minimum, kind.maximum + 1)
    for size in reversed(sizes) if is_longest else sizes:
        made = (begun[:size] + begun[0] * (size - len(begun)) for begun in BEGINNINGS)
        choices = (word for word in kind.pattern.strip("()").split("|") if len(word) == size)
        for text in (*made, *choices):
            if fits(kind, text):
                return text
    raise ValueError(f"no text is known of the kind {kind.label}: add a beginning")


def fits(kind: Kind, value: Wire) -> bool:
    """Whether the kind has this value."""
    try:
        kind.unpack(value)
    except Invalid:
        return False
    return True


def beyond(kind: Kind) -> Iterator[Wire]:
    """What is one below and one above the bounds, on the wire."""
    match kind:
        case Uint():
            yield kind.minimum - 1
            if kind.maximum < UINT64_MAX:  # more than that has no bytes
                yield kind.maximum + 1
        case Bytes() | Account():
            sizes = (32, 32) if isinstance(kind, Account) else (kind.minimum, kind.maximum)
            yield bytes(sizes[1] + 1)
            if sizes[0]:
                yield bytes(sizes[0] - 1)
        case Text():
            yield "a" * (kind.maximum + 1)
            if kind.minimum:
                yield str(least(kind))[: kind.minimum - 1]
            yield from CONTROLS
        case Many():
            yield [typical(kind.kind)] * (kind.maximum + 1)
            if kind.minimum:
                yield [typical(kind.kind)] * (kind.minimum - 1)
        case Nullable():
            yield from beyond(kind.kind)


def other_wires(kind: Kind) -> Iterator[Wire]:
    """What is of another kind, null too, on the wire."""
    inner = kind.kind if isinstance(kind, Nullable) else kind
    for wire in WIRES:
        if wire is None and isinstance(kind, Nullable):
            continue
        if type(wire) is not WIRE_TYPES[type(inner)]:
            yield wire


def beyond_json(kind: Kind) -> Iterator[Json]:
    """What is beyond the bounds in JSON, or spelled as it must not be."""
    match kind:
        case Nullable():
            yield from beyond_json(kind.kind)
        case Uint():
            yield from (kind.minimum - 1, kind.maximum + 1, str(kind.maximum + 1))
            yield from SPOILED_NUMBERS
        case Bytes():
            yield from (bytes(kind.maximum + 1).hex(), *SPOILED[Bytes])
        case Text():
            yield from (str(text) for text in beyond(kind))
            yield "\ud800"
        case Account() | Link():
            yield from SPOILED[type(kind)]
        case Many():
            item = kind.kind.to_json(kind.kind.unpack(typical(kind.kind)))
            yield [item] * (kind.maximum + 1)
            if kind.minimum:
                yield [item] * (kind.minimum - 1)


def other_jsons(kind: Kind) -> Iterator[Json]:
    """What is of another kind, null too, in JSON."""
    inner = kind.kind if isinstance(kind, Nullable) else kind
    own = _json_types(inner)
    for json in JSONS:
        if not (json is None and isinstance(kind, Nullable)) and type(json) not in own:
            yield json


def _json_types(kind: Kind) -> tuple[type, ...]:
    match kind:
        case Uint():
            return (int,)
        case Boolean():
            return (bool,)
        case Many():
            return (list,)
        case Nested() | TaggedRecord():
            return (dict,)
    return (str,)
