"""What the peers' clocks say of this node's own."""

import statistics
from collections.abc import Iterable

from p2p.network import PeerInfo

# Whoever comes may say what it likes, and as many may come as there are places: the clocks that
# count are those of the peers that this node chose itself, and if it chose few, of those that
# have been there longest.
LEAST_CLOCKS = 3


def offset_ms(peers: Iterable[PeerInfo]) -> int:
    """The median of the clocks that count minus the own one, 0 if there are none; `peers` with
    the longest connected first."""
    known = [peer for peer in peers if peer.clock_offset_ms is not None]
    chosen = [peer for peer in known if peer.direction == "outbound"]
    others = [peer for peer in known if peer.direction != "outbound"]
    count = max(0, LEAST_CLOCKS - len(chosen))
    offsets = [peer.clock_offset_ms or 0 for peer in (*chosen, *others[:count])]
    return int(statistics.median(offsets)) if offsets else 0
