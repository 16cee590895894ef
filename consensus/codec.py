# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Strict DAG-CBOR: one encoding for each value, and no other is accepted.

The values are None, bool, int (int64 or uint64), bytes, str, Cid (tag 42) and lists of these:
positional arrays carry every record, so maps and floats do not exist here (DAG-CBOR
specification; RFC 8949 section 4.2.1).
"""

from collections.abc import Iterator
from typing import TypeAlias

from consensus.cid import CID_BYTES, Cid
from consensus.errors import InvalidEncoding

Wire: TypeAlias = "bool | int | bytes | str | Cid | list[Wire] | None"

MAX_DEPTH = 12
UINT64_MAX = 2**64 - 1
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _TAG, _SIMPLE = 0, 1, 2, 3, 4, 6, 7
_LINK_TAG = 42
# The tag, a byte string of a CID's length and one more, and the identity multibase's prefix.
_LINK_HEAD = bytes((0xC0 | 24, _LINK_TAG, 0x40 | 24, CID_BYTES + 1, 0))
_FALSE, _TRUE, _NONE = 20, 21, 22


def encode(value: Wire) -> bytes:
    """The canonical bytes of `value`; raises TypeError unless it is all of the types of `Wire`."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def array_head(count: int) -> bytes:
    """What the encoding of an array of so many items begins with; then follow the items'."""
    out = bytearray()
    _write_head(out, _ARRAY, count)
    return bytes(out)


def _write(out: bytearray, value: Wire) -> None:
    if isinstance(value, bytes):
        _write_head(out, _BYTES, len(value))
        out += value
    elif isinstance(value, str):
        text = value.encode()
        _write_head(out, _TEXT, len(text))
        out += text
    elif value is None:
        out.append(_SIMPLE << 5 | _NONE)
    elif isinstance(value, bool):
        out.append(_SIMPLE << 5 | (_TRUE if value else _FALSE))
    elif isinstance(value, int):
        _write_integer(out, value)
    elif isinstance(value, list):
        _write_head(out, _ARRAY, len(value))
        for item in value:
            _write(out, item)
    elif isinstance(value, Cid):
        out += _LINK_HEAD
        out += value.binary
    else:
        raise TypeError(f"{type(value).__name__} has no encoding")


def _write_integer(out: bytearray, value: int) -> None:
    if 0 <= value <= UINT64_MAX:
        _write_head(out, _UNSIGNED, value)
    elif INT64_MIN <= value < 0:
        _write_head(out, _NEGATIVE, -1 - value)
    else:
        raise TypeError(f"{value} is neither an int64 nor a uint64")


def _write_head(out: bytearray, major: int, argument: int) -> None:
    if argument < 24:
        out.append(major << 5 | argument)
    elif argument < 0x100:
        out.append(major << 5 | 24)
        out.append(argument)
    else:
        sign = 25 if argument < 0x1_0000 else 26 if argument < 0x1_0000_0000 else 27
        out.append(major << 5 | sign)
        out += argument.to_bytes(1 << (sign - 24), "big")


def decode(data: bytes) -> Wire:
    """Read exactly one value; raises InvalidEncoding unless `encode(result) == data`.

    The work is bounded by len(data): callers bound that before they call.
    """
    item, position = decode_at(data, 0)
    if position != len(data):
        raise InvalidEncoding(f"{len(data) - position} bytes after the end")
    return item


def items_at(data: bytes, position: int) -> Iterator[tuple[Wire, bytes]]:
    """The items of the array that begins at `position`, which must end the input, each with its
    own encoding; raises InvalidEncoding."""
    if position >= len(data) or data[position] >> 5 != _ARRAY:
        raise InvalidEncoding("an array is expected")
    size, position = data[position] & 31, position + 1
    if size >= 24:
        width = 1 << (size & 3)
        size, position = _read_long(data, position, len(data), size), position + width
    for _ in range(size):
        item, end = decode_at(data, position)
        yield item, data[position:end]
        position = end
    if position != len(data):
        raise InvalidEncoding(f"{len(data) - position} bytes after the end")


def decode_at(  # noqa: C901, PLR0912, PLR0915 - the hot loop stays in one piece
    data: bytes, position: int
) -> tuple[Wire, int]:
    """Read the value that begins at `position`; returns it and where it ends. Raises
    InvalidEncoding unless these bytes are its encoding.

    No recursion: arrays that are open around the present one wait on a stack.
    """
    view, end = data, len(data)
    item: Wire
    items: list[Wire] | None = None  # of the array that is being read, which lacks `missing`
    missing = 0
    around: list[tuple[list[Wire] | None, int]] = []
    while True:
        if position >= end:
            raise InvalidEncoding("truncated")
        initial = view[position]
        major, argument = initial >> 5, initial & 31
        position += 1
        if argument >= 24 and major != _SIMPLE:
            size = 1 << (argument & 3)
            argument = _read_long(view, position, end, argument)
            position += size
        if major == _UNSIGNED:
            item = argument
        elif major in (_BYTES, _TEXT):
            if argument > end - position:
                raise InvalidEncoding("truncated")
            start, position = position, position + argument
            try:
                item = view[start:position] if major == _BYTES else view[start:position].decode()
            except UnicodeDecodeError as error:
                raise InvalidEncoding("text that is not UTF-8") from error
        elif major == _ARRAY:
            if argument > end - position:
                raise InvalidEncoding(f"an array of {argument} items cannot fit the input")
            if len(around) >= MAX_DEPTH:
                raise InvalidEncoding(f"nested deeper than {MAX_DEPTH}")
            if argument:
                around.append((items, missing))
                items, missing = [], argument
                continue
            item = []
        elif major == _SIMPLE:
            if not _FALSE <= argument <= _NONE:
                raise InvalidEncoding("floats and other simple values are not used")
            item = None if argument == _NONE else argument == _TRUE
        elif major == _TAG:
            item, position = _read_link(data, position, argument)
        elif major == _NEGATIVE:
            if argument > INT64_MAX:
                raise InvalidEncoding("an integer below -2^63")
            item = argument
            item = -1 - item
        else:
            raise InvalidEncoding("maps are not used")
        while items is not None:
            items.append(item)
            missing -= 1
            if missing:
                break
            item = items
            items, missing = around.pop()
        else:
            return item, position


def _read_long(view: bytes, position: int, end: int, short: int) -> int:
    """The argument whose bytes begin at `position`, after the head's first that says how many
    there are; shortest form only, so never 0."""
    if short > 27:
        raise InvalidEncoding(f"byte {position - 1}: indefinite lengths are not used")
    size = 1 << (short & 3)
    if size > end - position:
        raise InvalidEncoding("truncated")
    value = 0
    for place in range(position, position + size):
        value = value << 8 | view[place]
    if value < 24 if size == 1 else not value >> (4 * size):  # the upper half would be 0
        raise InvalidEncoding(f"byte {position - 1}: not the shortest form")
    return value


def _read_link(data: bytes, position: int, tag: int) -> tuple[Cid, int]:
    if tag != _LINK_TAG:
        raise InvalidEncoding(f"tag {tag}: only links (tag 42) are used")
    if position >= len(data) or data[position] >> 5 != _BYTES:
        raise InvalidEncoding("a link holds a byte string")
    raw, position = decode_at(data, position)
    if not isinstance(raw, bytes) or raw[:1] != b"\x00":
        raise InvalidEncoding("a link begins with the multibase byte 0")
    return Cid(raw[1:]), position
