"""What waits to be sent to one peer: by priority, packed, bounded. No I/O and no clock here.

When a lane is full, announcements drop the oldest announcement; for anything else LaneFull is
raised: an answer is then refused, and a peer that has not taken its consensus messages is let
go.
"""

from collections import deque
from itertools import islice

from consensus.block import MAX_BLOCK_BYTES
from p2p.counters import Traffic
from p2p.frames import KIND_AT, frame_bytes
from p2p.messages import MAX_CONTENT_BYTES, MessageKind, Priority, Role
from p2p.parcel import Parcel

MAX_SEND_BYTES = 256 * 1024
LANE_BYTES = {
    Priority.CONSENSUS: 4 * MAX_BLOCK_BYTES,
    Priority.CONTROL: 256 * 1024,
    Priority.TRANSACTIONS: 2 * 1024 * 1024,
    Priority.BULK: 2 * MAX_CONTENT_BYTES,
}

if LANE_BYTES.keys() != set(Priority):
    raise ValueError("every priority has a lane")


class LaneFull(Exception):
    """There is no room in the lane of this priority."""

    def __init__(self, priority: Priority) -> None:
        super().__init__(f"{LANE_BYTES[priority]} bytes of {priority.name.lower()} wait unread")
        self.priority = priority


class _Lane:
    """What waits with one priority: items of batches by kind, and whole frames in order."""

    def __init__(self, priority: Priority) -> None:
        self.priority = priority
        self.batches: dict[MessageKind, dict[bytes, bytes]] = {}
        self.frames: deque[bytes] = deque()
        self.bytes = 0

    def room(self) -> int:
        return LANE_BYTES[self.priority] - self.bytes

    def put_frame(self, frame: bytes) -> None:
        if len(frame) > self.room():
            raise LaneFull(self.priority)
        self.bytes += len(frame)
        self.frames.append(frame)

    def put_items(self, parcel: Parcel) -> list[bytes]:
        waiting = self.batches.setdefault(parcel.kind, {})
        dropped: list[bytes] = []
        for key, item in parcel.items.items():
            if key in waiting:
                continue
            while len(item) > self.room():
                if parcel.kind.role is not Role.ANNOUNCEMENT or not waiting:
                    raise LaneFull(self.priority)
                oldest = next(iter(waiting))
                self.bytes -= len(waiting.pop(oldest))
                dropped.append(oldest)
            waiting[key] = item
            self.bytes += len(item)
        return dropped

    def take(self, frames: list[bytes], room: int) -> int:
        """Move frames of about `room` bytes to `frames`; returns the room that is left."""
        for kind, waiting in self.batches.items():
            while waiting and room > 0:
                frame = self._pack(kind, waiting)
                room -= len(frame)
                frames.append(frame)
        while self.frames and room > 0:
            frame = self.frames.popleft()
            self.bytes -= len(frame)
            room -= len(frame)
            frames.append(frame)
        return room

    def _pack(self, kind: MessageKind, waiting: dict[bytes, bytes]) -> bytes:
        if kind.batch is None:
            raise ValueError(f"{kind.name} is not sent in batches")
        keys = list(islice(waiting, kind.batch.maximum))
        items = [waiting.pop(key) for key in keys]
        self.bytes -= sum(map(len, items))
        return frame_bytes(kind.number, 0, kind.batch.join(items))


class SendQueue:
    """The lanes of one peer; what is taken out is counted in `sent`."""

    def __init__(self, sent: Traffic) -> None:
        self._sent = sent
        self._lanes = {priority: _Lane(priority) for priority in Priority}
        self._urgent = False
        self._waiting = False

    def put_frame(self, kind: MessageKind, request: int, payload: bytes) -> None:
        """Queue one message for this peer alone; raises LaneFull."""
        if len(payload) > kind.max_bytes:
            raise ValueError(f"{kind.name} of {len(payload)} bytes; peers take {kind.max_bytes}")
        self._lanes[kind.priority].put_frame(frame_bytes(kind.number, request, payload))
        self._note(kind)

    def put_parcel(self, parcel: Parcel) -> list[bytes]:
        """Queue gossip; returns the keys of announcements dropped for it; raises LaneFull."""
        lane = self._lanes[parcel.kind.priority]
        dropped: list[bytes] = []
        if parcel.kind.batch is None:
            lane.put_frame(parcel.frame)
        else:
            dropped = lane.put_items(parcel)
        self._note(parcel.kind)
        return dropped

    def _note(self, kind: MessageKind) -> None:
        self._waiting = True
        self._urgent = self._urgent or not kind.may_linger

    @property
    def waiting(self) -> bool:
        """Whether anything is queued."""
        return self._waiting

    @property
    def urgent(self) -> bool:
        """Whether something is queued that must not linger."""
        return self._urgent

    def take(self) -> bytes:
        """The next frames to send, MAX_SEND_BYTES or one frame more; empty if none wait."""
        frames: list[bytes] = []
        room = MAX_SEND_BYTES
        for lane in self._lanes.values():
            room = lane.take(frames, room)
            if room <= 0:
                break
        if room > 0:
            self._waiting = self._urgent = False
        for frame in frames:
            self._sent.count(frame[KIND_AT], len(frame))
        return frames[0] if len(frames) == 1 else b"".join(frames)
