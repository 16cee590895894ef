"""What Prometheus reads of mail: `reelect_mail_…`."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from node.mail.mailroom import Mailroom


def mail_metrics(room: Mailroom) -> Iterator[Metric]:
    """All metrics of a mailroom now."""
    yield GaugeMetricFamily(
        "reelect_mail_held", "Envelopes that are held, and deletions of some.", len(room.index)
    )
    yield GaugeMetricFamily(
        "reelect_mail_bytes", "What they count as in the quota.", room.index.size_bytes
    )
    results = CounterMetricFamily(
        "reelect_mail", "Envelopes that came, by what became of them.", labels=["result"]
    )
    results.add_metric(["taken"], room.taken)
    results.add_metric(["refused"], room.refused)
    results.add_metric(["deleted"], room.deleted)
    yield results
