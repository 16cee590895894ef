"""Token buckets: how much a peer may send."""

from p2p.messages import Rate


class TokenBucket:
    """Holds up to `rate.burst` tokens and gains `rate.per_s` a second; starts full."""

    __slots__ = ("_now", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._now = now

    def take(self, count: int, now: float) -> bool:
        """Take `count` tokens at time `now` (seconds, not going backwards), or none."""
        rate = self._rate
        tokens = min(rate.burst, self._tokens + (now - self._now) * rate.per_s)
        self._now = now
        enough = tokens >= count
        self._tokens = tokens - count if enough else tokens
        return enough
