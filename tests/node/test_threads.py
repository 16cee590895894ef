"""Threads share few heaps, which keep little, where the C library is told so."""

import ctypes
import gc
import weakref
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from node.threads import (
    LARGE_BYTES,
    MAX_HEAPS,
    TRIM_EVERY_S,
    settle_heap,
    share_heap,
    trim_heap,
)


def test_the_c_library_is_told_what_it_may_keep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda name, value: told.append((name, value)))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    share_heap()
    assert told == [(-8, MAX_HEAPS), (-3, LARGE_BYTES), (-1, LARGE_BYTES)]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    share_heap()


def test_what_lies_free_goes_back_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    trimmed = trio.Event()

    def trim(kept: int) -> None:
        told.append(kept)
        if len(told) == 2:
            trio.from_thread.run_sync(trimmed.set)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trim_heap)
            await trimmed.wait()
            nursery.cancel_scope.cancel()

    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=trim))
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert {*told} == {0}


class Ring:
    """Refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.ring = self


def test_cycles_are_collected_also_where_nothing_can_be_trimmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    gc.disable()  # the collector does not come by itself

    async def main() -> bool:
        left = weakref.ref(Ring())
        with trio.move_on_after(TRIM_EVERY_S + 1):
            await trim_heap()
        return left() is None

    try:
        assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        gc.enable()


def test_what_is_there_when_the_heap_settles_is_not_looked_through_again() -> None:
    kept = Ring()
    try:
        settle_heap()
        assert gc.get_freeze_count() > 0
        assert not any(found is kept for found in gc.get_objects())
    finally:
        gc.unfreeze()
