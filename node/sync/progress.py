"""How far a catch-up has come."""

from node.query.answers import SyncProgress

SAY_EVERY_MS = 5_000
SHOWN_BLOCKS = 16  # fewer are no catch-up that anybody would watch


class Journey:
    """One catch-up from its beginning on; heights and milliseconds come as arguments."""

    def __init__(self, height: int, now_ms: int) -> None:
        self._from_height = height
        self._began_ms = self._said_ms = now_ms

    def progress(self, height: int, target: int, now_ms: int) -> SyncProgress | None:
        """How far it has come; None if there is too little to speak of."""
        if target - self._from_height < SHOWN_BLOCKS or height >= target:
            return None
        took_ms = max(now_ms - self._began_ms, 1)
        blocks_per_s = (height - self._from_height) * 1000 / took_ms
        left_s = round((target - height) / blocks_per_s) if blocks_per_s > 0 else None
        return SyncProgress(self._from_height, height, target, round(blocks_per_s), left_s)

    def is_time_to_say(self, now_ms: int) -> bool:
        """Whether the log has not heard of it for a while."""
        if now_ms - self._said_ms < SAY_EVERY_MS:
            return False
        self._said_ms = now_ms
        return True
