"""Strangers at the door: connections that have not proven anything yet, bounded in number."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Doorway:
    """At most `places` strangers at once.

    When another comes, the one that has waited longest among those of the host with the most
    places is sent away: a host that floods the door only pushes itself out.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: dict[trio.CancelScope, str] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def stranger(self, host: str) -> Iterator[None]:
        """Let a stranger from `host` in for the length of the block, which is cancelled if it
        is sent away."""
        if len(self._waiting) >= self._places:
            self._send_one_away()
        with trio.CancelScope() as scope:
            self._waiting[scope] = host
            try:
                yield
            finally:
                self._waiting.pop(scope, None)

    def _send_one_away(self) -> None:
        crowded = Counter(self._waiting.values()).most_common(1)[0][0]
        scope = next(scope for scope, host in self._waiting.items() if host == crowded)
        del self._waiting[scope]
        scope.cancel()
