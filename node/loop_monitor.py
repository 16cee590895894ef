"""How late the trio loop wakes its tasks: the sign that a step has held it for too long."""

import trio

from p2p.histogram import Histogram

PERIOD_S = 0.1
BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class LoopMonitor:
    """Sleeps a little, over and over, and counts how much longer it took."""

    def __init__(self) -> None:
        self.lateness = Histogram(BOUNDS_S)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            due = trio.current_time() + PERIOD_S
            await trio.sleep_until(due)
            self.lateness.observe(max(0.0, trio.current_time() - due))
