"""How much content a node gives in a second, to all neighbours together."""

import trio

BURST_S = 0.5


class Throttle:
    """Lets so many bytes pass in a second (0: any). Who waits passes in turn; as a neighbour may
    wait with a few answers only (p2p/limits.py), each gets its share."""

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0  # when all that has passed is within the rate
        self._turn = trio.Lock()

    async def passing(self, size: int) -> None:
        """Return when so many bytes may go."""
        if not self._bytes_per_s:
            return
        async with self._turn:
            now = trio.current_time()
            await trio.sleep(max(self._free_at - BURST_S - now, 0.0))
            self._free_at = max(self._free_at, trio.current_time()) + size / self._bytes_per_s
