"""What a node knows of each peer that it can get blocks from: how far it is, and how it answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from p2p.identity import PeerId
from p2p.messages import MAX_BLOCKS

START_BLOCKS = 16  # asked for at once of a peer that is not known yet
MORE_BLOCKS = 8  # after an answer that was quick and light
QUICK_MS = 500
LIGHT_BYTES = 1024 * 1024

START_TIMEOUT_MS = 3_000
MIN_TIMEOUT_MS = 1_000
MAX_TIMEOUT_MS = 10_000
TIMEOUT_ANSWERS = 4  # a peer stalls that takes so many times as long as it usually does

MAX_STALLS = 2
OUT_MS = 30_000
MAX_SOURCES = 256

if not START_BLOCKS + MORE_BLOCKS <= MAX_BLOCKS:
    raise ValueError("a window must have room to grow")
if not QUICK_MS < MIN_TIMEOUT_MS <= START_TIMEOUT_MS <= MAX_TIMEOUT_MS:
    raise ValueError("what is quick is never late")


@dataclass(slots=True)
class Source:
    """A peer. Its window grows by steps and is halved (AIMD): `window` blocks are asked for at
    once. `usual_ms` is how long its answers took, smoothed; `final_height` what it claims."""

    final_height: int = 0
    window: int = START_BLOCKS
    usual_ms: float | None = None
    stalls: int = 0
    out_until_ms: int = 0

    @property
    def timeout_ms(self) -> int:
        """How long an answer is waited for before somebody else is asked."""
        if self.usual_ms is None:
            return START_TIMEOUT_MS
        return min(max(int(self.usual_ms * TIMEOUT_ANSWERS), MIN_TIMEOUT_MS), MAX_TIMEOUT_MS)

    def answered(self, took_ms: int, size_bytes: int) -> None:
        """It answered in time."""
        self.stalls = 0
        usual_ms = took_ms if self.usual_ms is None else self.usual_ms
        self.usual_ms = (7 * usual_ms + took_ms) / 8
        if took_ms > QUICK_MS or size_bytes > LIGHT_BYTES:
            self.window = max(self.window // 2, 1)
        else:
            self.window = min(self.window + MORE_BLOCKS, MAX_BLOCKS)

    def stalled(self, now_ms: int) -> bool:
        """It did not answer in time, and gets twice as long for half as much. Returns whether it
        is left out for a while now: that is so the second time in a row."""
        self.stalls += 1
        self.usual_ms = min(2 * self.timeout_ms, MAX_TIMEOUT_MS) / TIMEOUT_ANSWERS
        self.window = max(self.window // 2, 1)
        if self.stalls < MAX_STALLS:
            return False
        self.leave_out(now_ms)
        return True

    def leave_out(self, now_ms: int) -> None:
        """Do without it for a while."""
        self.stalls = 0
        self.out_until_ms = now_ms + OUT_MS


class Sources:
    """The peers by id; the oldest are forgotten if there are too many."""

    def __init__(self) -> None:
        self._sources: dict[PeerId, Source] = {}

    def of(self, peer: PeerId) -> Source:
        """What is known of a peer."""
        found = self._sources.get(peer)
        if found is None:
            found = self._sources[peer] = Source()
            if len(self._sources) > MAX_SOURCES:
                del self._sources[next(iter(self._sources))]
        return found

    def forget(self, peer: PeerId) -> None:
        """It is gone."""
        self._sources.pop(peer, None)

    def usable(self, peers: Iterable[PeerId], now_ms: int) -> list[PeerId]:
        """These peers but those that are left out, unless that is everybody."""
        known = list(peers)
        return [peer for peer in known if self.of(peer).out_until_ms <= now_ms] or known

    def with_final(self, height: int) -> list[PeerId]:
        """The peers that say that the block of this height is final."""
        return [peer for peer, source in self._sources.items() if source.final_height >= height]

    def highest_final(self) -> int:
        """The highest final block that any peer claims."""
        return max((source.final_height for source in self._sources.values()), default=0)
