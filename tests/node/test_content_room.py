"""Room in the content store: what is collected, when, and down to where."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from consensus.cid import RAW, Cid, cid_of
from node.content.room import EVERY_S, keep_room
from storage.content import ContentError, ContentStore

QUOTA_BYTES = 10_000
BLOCK_BYTES = 100


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ContentStore]:
    with ContentStore(tmp_path / "content", QUOTA_BYTES, now_ms=lambda: CLOCK[0]) as opened:
        CLOCK[0] = 10**12
        yield opened


CLOCK = [0]


def put(store: ContentStore, count: int) -> list[Cid]:
    blocks = [bytes([number]) * BLOCK_BYTES for number in range(count)]
    for data in blocks:
        store.put(cid_of(RAW, data), data)
    return [cid_of(RAW, data) for data in blocks]


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that jumps would not wait for them."""

    async def run_here(step: Callable[[], object]) -> object:
        await trio.lowlevel.checkpoint()
        return step()

    monkeypatch.setattr(trio.to_thread, "run_sync", run_here)


def keep_for(store: ContentStore, seconds: float) -> None:
    async def run() -> None:
        with trio.move_on_after(seconds):
            await keep_room(store)

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


def test_below_the_mark_nothing_is_collected(store: ContentStore) -> None:
    put(store, 90)
    CLOCK[0] += 10**9
    keep_for(store, 2 * EVERY_S)
    assert store.size == 9_000


def test_the_oldest_go_down_to_the_low_mark_but_not_the_pinned(store: ContentStore) -> None:
    cids = put(store, 95)
    store.pin(cids[0])
    CLOCK[0] += 10**9
    keep_for(store, EVERY_S / 2)
    assert store.size == 8_000
    assert [cid for cid in cids if store.has(cid)] == [cids[0], *cids[16:]]


def test_what_was_added_just_now_stays(store: ContentStore) -> None:
    put(store, 95)
    keep_for(store, 2 * EVERY_S)
    assert store.size == 9_500


def test_a_store_that_fails_is_told_of_and_tried_again(
    store: ContentStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, 95)
    CLOCK[0] += 10**9
    tries: list[int] = []
    collect = store.collect

    def fail_once(*arguments: int, **options: int) -> object:
        tries.append(1)
        if len(tries) == 1:
            raise ContentError("the disk fails")
        return collect(*arguments, **options)

    monkeypatch.setattr(store, "collect", fail_once)
    keep_for(store, 1.5 * EVERY_S)
    assert "the disk fails" in caplog.text
    assert store.size == 8_000


def test_without_a_quota_nobody_looks(tmp_path: Path) -> None:
    with ContentStore(tmp_path / "content") as store:
        trio.run(keep_room, store)
