"""Frames: how messages are cut out of a stream of bytes. No I/O and no clock here.

A frame is `length (4 bytes) kind (1) request (4) payload`, big-endian; `length` counts the
payload only. The request number is 0 for gossip; an answer carries its request's number.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from consensus.errors import Invalid

_HEAD = struct.Struct(">IBI")
HEAD_BYTES = _HEAD.size
KIND_AT = 4  # where a frame's kind number stands
MAX_REQUEST = 2**32 - 1
# A payload from here on is gathered in a buffer of its own, which then is the payload: copies of
# much memory cost more than encryption.
LONG_BYTES = 64 * 1024

Limit = Callable[[int, int], int]


class InvalidFrame(Invalid):
    """A frame that this connection must not carry: the sender's fault."""

    code = "invalid-frame"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it travels: kind number, request number (0: gossip) and payload."""

    kind: int
    request: int
    payload: bytes


def frame_bytes(kind: int, request: int, payload: bytes) -> bytes:
    """The bytes of a frame."""
    return _HEAD.pack(len(payload), kind, request) + payload


class FrameReader:
    """Cuts received bytes into frames.

    `limit(kind, request)` says how many bytes a payload may have, or raises InvalidFrame if no
    such frame is expected; it is asked as soon as a frame's head is there, so that nothing
    oversized or unasked is ever gathered. What is kept is at most one such payload and what
    was last appended.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._head: tuple[int, int, int] | None = None
        self._long: BytesIO | None = None

    @property
    def held_bytes(self) -> int:
        """How many received bytes wait for the rest of their frame."""
        return len(self._buffer)

    def append(self, data: bytes | bytearray) -> None:
        """Take received bytes."""
        if self._long is None or self._head is None:
            self._buffer += data
            return
        missing = self._head[0] - self._long.tell()
        self._long.write(data if len(data) <= missing else memoryview(data)[:missing])
        self._buffer += memoryview(data)[missing:]

    def next(self) -> Frame | None:
        """The next whole frame, None until more bytes come; raises InvalidFrame.

        After an InvalidFrame the stream has no more boundaries: the connection must end.
        """
        if self._head is None:
            if len(self._buffer) < HEAD_BYTES:
                return None
            self._head = self._checked(_HEAD.unpack_from(self._buffer))
        size, kind, request = self._head
        payload = self._take(size)
        if payload is None:
            return None
        self._head = None
        return Frame(kind, request, payload)

    def _checked(self, head: tuple[int, int, int]) -> tuple[int, int, int]:
        size, kind, request = head
        maximum = self.limit(kind, request)
        if size > maximum:
            raise InvalidFrame(f"a payload of {size} bytes; kind {kind} has at most {maximum}")
        return head

    def _take(self, size: int) -> bytes | None:
        """The payload if it is whole; till then the buffer begins with its head, or it is long."""
        if self._long is not None:
            if self._long.tell() < size:
                return None
            payload = self._long.getvalue()  # shares the memory
            self._long = None
            return payload
        buffer, end = self._buffer, HEAD_BYTES + size
        if len(buffer) >= end:
            payload = bytes(memoryview(buffer)[HEAD_BYTES:end])
            del buffer[:end]
            return payload
        if size >= LONG_BYTES:
            self._long = BytesIO()
            self._long.write(memoryview(buffer)[HEAD_BYTES:])
            buffer.clear()
        return None
