"""What Prometheus reads of the peer-to-peer layer: `reelect_peers`, `reelect_p2p_…`.

docs/operations.md says what each means to who runs the node.
"""

from collections.abc import Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from node.services import PeersView
from p2p.counters import Counters
from p2p.handshake import Outcome
from p2p.limits import PEER_BYTES
from p2p.messages import BY_NUMBER

DIRECTIONS = ("inbound", "outbound")
INCIDENTS = (
    "duplicates",
    "rejected",
    "flooded",
    "dropped",
    "violations",
    "faults",
    "bans",
    "handshakes_failed",
    "dials_failed",
    "displaced",
    "shed",
)


def peer_metrics(network: PeersView) -> Iterator[Metric]:
    """All metrics of the peer-to-peer layer now."""
    yield from _state(network)
    yield from _traffic(network.counters)
    yield from _conduct(network.counters)
    yield from _latencies(network.counters)


def _state(network: PeersView) -> Iterator[Metric]:
    peers, sizes = network.peers(), network.sizes()
    directions = [peer.direction for peer in peers]
    yield _labelled(
        "reelect_peers",
        "Connected peers.",
        "direction",
        {direction: directions.count(direction) for direction in DIRECTIONS},
    )
    most = max((peer.held_bytes for peer in peers), default=0)
    for name, sentence, value in (
        ("queued_bytes", "Bytes that wait for all peers together.", network.budget.held_bytes),
        ("queued_bytes_limit", "Beyond it a peer is let go.", network.budget.max_bytes),
        ("queued_bytes_of_a_peer", "Bytes that wait for the peer with most.", most),
        ("peer_bytes_limit", "The most memory that one peer can cost.", PEER_BYTES),
        ("banned", "Nodes that are kept out now.", len(network.banned())),
        ("conducts", "Nodes whose conduct is kept.", sizes.conducts),
        ("seen_items", "Gossip items seen lately.", sizes.seen_items),
        ("known_items", "Items that the peer with most is known to have.", sizes.known_items),
    ):
        yield GaugeMetricFamily(f"reelect_p2p_{name}", sentence, value)
    yield _labelled(
        "reelect_p2p_addresses", "Addresses of nodes in the book.", "kind", sizes.addresses
    )


def _traffic(counters: Counters) -> Iterator[Metric]:
    frames = CounterMetricFamily(
        "reelect_p2p_frames", "Frames exchanged with peers.", labels=["direction", "kind"]
    )
    octets = CounterMetricFamily(
        "reelect_p2p_bytes", "Bytes exchanged with peers.", labels=["direction", "kind"]
    )
    for direction, traffic in (("received", counters.received), ("sent", counters.sent)):
        for kind, (count, size) in traffic.named().items():
            frames.add_metric([direction, kind], count)
            octets.add_metric([direction, kind], size)
    yield frames
    yield octets


def _conduct(counters: Counters) -> Iterator[Metric]:
    yield CounterMetricFamily("reelect_p2p_connected", "Connections begun.", counters.connected)
    yield CounterMetricFamily(
        "reelect_p2p_disconnected", "Connections ended.", counters.disconnected
    )
    handshakes = CounterMetricFamily(
        "reelect_p2p_handshakes",
        "What came of connections that others (inbound) or this node began.",
        labels=["direction", "outcome"],
    )
    for direction, found in zip(DIRECTIONS, (counters.arrivals, counters.dials), strict=True):
        for outcome in Outcome:
            handshakes.add_metric([direction, outcome.value], found[outcome.value])
    yield handshakes
    incidents = CounterMetricFamily(
        "reelect_p2p_incidents", "What went wrong with peers.", labels=["incident"]
    )
    for name in INCIDENTS:
        incidents.add_metric([name], getattr(counters, name))
    yield incidents
    points = CounterMetricFamily(
        "reelect_p2p_points", "Points given for misbehaviour.", labels=["offence"]
    )
    for offence, given in counters.points.items():
        points.add_metric([offence], given)
    yield points


def _latencies(counters: Counters) -> Iterator[Metric]:
    latencies = HistogramMetricFamily(
        "reelect_p2p_request_seconds", "From a question to a peer to its answer.", labels=["kind"]
    )
    for number, histogram in counters.latencies.items():
        latencies.add_metric([BY_NUMBER[number].name], histogram.buckets(), histogram.sum_s)
    yield latencies


def _labelled(name: str, sentence: str, label: str, values: Mapping[str, int]) -> Metric:
    gauge = GaugeMetricFamily(name, sentence, labels=[label])
    for value, count in values.items():
        gauge.add_metric([value], count)
    return gauge
