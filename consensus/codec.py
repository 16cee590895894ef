"""Strict DAG-CBOR: one encoding for each value, and no other is accepted.

The values are None, bool, int (int64 or uint64), bytes, str, Cid (tag 42) and lists of these:
positional arrays carry every record, so maps and floats do not exist here (DAG-CBOR
specification; RFC 8949 section 4.2.1).
"""

from collections.abc import Callable
from typing import TypeAlias

import cbor2

from consensus.cid import CID_BYTES, Cid
from consensus.errors import InvalidEncoding

Wire: TypeAlias = "bool | int | bytes | str | Cid | list[Wire] | None"

MAX_DEPTH = 12
UINT64_MAX = 2**64 - 1
INT64_MIN = -(2**63)

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _TAG, _SIMPLE = 0, 1, 2, 3, 4, 6, 7
_LINK_TAG = 42
# The tag, a byte string of a CID's length and one more, and the identity multibase's prefix.
_LINK_HEAD = bytes((0xC0 | 24, _LINK_TAG, 0x40 | 24, CID_BYTES + 1, 0))
_SIMPLE_VALUES: dict[int, bool | None] = {20: False, 21: True, 22: None}


def _write_link(encoder: cbor2.CBOREncoder, link: Cid) -> None:
    encoder.write(_LINK_HEAD + link.binary)


def _refuse(_: cbor2.CBOREncoder, value: object) -> None:
    raise TypeError(f"{type(value).__name__} has no encoding")


_ENCODERS: dict[type, Callable[[cbor2.CBOREncoder, Cid], None]] = {Cid: _write_link}


def encode(value: Wire) -> bytes:
    """The canonical bytes of `value`, which must hold only the types of `Wire`."""
    return cbor2.dumps(value, encoders=_ENCODERS, default=_refuse)


def decode(data: bytes) -> Wire:
    """Read exactly one value; raises InvalidEncoding unless `encode(result) == data`.

    The work is bounded by len(data): callers bound that before they call.
    """
    item, position = decode_at(data, 0)
    if position != len(data):
        raise InvalidEncoding(f"{len(data) - position} bytes after the end")
    return item


def decode_at(  # noqa: C901, PLR0912 - the hot loop stays in one piece
    data: bytes, position: int
) -> tuple[Wire, int]:
    """Read the value that begins at `position`; returns it and where it ends. Raises
    InvalidEncoding unless these bytes are its encoding.

    No recursion: open arrays are kept on a stack of at most MAX_DEPTH.
    """
    end = len(data)
    stack: list[tuple[list[Wire], int]] = []
    while True:
        if position >= end:
            raise InvalidEncoding("truncated")
        initial = data[position]
        major = initial >> 5
        if major == _SIMPLE:
            if (initial & 31) not in _SIMPLE_VALUES:
                raise InvalidEncoding(
                    f"byte {position}: floats and other simple values are not used"
                )
            item: Wire = _SIMPLE_VALUES[initial & 31]
            position += 1
        else:
            argument, position = _read_argument(data, position, end)
            if major == _UNSIGNED:
                item = argument
            elif major == _ARRAY:
                if argument > end - position:
                    raise InvalidEncoding(f"an array of {argument} items cannot fit the input")
                if len(stack) >= MAX_DEPTH:
                    raise InvalidEncoding(f"nested deeper than {MAX_DEPTH}")
                if argument:
                    stack.append(([], argument))
                    continue
                item = []
            elif major in (_BYTES, _TEXT):
                item, position = _read_string(data, position, end, argument, major)
            elif major == _TAG:
                item, position = _read_link(data, position, end, argument)
            elif major == _NEGATIVE:
                if -1 - argument < INT64_MIN:
                    raise InvalidEncoding("an integer below -2^63")
                item = -1 - argument
            else:
                raise InvalidEncoding("maps are not used")
        while stack:
            items, size = stack[-1]
            items.append(item)
            if len(items) < size:
                break
            item = items
            stack.pop()
        else:
            return item, position


def _read_argument(data: bytes, position: int, end: int) -> tuple[int, int]:
    """The argument of the head at `position` and the position after it, shortest form only."""
    short = data[position] & 31
    position += 1
    if short < 24:
        return short, position
    if short > 27:
        raise InvalidEncoding(f"byte {position - 1}: indefinite lengths are not used")
    size = 1 << (short - 24)
    if position + size > end:
        raise InvalidEncoding("truncated")
    value = int.from_bytes(data[position : position + size], "big")
    smallest = 24 if size == 1 else 1 << (4 * size)
    if value < smallest:
        raise InvalidEncoding(f"byte {position - 1}: not the shortest form")
    return value, position + size


def _read_string(
    data: bytes, position: int, end: int, size: int, major: int
) -> tuple[bytes | str, int]:
    if size > end - position:
        raise InvalidEncoding("truncated")
    raw = data[position : position + size]
    position += size
    if major == _BYTES:
        return raw, position
    try:
        return raw.decode("utf-8"), position
    except UnicodeDecodeError as error:
        raise InvalidEncoding("text that is not UTF-8") from error


def _read_link(data: bytes, position: int, end: int, tag: int) -> tuple[Cid, int]:
    if tag != _LINK_TAG:
        raise InvalidEncoding(f"tag {tag}: only links (tag 42) are used")
    if position >= end or data[position] >> 5 != _BYTES:
        raise InvalidEncoding("a link holds a byte string")
    size, position = _read_argument(data, position, end)
    raw, position = _read_string(data, position, end, size, _BYTES)
    if not isinstance(raw, bytes) or raw[:1] != b"\x00":
        raise InvalidEncoding("a link begins with the multibase byte 0")
    return Cid(raw[1:]), position
