"""The figures of a counted run."""

from collections.abc import Mapping, Sequence

import pytest

from node.local.process import Usage
from node.local.report import UNMEASURED_SLOTS, NodeRun, RunBlock, percentile, run_report

SLOTS = range(100, 110)
USED = Usage(1000, 1.5)


def chain(slots: Sequence[int]) -> list[RunBlock]:
    """Blocks at these slots, heights counted from 90, two transactions each."""
    return [RunBlock(90 + i, slot, 2) for i, slot in enumerate(slots)]


def node(
    blocks: Sequence[RunBlock], finality_ms: Mapping[int, int], *, head: int = 99, final: int = 98
) -> NodeRun:
    return NodeRun(head, final, blocks, finality_ms, USED)


def test_a_full_run() -> None:
    blocks = chain(SLOTS)
    times = {block.height: 500 + block.height for block in blocks}
    report = run_report(SLOTS, 21, [node(blocks, times), node(blocks, times, final=97)])
    assert report == {
        "nodes": 2,
        "producers": 21,
        "slots": 10,
        "blocks": 10,
        "missed_slots": 0,
        "head_height": 99,
        "final_height": 97,
        "finality_ms_p50": 593,
        "finality_ms_p99": 596,
        "tx_included": 20,
        "peak_rss_bytes": [1000, 1000],
        "cpu_s": [1.5, 1.5],
    }


def test_missed_slots_and_blocks_beyond_the_counted_ones() -> None:
    blocks = chain([98, 99, 100, 102, 105, 111, 112])
    report = run_report(SLOTS, 21, [node(blocks, {b.height: 400 for b in blocks})])
    assert (report["blocks"], report["missed_slots"], report["tx_included"]) == (3, 7, 6)


def test_the_last_slots_need_not_be_final() -> None:
    blocks = chain(SLOTS)
    measured = [b.height for b in blocks if b.slot < SLOTS.stop - UNMEASURED_SLOTS]
    assert len(measured) == len(SLOTS) - UNMEASURED_SLOTS
    report = run_report(SLOTS, 21, [node(blocks, dict.fromkeys(measured, 700))])
    assert report["finality_ms_p99"] == 700


@pytest.mark.parametrize("place", [0, 3, len(SLOTS) - UNMEASURED_SLOTS - 1])
def test_an_earlier_block_that_is_not_final_on_one_node_makes_it_null(place: int) -> None:
    blocks = chain(SLOTS)
    times = {block.height: 400 for block in blocks}
    partly = {height: ms for height, ms in times.items() if height != blocks[place].height}
    report = run_report(SLOTS, 21, [node(blocks, times), node(blocks, partly)])
    assert report["finality_ms_p50"] is None
    assert report["finality_ms_p99"] is None


def test_times_of_the_last_slots_do_not_count() -> None:
    blocks = chain(SLOTS)
    times = {b.height: 9000 if b.slot >= SLOTS.stop - UNMEASURED_SLOTS else 400 for b in blocks}
    assert run_report(SLOTS, 21, [node(blocks, times)])["finality_ms_p99"] == 400


def test_no_block_at_all() -> None:
    report = run_report(SLOTS, 21, [node([], {}, head=0, final=0)])
    assert (report["blocks"], report["missed_slots"], report["finality_ms_p50"]) == (0, 10, None)


def test_the_highest_head_says_which_blocks_there_are() -> None:
    behind = node(chain(range(100, 104)), dict.fromkeys(range(90, 94), 1), head=93)
    ahead = node(chain(SLOTS), dict.fromkeys(range(90, 100), 1))
    report = run_report(SLOTS, 21, [behind, ahead])
    assert (report["blocks"], report["head_height"]) == (10, 99)
    assert report["finality_ms_p50"] is None


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 99, 7),
        ([4, 1, 3, 2], 50, 2),
        ([5, 4, 1, 3, 2], 50, 3),
        (range(1, 101), 99, 99),
        (range(1, 102), 99, 100),
        (range(1, 100), 99, 99),
        ([1, 2], 100, 2),
    ],
)
def test_nearest_rank(values: Sequence[int], percent: int, expected: int | None) -> None:
    assert percentile(values, percent) == expected
