"""A histogram with fixed buckets, as Prometheus counts them."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts of observed seconds up to each bound, and their sum."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self._bounds_s = tuple(bounds_s)
        self._counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, observations up to it), the last with the bound +Inf."""
        found: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*self._bounds_s, "+Inf"), self._counts, strict=True):
            total += count
            found.append((str(bound), total))
        return found
