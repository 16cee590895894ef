"""Threads share few heaps, which keep little, where the C library is told so."""

import ctypes
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from node.threads import LARGE_BYTES, MAX_HEAPS, share_heap, trim_heap


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


def test_a_library_that_cannot_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    trio.run(trim_heap)
