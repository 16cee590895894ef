"""Frames: how messages are cut out of a stream of bytes. No I/O and no clock here.

A frame is `length (4 bytes) kind (1) request (4) payload`, big-endian; `length` counts the
payload only. The request number is 0 for gossip; an answer carries its request's number.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from consensus.errors import Invalid

_HEAD = struct.Struct(">IBI")
HEAD_BYTES = _HEAD.size
KIND_AT = 4  # where a frame's kind number stands
MAX_REQUEST = 2**32 - 1

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

    def append(self, data: bytes | bytearray) -> None:
        """Take received bytes."""
        self._buffer += data

    def next(self) -> Frame | None:
        """The next whole frame, None until more bytes come; raises InvalidFrame.

        After an InvalidFrame the stream has no more boundaries: the connection must end.
        """
        buffer = self._buffer
        if self._head is None:
            if len(buffer) < HEAD_BYTES:
                return None
            head = _HEAD.unpack_from(buffer)
            maximum = self.limit(head[1], head[2])
            if head[0] > maximum:
                raise InvalidFrame(
                    f"a payload of {head[0]} bytes; kind {head[1]} has at most {maximum}"
                )
            self._head = head
        size, kind, request = self._head
        end = HEAD_BYTES + size
        if len(buffer) < end:
            return None
        payload = bytes(memoryview(buffer)[HEAD_BYTES:end])
        del buffer[:end]
        self._head = None
        return Frame(kind, request, payload)
