"""What waits to be sent to one peer: by priority, packed, bounded. No I/O and no clock here.

When a lane is full, announcements drop the oldest announcement; for anything else LaneFull is
raised: an answer is then refused, and a peer that has not taken its consensus messages is let
go.
"""

import math
from collections import deque
from itertools import islice

from p2p.budget import Count, uncounted
from p2p.counters import Traffic
from p2p.frames import KIND_AT, frame_bytes
from p2p.limits import ITEM_OVERHEAD_BYTES, LANE_BYTES, MAX_SEND_BYTES
from p2p.messages import BY_NUMBER, MessageKind, Priority, Role
from p2p.parcel import Parcel


class LaneFull(Exception):
    """There is no room in the lane of this priority."""

    def __init__(self, priority: Priority) -> None:
        super().__init__(f"{LANE_BYTES[priority]} bytes of {priority.name.lower()} wait unread")
        self.priority = priority


class _Lane:
    """What waits with one priority: items of batches by kind number, and whole frames in order.

    An item counts with ITEM_OVERHEAD_BYTES.
    """

    def __init__(self, priority: Priority, held: Count) -> None:
        self.priority = priority
        self._held = held
        self.limit = LANE_BYTES[priority]
        self.bytes = 0
        self.batches: dict[int, dict[bytes, bytes]] = {}
        self.frames: deque[bytes] = deque()

    def put_frame(self, frame: bytes) -> None:
        if self.bytes + len(frame) > self.limit:
            raise LaneFull(self.priority)
        self._count(len(frame))
        self.frames.append(frame)

    def put_items(self, parcel: Parcel) -> list[bytes]:
        waiting = self.batches.setdefault(parcel.kind.number, {})
        dropped: list[bytes] = []
        for key, item in parcel.items.items():
            if key in waiting:
                continue
            size = len(item) + ITEM_OVERHEAD_BYTES
            while self.bytes + size > self.limit:
                if parcel.kind.role is not Role.ANNOUNCEMENT or not waiting:
                    raise LaneFull(self.priority)
                oldest = next(iter(waiting))
                self._remove(waiting, oldest)
                dropped.append(oldest)
            waiting[key] = item
            self._count(size)
        return dropped

    def drop_items(self, parcel: Parcel) -> None:
        waiting = self.batches.get(parcel.kind.number)
        if waiting:
            for key in parcel.items:
                if key in waiting:
                    self._remove(waiting, key)

    def take(self, frames: list[bytes], room: int) -> int:
        """Move frames of about `room` bytes to `frames`; returns the room that is left."""
        for number, waiting in self.batches.items():
            while waiting and room > 0:
                frame = self._pack(BY_NUMBER[number], waiting)
                room -= len(frame)
                frames.append(frame)
        while self.frames and room > 0:
            frame = self.frames.popleft()
            self._count(-len(frame))
            room -= len(frame)
            frames.append(frame)
        return room

    def _pack(self, kind: MessageKind, waiting: dict[bytes, bytes]) -> bytes:
        if kind.batch is None:
            raise ValueError(f"{kind.name} is not sent in batches")
        first = list(islice(waiting, kind.batch.maximum))
        items = [self._remove(waiting, key) for key in first]
        return frame_bytes(kind.number, 0, kind.batch.join(items))

    def _remove(self, waiting: dict[bytes, bytes], key: bytes) -> bytes:
        item = waiting.pop(key)
        self._count(-len(item) - ITEM_OVERHEAD_BYTES)
        return item

    def _count(self, change: int) -> None:
        self.bytes += change
        self._held(change)


class SendQueue:
    """The lanes of one peer; what waits counts in `held`, what is taken out in `sent`.

    `linger_s` says how many seconds the next frames may wait for company: 0 for something
    urgent, infinity if nothing is queued.
    """

    def __init__(self, sent: Traffic, held: Count = uncounted) -> None:
        self.linger_s = math.inf
        self._sent = sent
        self._lanes = [_Lane(priority, held) for priority in Priority]

    def put_frame(self, kind: MessageKind, request: int, payload: bytes) -> None:
        """Queue one message for this peer alone; raises LaneFull."""
        if len(payload) > kind.max_bytes:
            raise ValueError(f"{kind.name} of {len(payload)} bytes; peers take {kind.max_bytes}")
        self._lanes[kind.priority].put_frame(frame_bytes(kind.number, request, payload))
        self.linger_s = min(self.linger_s, kind.linger_s)

    def put_parcel(self, parcel: Parcel) -> list[bytes]:
        """Queue gossip; returns the keys of announcements dropped for it; raises LaneFull."""
        lane = self._lanes[parcel.kind.priority]
        dropped: list[bytes] = []
        if parcel.kind.batch is None:
            lane.put_frame(parcel.frame)
        else:
            dropped = lane.put_items(parcel)
        self.linger_s = min(self.linger_s, parcel.kind.linger_s)
        return dropped

    def drop(self, parcel: Parcel) -> None:
        """Don't send what of these items still waits: the peer has them."""
        self._lanes[parcel.kind.priority].drop_items(parcel)

    def take(self) -> bytes:
        """The next frames to send, MAX_SEND_BYTES or one frame more; empty if none wait."""
        if self.linger_s == math.inf:
            return b""
        frames: list[bytes] = []
        room = MAX_SEND_BYTES
        for lane in self._lanes:
            if lane.bytes and room > 0:
                room = lane.take(frames, room)
        self.linger_s = 0.0 if room <= 0 else math.inf
        for frame in frames:
            self._sent.count(frame[KIND_AT], len(frame))
        return frames[0] if len(frames) == 1 else b"".join(frames)
