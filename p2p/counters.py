"""What the network has done since it started, for metrics."""

from dataclasses import dataclass, field

from p2p.messages import MESSAGES


def _by_kind() -> dict[int, int]:
    return dict.fromkeys((kind.number for kind in MESSAGES), 0)


@dataclass(slots=True)
class Traffic:
    """Frames and bytes of one direction, by kind number; heads count as bytes."""

    frames: dict[int, int] = field(default_factory=_by_kind)
    bytes: dict[int, int] = field(default_factory=_by_kind)

    def count(self, kind: int, size: int) -> None:
        """One frame of `size` bytes."""
        self.frames[kind] += 1
        self.bytes[kind] += size

    def named(self) -> dict[str, tuple[int, int]]:
        """(frames, bytes) by the kind's name."""
        return {k.name: (self.frames[k.number], self.bytes[k.number]) for k in MESSAGES}


@dataclass(slots=True)
class Counters:
    """Running totals; read them as they are.

    `duplicates` are gossip items that came again, `flooded` messages over a rate limit,
    `dropped` announcements for which a send queue had no room, `violations` broken protocol
    rules, `faults` exceptions of our own handler, which are bugs.
    """

    received: Traffic = field(default_factory=Traffic)
    sent: Traffic = field(default_factory=Traffic)
    duplicates: int = 0
    rejected: int = 0
    flooded: int = 0
    dropped: int = 0
    violations: int = 0
    faults: int = 0
    bans: int = 0
    connected: int = 0
    disconnected: int = 0
    handshakes_failed: int = 0
    dials_failed: int = 0
