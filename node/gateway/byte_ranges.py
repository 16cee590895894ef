"""Which bytes of a file a request is about: Range (RFC 9110 section 14) and entity-bytes
(IPFS trustless gateway specification, IPIP-0402)."""

import re

from consensus.dag_walk import Span
from consensus.errors import InvalidEncoding

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.ASCII)
_ENTITY_BYTES = re.compile(r"(-?[0-9]{1,18}):(-?[0-9]{1,18}|\*)", re.ASCII)


class Unsatisfiable(Exception):
    """A range that begins behind the end of what it is of."""


def ranged(header: str, size: int) -> Span | None:
    """The bytes that a Range header asks for; None for all: several ranges, and what is no
    range of bytes, are answered whole (RFC 9110 section 14.2). Raises Unsatisfiable."""
    found = _RANGE.fullmatch(header)
    if found is None:
        return None
    first, last = found.groups()
    if first:
        span = Span(int(first), min(int(last) + 1, size) if last else size)
        if last and int(last) < int(first):
            return None
    elif last:
        span = Span(max(0, size - int(last)), size)
    else:
        return None
    if span.start >= span.stop:
        raise Unsatisfiable
    return span


def parse_entity_bytes(text: str) -> tuple[int, int | None]:
    """The first and last byte (None: to the end) of `from:to`, where negative numbers count from
    the end; raises InvalidEncoding."""
    found = _ENTITY_BYTES.fullmatch(text)
    if found is None:
        raise InvalidEncoding(
            "from:to is expected, such as 0:1023, -1024:* or 0:*", field="entity-bytes"
        )
    first, last = found.groups()
    return int(first), None if last == "*" else int(last)


def entity_span(first: int, last: int | None, size: int) -> Span | None:
    """The bytes of a file of `size` that entity-bytes names, cut where it ends; None if there are
    none. Raises InvalidEncoding if it begins behind the end or ends before it begins."""
    start = first if first >= 0 else max(0, size + first)
    stop = size if last is None else min(size, (last if last >= 0 else size + last) + 1)
    if first >= size > 0 or (last is not None and first >= 0 and 0 <= last < first):
        raise InvalidEncoding(f"no byte of the {size} is in this range", field="entity-bytes")
    return Span(start, stop) if start < stop else None
