"""Metrics, by Prometheus's own checker, and the numbers in them."""

from pathlib import Path

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from node.loop_monitor import LoopMonitor
from p2p.histogram import Histogram
from p2p.limits import DEFAULT_BUDGET_BYTES
from p2p.network import PeerInfo
from tests.api.world import ALICE, BOB, World
from tests.node.network import transfer


async def metrics_of(world: World) -> str:
    async with world.client() as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return response.text


def values(page: str) -> dict[str, float]:
    """Samples by name and labels."""
    return {
        sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_promtool_accepts_the_page(world: World) -> None:
    world.slots([1, 2, 3])
    page = await metrics_of(world)
    # promtool comes with Debian's package `prometheus`; without it this test fails.
    checked = await trio.run_process(
        ["promtool", "check", "metrics"],
        stdin=page.encode(),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_the_numbers(world: World) -> None:
    world.slots([1, 2, 4])
    await world.submit(transfer(world.chain, ALICE, BOB.public, 1, 0).transaction.encode())
    peer = PeerInfo(b"p" * 32, "127.0.0.1:1", "inbound", 1.0, None, None, None, 77, 0.0)
    world.network.connected = (peer,)
    world.network.counters.received.count(1, 100)
    world.network.counters.bans = 2
    world.network.counters.arrivals["rate"] = 6
    world.network.counters.dials["proven"] = 1
    world.network.counters.points["flood"] = 12.5
    world.network.counters.latencies[18].observe(0.03)
    world.network.bans[b"b" * 32] = 60.0
    world.compact_blocks.asked = 3
    found = values(await metrics_of(world))
    assert found["reelect_head_height"] == 3
    assert found["reelect_head_slot"] == found["reelect_slot"] == 4
    assert found["reelect_final_height"] == 1
    assert found["reelect_justified_height"] == 3
    assert found["reelect_finality_lag_slots"] == 3
    assert found["reelect_missed_slots"] == 1
    assert found["reelect_mempool_transactions"] == 1
    assert found["reelect_tasks"] >= 1
    assert found["reelect_mempool_bytes"] == world.mempool.size_bytes > 0
    assert found["reelect_peers direction=inbound"] == 1
    assert found["reelect_peers direction=outbound"] == 0
    assert found["reelect_ready"] == 1
    assert found["reelect_p2p_incidents_total incident=bans"] == 2
    blocks = "reelect_p2p_compact_blocks_total result="
    results = {name.removeprefix(blocks): v for name, v in found.items() if name.startswith(blocks)}
    assert results == {"at_once": 0, "asked": 3, "whole": 0, "lost": 0}
    assert sum(v for k, v in found.items() if k.startswith("reelect_p2p_bytes_total")) == 100
    assert found["process_resident_memory_bytes"] > 0
    assert found["reelect_p2p_handshakes_total direction=inbound outcome=rate"] == 6
    assert found["reelect_p2p_handshakes_total direction=outbound outcome=proven"] == 1
    assert found["reelect_p2p_handshakes_total direction=outbound outcome=rate"] == 0
    assert found["reelect_p2p_points_total offence=flood"] == 12.5
    assert found["reelect_p2p_request_seconds_bucket kind=get_block le=0.05"] == 1
    assert found["reelect_p2p_request_seconds_bucket kind=get_block le=0.025"] == 0
    assert found["reelect_p2p_queued_bytes_of_a_peer"] == 77
    assert found["reelect_p2p_queued_bytes_limit"] == DEFAULT_BUDGET_BYTES
    assert found["reelect_p2p_addresses kind=verified"] == 3
    assert found["reelect_p2p_seen_items"] == 7
    assert found["reelect_p2p_banned"] == 1


async def test_every_metric_of_the_p2p_layer_is_in_the_operators_page(world: World) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    families = text_string_to_metric_families(await metrics_of(world))
    names = [family.name for family in families if family.name.startswith("reelect_p2p_")]
    assert len(names) > 10
    assert [
        n
        for n in names
        if f"`{n}`" not in page and f"`{n}{{" not in page and f"`{n}_total" not in page
    ] == []


async def test_finality_times_are_counted_once(world: World) -> None:
    world.slots([1, 2, 3])
    app_client = world.client()
    async with app_client as client:
        for expected in (2, 2, 3):
            if expected == 3:
                world.slots([4])
            found = values((await client.get("/metrics")).text)
            assert found["reelect_finality_seconds_count"] == expected
            assert found["reelect_finality_seconds_bucket le=+Inf"] == expected
            assert found["reelect_finality_seconds_bucket le=0.5"] == 0
    assert found["reelect_finality_seconds_sum"] == pytest.approx(0.701 + 0.702 + 0.703)


def test_histogram_bounds_are_inclusive() -> None:
    histogram = Histogram((0.1, 0.2))
    for seconds in (0.05, 0.1, 0.15, 7.0):
        histogram.observe(seconds)
    assert histogram.buckets() == [("0.1", 2), ("0.2", 3), ("+Inf", 4)]
    assert histogram.sum_s == pytest.approx(7.3)


async def test_the_loop_monitor_counts_every_wake_up(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    monitor = LoopMonitor()
    with trio.move_on_after(1.05):
        await monitor.run()
    assert monitor.lateness.buckets()[-1] == ("+Inf", 10)
    async with world.client(monitor=monitor) as client:
        found = values((await client.get("/metrics")).text)
    assert found["reelect_loop_lateness_seconds_count"] == 10
