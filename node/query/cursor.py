"""Cursors: opaque marks of how far a list was read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from consensus.codec import decode, encode
from consensus.errors import InvalidEncoding

_VERSION = 1


def make_cursor(listing: str, last: bytes | int) -> str:
    """The mark of a list behind the item of this key."""
    data = encode([_VERSION, listing, last])
    return urlsafe_b64encode(data).decode().rstrip("=")


def read_key_cursor(listing: str, cursor: str | None) -> bytes | None:
    """The last key in a cursor of this list; raises InvalidEncoding (`cursor`)."""
    if cursor is None:
        return None
    last = _read(listing, cursor)
    if not isinstance(last, bytes):
        raise _foreign()
    return last


def read_number_cursor(listing: str, cursor: str | None) -> int | None:
    """The last number in a cursor of this list; raises InvalidEncoding (`cursor`)."""
    if cursor is None:
        return None
    last = _read(listing, cursor)
    if type(last) is not int or last < 0:
        raise _foreign()
    return last


def _read(listing: str, cursor: str) -> bytes | int:
    try:
        wire = decode(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, InvalidEncoding):
        raise _foreign() from None
    if not isinstance(wire, list) or wire[:2] != [_VERSION, listing] or len(wire) != 3:
        raise _foreign()
    last = wire[2]
    if not isinstance(last, bytes | int) or make_cursor(listing, last) != cursor:
        raise _foreign()
    return last


def _foreign() -> InvalidEncoding:
    return InvalidEncoding(
        "not a cursor of this list: give `next` of the page before, with the same other parameters",
        field="cursor",
    )
