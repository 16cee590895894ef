"""Strangers at the door: connections that have not proven anything yet, bounded in number and in
how fast they come.

A stranger costs the node a TLS handshake (1 to 2 ms of CPU) and a hello before anything is known
of it. HANDSHAKES bounds that for all, to a few per cent of a core; GROUP_HANDSHAKES for one address
group, so that one of them cannot use up what is there for all. Whoever is over is closed at once.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from p2p.messages import Rate
from p2p.peeraddress import address_group
from p2p.tokenbucket import TokenBucket

HANDSHAKES = Rate(40, 200)
GROUP_HANDSHAKES = Rate(2, 48)
LOOPBACK_HANDSHAKES = Rate(20, 128)  # of one address; networks on one machine start at once
MAX_GROUPS = 1_024

if GROUP_HANDSHAKES.per_s * 8 > HANDSHAKES.per_s or LOOPBACK_HANDSHAKES.burst > HANDSHAKES.burst:
    raise ValueError("a few groups must not use up the handshakes of all")


class Doorway:
    """At most `places` strangers at once; of each address group (on loopback: each address) and of
    all together no more in a time than the rates above.

    When another comes, the one that has waited longest among those of the host with the most
    places is sent away: a host that floods the door only pushes itself out.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: dict[trio.CancelScope, str] = {}
        self._all: TokenBucket | None = None
        self._groups: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def admits(self, host: str, now: float) -> bool:
        """Whether a stranger from `host` may come in now; takes its tokens if so."""
        group = address_group(host)
        is_loopback = group == "loopback"
        group = host if is_loopback else group
        bucket = self._groups.pop(group, None)
        if bucket is None:
            bucket = TokenBucket(LOOPBACK_HANDSHAKES if is_loopback else GROUP_HANDSHAKES, now)
        self._groups[group] = bucket
        if len(self._groups) > MAX_GROUPS:
            del self._groups[next(iter(self._groups))]
        self._all = self._all or TokenBucket(HANDSHAKES, now)
        return bucket.take(1, now) and self._all.take(1, now)

    @contextmanager
    def stranger(self, host: str) -> Iterator[trio.CancelScope]:
        """Let a stranger from `host` in for the length of the block, which is cancelled if it
        is sent away."""
        if len(self._waiting) >= self._places:
            self._send_one_away()
        with trio.CancelScope() as scope:
            self._waiting[scope] = host
            try:
                yield scope
            finally:
                self._waiting.pop(scope, None)

    def _send_one_away(self) -> None:
        crowded = Counter(self._waiting.values()).most_common(1)[0][0]
        scope = next(scope for scope, host in self._waiting.items() if host == crowded)
        del self._waiting[scope]
        scope.cancel()
