"""What Prometheus reads of content and its exchange with other nodes: `reelect_content_…`.

docs/operations.md says what each means to who runs the node.
"""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from node.content.exchange import ContentExchange


def content_metrics(exchange: ContentExchange) -> Iterator[Metric]:
    """All metrics of the exchange now."""
    yield from _state(exchange)
    yield from _traffic(exchange)
    fetches = CounterMetricFamily(
        "reelect_content_fetches", "Files fetched whole, by the outcome.", labels=["outcome"]
    )
    fetches.add_metric(["whole"], exchange.fetches.whole)
    fetches.add_metric(["failed"], exchange.fetches.failed)
    yield fetches


def _state(exchange: ContentExchange) -> Iterator[Metric]:
    holdings = exchange.holdings
    for name, sentence, value in (
        ("fetching", "Files that are being fetched.", exchange.fetches.running),
        ("held_files", "Files that are held whole.", len(holdings)),
        ("replicas", "Of these, those held for the network's sake.", holdings.replicas),
        ("replica_bytes", "Bytes of content of the replicas.", holdings.replica_bytes),
        ("providers", "Nodes whose records of what they hold are known.", len(exchange.providers)),
        ("provided_files", "Files that somebody holds.", exchange.providers.roots),
    ):
        yield GaugeMetricFamily(f"reelect_content_{name}", sentence, value)


def _traffic(exchange: ContentExchange) -> Iterator[Metric]:
    asking, serving = exchange.asking.counts, exchange.serving.counts
    blocks = CounterMetricFamily(
        "reelect_content_blocks", "Blocks of content exchanged.", labels=["direction"]
    )
    octets = CounterMetricFamily(
        "reelect_content_block_bytes", "Bytes of these blocks.", labels=["direction"]
    )
    for direction, counts in (("received", asking), ("sent", serving)):
        blocks.add_metric([direction], counts.blocks)
        octets.add_metric([direction], counts.bytes)
    yield blocks
    yield octets
    yield CounterMetricFamily(
        "reelect_content_relayed_blocks",
        "Blocks sent that came from another node meanwhile.",
        serving.relayed,
    )
    incidents = CounterMetricFamily(
        "reelect_content_incidents",
        "Questions for content that came to nothing: the peer lacked the block, stalled, or gave "
        "something else; or this node was busy with as many relays as it takes.",
        labels=["incident"],
    )
    for incident, count in (
        ("lacking", asking.lacking),
        ("stalled", asking.stalls),
        ("wrong", asking.wrong),
        ("busy", serving.busy),
    ):
        incidents.add_metric([incident], count)
    yield incidents
