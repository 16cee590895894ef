"""What the network has done since it started, for metrics."""

from collections import Counter
from dataclasses import dataclass, field

from p2p.histogram import Histogram
from p2p.messages import MESSAGES, Role
from p2p.scoring import OFFENCES, OTHER_OFFENCE

LATENCY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _by_kind() -> dict[int, int]:
    return dict.fromkeys((kind.number for kind in MESSAGES), 0)


def _latencies() -> dict[int, Histogram]:
    requests = (kind.number for kind in MESSAGES if kind.role is Role.REQUEST)
    return {number: Histogram(LATENCY_BOUNDS_S) for number in requests}


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
    rules, `faults` exceptions of our own handler, which are bugs. `dials` and `arrivals` are
    connections begun by this node and by others, by what came of them (handshake.Outcome);
    `points` are by offence; `latencies` are seconds from question to answer, by kind number.
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
    displaced: int = 0
    shed: int = 0
    dials: Counter[str] = field(default_factory=Counter)
    arrivals: Counter[str] = field(default_factory=Counter)
    points: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys((*OFFENCES.values(), OTHER_OFFENCE), 0.0)
    )
    latencies: dict[int, Histogram] = field(default_factory=_latencies)
