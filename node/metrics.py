"""What Prometheus reads of a running node (text format 0.0.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

import trio
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from node.content.metrics import content_metrics
from node.loop_monitor import LoopMonitor
from node.mail.metrics import mail_metrics
from node.peer_metrics import peer_metrics
from node.services import Services
from node.version import VERSION
from p2p.histogram import Histogram

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FINALITY_BOUNDS_S = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
MAX_NEW_ENTRIES = 16_384


class Metrics:
    """The metrics of one node."""

    def __init__(self, services: Services, monitor: LoopMonitor) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_NodeCollector(services, monitor))
        ProcessCollector(registry=self._registry)

    def page(self) -> bytes:
        """All metrics now; call it in the node's trio thread."""
        return generate_latest(self._registry)


class _NodeCollector(Collector):
    def __init__(self, services: Services, monitor: LoopMonitor) -> None:
        self._services = services
        self._monitor = monitor
        self._finality = Histogram(FINALITY_BOUNDS_S)
        self._finality_height = 0  # up to here the log is counted

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are known only when they are collected."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        yield InfoMetricFamily("reelect_build", "The release of the node.", {"release": VERSION})
        yield from self._chain()
        yield from self._node()
        yield from peer_metrics(self._services.network)
        yield from content_metrics(self._services.content_exchange)
        yield from mail_metrics(self._services.mail.room)
        yield _histogram(
            "reelect_finality_seconds",
            "From the start of a block's slot until this node held it durably final.",
            self._counted_finality(),
        )
        yield _histogram(
            "reelect_loop_lateness_seconds",
            "How late the trio loop woke a task that slept.",
            self._monitor.lateness,
        )

    def _chain(self) -> Iterator[Metric]:
        chain = self._services.chain
        head, justified, final = chain.fork.head, chain.fork.justified, chain.durable_final
        slot = chain.clock.slot_at(self._services.now_ms())
        yield _gauge("reelect_slot", "The slot that the node's clock is in.", slot)
        yield _gauge("reelect_head_height", "Height of the head.", head.height)
        yield _gauge("reelect_head_slot", "Slot of the head.", head.slot)
        yield _gauge("reelect_justified_height", "Height of the justified block.", justified.height)
        yield _gauge("reelect_final_height", "Height of the durably final block.", final.height)
        yield _gauge(
            "reelect_finality_lag_slots",
            "Slot of the head minus slot of the final block.",
            head.slot - final.slot,
        )
        yield _gauge(
            "reelect_missed_slots",
            "Slots up to the head that have no block on its chain.",
            head.slot - head.height,
        )

    def _node(self) -> Iterator[Metric]:
        services, health = self._services, self._services.health()
        yield _gauge(
            "reelect_mempool_transactions",
            "Transactions that wait for a block.",
            len(services.mempool),
        )
        yield _gauge(
            "reelect_mempool_bytes",
            "Bytes of the transactions that wait for a block.",
            services.mempool.size_bytes,
        )
        yield _gauge(
            "reelect_content_bytes", "Bytes in the store of content.", services.content.size
        )
        yield _gauge("reelect_ready", "1 if the node can serve, else 0.", int(health.ready))
        stall = health.stall
        yield _gauge(
            "reelect_stall_slots",
            "Slots since the final block's slot if finality is late, else 0.",
            0 if stall is None else stall.slots,
        )
        yield _gauge(
            "reelect_silent_members",
            "Members of the producer set that are silent while finality is late.",
            0 if stall is None else len(stall.silent),
        )
        yield _gauge(
            "reelect_unsigned",
            "1 if something keeps the node's seats from signing, else 0.",
            int(bool(health.signing)),
        )
        yield _gauge(
            "reelect_clock_offset_seconds",
            "The peers' median clock minus the node's.",
            health.clock_offset_ms / 1000,
        )
        yield _gauge(
            "reelect_tasks",
            "Tasks that the node's loop runs, the one that answers this among them.",
            trio.lowlevel.current_statistics().tasks_living,
        )
        yield _counter("reelect_events", "Events published.", services.hub.count)
        blocks = CounterMetricFamily(
            "reelect_p2p_compact_blocks",
            "Compact blocks by how they were completed (lost: not at all).",
            labels=["result"],
        )
        for result, count in asdict(services.compact_blocks).items():
            blocks.add_metric([result], count)
        yield blocks

    def _counted_finality(self) -> Histogram:
        """The histogram of all entries of the log; it forgets entries, the histogram does not."""
        for entry in self._services.finality_log.after(self._finality_height, MAX_NEW_ENTRIES):
            self._finality.observe(entry.finality_ms / 1000)
            self._finality_height = entry.height
        return self._finality


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(name, sentence, value)


def _counter(name: str, sentence: str, value: float) -> Metric:
    return CounterMetricFamily(name, sentence, value)


def _histogram(name: str, sentence: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, sentence, histogram.buckets(), histogram.sum_s)
