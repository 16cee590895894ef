"""Virtual time: what happens when, in one order for one seed."""

import heapq
from collections.abc import Callable
from typing import TypeAlias

Act: TypeAlias = Callable[[], None]


class Timeline:
    """Acts in order of their time, in milliseconds from genesis; those of one moment in the
    order in which they were planned."""

    def __init__(self) -> None:
        self.now = 0.0
        self._acts: list[tuple[float, int, Act]] = []
        self._count = 0

    def at(self, time: float, act: Act) -> None:
        """Plan an act; never before now."""
        self._count += 1
        if time < self.now:
            time = self.now
        heapq.heappush(self._acts, (time, self._count, act))

    def after(self, delay: float, act: Act) -> None:
        """Plan an act for some milliseconds later."""
        self.at(self.now + delay, act)

    def advance(self, until: float) -> None:
        """Let everything happen that is planned before then."""
        acts = self._acts
        while acts and acts[0][0] < until:
            self.now, _, act = heapq.heappop(acts)
            act()
        self.now = until

    def run_out(self) -> None:
        """Let everything happen that is planned, and all that comes of it."""
        while self._acts:
            self.now, _, act = heapq.heappop(self._acts)
            act()
