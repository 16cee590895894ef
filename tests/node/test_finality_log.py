"""The log of finality times: what it keeps, and that it takes no more memory when it is full."""

import tracemalloc

from node.finality_log import MAX_ENTRIES, FinalityEntry, FinalityLog


def entry(height: int) -> FinalityEntry:
    return FinalityEntry(height, 2 * height, height % 7, 1000 + height)


def test_entries_above_a_height_come_in_order_up_to_a_limit() -> None:
    log = FinalityLog()
    assert log.last is None
    assert log.after(0, 10) == []
    for height in (3, 4, 6, 7):
        log.add(entry(height))
    assert log.after(0, 2) == [entry(3), entry(4)]
    assert log.after(4, 10) == [entry(6), entry(7)]
    assert log.after(5, 10) == [entry(6), entry(7)]
    assert log.after(7, 10) == []
    assert log.last == entry(7)


def test_the_oldest_entries_give_way() -> None:
    log = FinalityLog()
    for height in range(1, MAX_ENTRIES + 11):
        log.add(entry(height))
    assert log.after(0, 2) == [entry(11), entry(12)]
    assert log.after(MAX_ENTRIES, 100) == [entry(MAX_ENTRIES + i) for i in range(1, 11)]
    assert len(log.after(0, 2 * MAX_ENTRIES)) == MAX_ENTRIES
    assert log.last == entry(MAX_ENTRIES + 10)


def test_a_full_log_takes_no_more_memory_than_an_empty_one() -> None:
    log = FinalityLog()
    tracemalloc.start()
    for height in range(1, MAX_ENTRIES):
        log.add(entry(height))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1024
