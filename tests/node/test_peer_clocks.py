"""Which peers' clocks count."""

import pytest

from node.peer_clocks import offset_ms
from p2p.network import PeerInfo

HOUR_MS = 3_600_000


def peer(direction: str, clock_offset_ms: int | None) -> PeerInfo:
    return PeerInfo(b"p" * 32, "127.0.0.1:1", direction, 1.0, None, None, clock_offset_ms, 0)


HONEST_OUT, HONEST_IN = peer("outbound", 5), peer("inbound", 7)
LIAR = peer("inbound", HOUR_MS)


@pytest.mark.parametrize(
    ("peers", "offset"),
    [
        ([], 0),
        ([peer("inbound", None)], 0),
        ([HONEST_IN], 7),
        ([HONEST_OUT, HONEST_IN, HONEST_IN, *[LIAR] * 29], 7),
        ([HONEST_IN, HONEST_IN, *[LIAR] * 29], 7),
        ([*[LIAR] * 29, HONEST_OUT, HONEST_OUT, HONEST_OUT], 5),
        ([peer("outbound", HOUR_MS), HONEST_IN, HONEST_IN], 7),
    ],
)
def test_a_crowd_that_comes_does_not_set_the_clock(peers: list[PeerInfo], offset: int) -> None:
    assert offset_ms(peers) == offset
