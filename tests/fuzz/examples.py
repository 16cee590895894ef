"""Example bytes of any record, made from its declaration: a plain one and a full one."""

from consensus.cid import RAW, cid_of
from consensus.codec import Wire, encode
from consensus.errors import Invalid
from consensus.evidence import DOUBLE_VOTE
from consensus.kinds import (
    Account,
    Boolean,
    Bytes,
    Kind,
    Link,
    Many,
    Nullable,
    Text,
    Uint,
)
from consensus.record import Nested, Record

_CID = cid_of(RAW, b"example")
# Texts that the patterns in use accept.
_TEXTS = ("", "x", "127.0.0.1", "REEL", DOUBLE_VOTE, "transactions", "ok")
_MOST_ITEMS = 3
_MOST_BYTES = 200


def example_wire(kind: type[Record], *, full: bool) -> list[Wire]:
    """The wire form of a record that its declaration accepts. A full one has all that may be
    absent, several items in each list, and numbers as large as they may be."""
    head: list[Wire] = [kind.tag, kind.version] if kind.tag else []
    return head + [_value(field.kind, full) for field in kind.fields]


def example(kind: type[Record], *, full: bool) -> bytes:
    """The encoding of such a record."""
    return encode(example_wire(kind, full=full))


def _value(kind: Kind, full: bool) -> Wire:
    match kind:
        case Uint():
            return kind.maximum if full else kind.minimum
        case Boolean():
            return full
        case Account():
            return bytes(range(32))
        case Bytes():
            return bytes(max(kind.minimum, min(kind.maximum, _MOST_BYTES if full else 0)))
        case Text():
            return next(text for text in _TEXTS if _accepts(kind, text))
        case Link():
            return _CID
        case Nullable():
            return _value(kind.kind, full) if full else None
        case Many():
            most = min(kind.maximum, _MOST_ITEMS) if full else 0
            return [_value(kind.kind, full)] * max(kind.minimum, most)
        case Nested():
            return example_wire(kind.type, full=full)
        case _:
            return ["token.transfer", 1, bytes(32), "REEL", 1, ""]


def _accepts(kind: Text, text: str) -> bool:
    try:
        kind.unpack(text)
    except Invalid:
        return False
    return True
