"""How well each neighbour gives blocks of content: how much is asked of it at once, how long an
answer is waited for, whom to ask first. Times in seconds of one clock."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from p2p.identity import PeerId
from p2p.limits import MAX_SERVING
from p2p.messages import CONTENT_REQUESTS, HAVE_REQUESTS, Rate
from p2p.tokenbucket import TokenBucket

START_WINDOW = 4  # questions
MAX_WINDOW = 12  # leaves room for other questions (MAX_SERVING)
QUICK_S = 1.0

START_TIMEOUT_S = 4.0
MIN_TIMEOUT_S = 1.0
MAX_TIMEOUT_S = 15.0
TIMEOUT_ANSWERS = 4  # a peer stalls that takes so many times as long as it usually does

MAX_STALLS = 2
OUT_S = 30.0
MAX_SOURCES = 256

_BORNE = 0.8  # of what the far end bears, as time passes differently there

if MAX_WINDOW >= MAX_SERVING:
    raise ValueError("the far end refuses what is beyond its own bound")


@dataclass(slots=True)
class Source:
    """A neighbour. Its window grows by steps and is halved (AIMD): `asked` of `window` questions
    are open. The buckets bound how often it is asked for blocks, and what it has. `empty` counts
    answers in a row that lacked what was to be there."""

    bucket: TokenBucket
    have_bucket: TokenBucket
    window: int = START_WINDOW
    asked: int = 0
    usual_s: float | None = None
    stalls: int = 0
    empty: int = 0
    out_until: float = 0.0

    @property
    def timeout_s(self) -> float:
        """How long an answer is waited for."""
        if self.usual_s is None:
            return START_TIMEOUT_S
        return min(max(self.usual_s * TIMEOUT_ANSWERS, MIN_TIMEOUT_S), MAX_TIMEOUT_S)

    @property
    def rank(self) -> tuple[int, float]:
        """Who is asked first: the lowest."""
        return self.empty, self.usual_s or 0.0

    def begin(self, now: float) -> bool:
        """Whether one more may be asked of it now; then it is."""
        if self.asked >= self.window or self.out_until > now or not self.bucket.take(1, now):
            return False
        self.asked += 1
        return True

    def end(self) -> None:
        """A question is open no more."""
        self.asked -= 1

    def gave(self, took_s: float) -> None:
        """It gave what was asked for."""
        self.stalls = self.empty = 0
        usual_s = took_s if self.usual_s is None else self.usual_s
        self.usual_s = (7 * usual_s + took_s) / 8
        if took_s > QUICK_S:
            self.window = max(self.window // 2, 1)
        else:
            self.window = min(self.window + 1, MAX_WINDOW)

    def lacked(self) -> None:
        """It was to have what it has not, or could not give it now."""
        self.empty += 1
        self.window = max(self.window // 2, 1)

    def stalled(self, now: float) -> None:
        """It did not answer in time, and gets twice as long for half as much; the second time in a
        row it is left out for a while."""
        self.stalls += 1
        self.usual_s = min(2 * self.timeout_s, MAX_TIMEOUT_S) / TIMEOUT_ANSWERS
        self.window = max(self.window // 2, 1)
        if self.stalls >= MAX_STALLS:
            self.leave_out(now)

    def leave_out(self, now: float) -> None:
        """Do without it for a while."""
        self.stalls = 0
        self.out_until = now + OUT_S


@dataclass(slots=True)
class Sources:
    """The neighbours by id; the oldest that nothing is asked of are forgotten if they are many."""

    _sources: dict[PeerId, Source] = field(default_factory=dict)

    def of(self, peer: PeerId, now: float) -> Source:
        """What is known of a peer."""
        found = self._sources.get(peer)
        if found is None:
            if len(self._sources) >= MAX_SOURCES:
                self._forget_one()
            found = self._sources[peer] = Source(
                _bucket(CONTENT_REQUESTS, now), _bucket(HAVE_REQUESTS, now)
            )
        return found

    def best_first(self, peers: Iterable[PeerId], now: float) -> list[PeerId]:
        """These peers in the order to ask them in."""
        return sorted(dict.fromkeys(peers), key=lambda peer: self.of(peer, now).rank)

    def _forget_one(self) -> None:
        idle = (peer for peer, source in self._sources.items() if not source.asked)
        oldest = next(idle, None)
        if oldest is not None:
            del self._sources[oldest]


def _bucket(borne: Rate, now: float) -> TokenBucket:
    return TokenBucket(Rate(_BORNE * borne.per_s, _BORNE * borne.burst), now)
