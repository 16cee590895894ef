"""Threads share few heaps, which keep little, where the C library is told so."""

import ctypes
from types import SimpleNamespace

import pytest

from node.threads import LARGE_BYTES, MAX_HEAPS, share_heap


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
