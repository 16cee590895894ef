"""What bounds a peer: forgetful sets, token buckets, points and bans, places at the door."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from p2p.doorway import Doorway
from p2p.inbox import Inbox
from p2p.messages import Rate
from p2p.parcel import Parcel, parcel_of
from p2p.recent import RecentSet
from p2p.scoring import (
    BAN_POINTS,
    FIRST_BAN_S,
    HALF_LIFE_S,
    LONGEST_BAN_S,
    MAX_RECORDS,
    REJECTED_POINTS,
    VIOLATION_POINTS,
    Scores,
)
from p2p.tokenbucket import TokenBucket
from tests.p2p.nodes import votes

PEER = bytes(32)


@given(st.lists(st.binary(max_size=2), max_size=200), st.integers(1, 20))
def test_a_recent_set_remembers_the_last_and_stays_small(keys: list[bytes], size: int) -> None:
    recent = RecentSet(size)
    for number, key in enumerate(keys):
        recent.add(key)
        last = list(dict.fromkeys(reversed(keys[: number + 1])))[:size]
        assert all(key in recent for key in last)
        assert len(recent) <= 2 * size


def test_a_recent_set_forgets() -> None:
    recent = RecentSet(10)
    recent.add(b"a")
    recent.age()
    recent.add(b"b")
    assert b"a" in recent
    recent.age()
    assert b"a" not in recent
    assert b"b" in recent
    recent.discard(b"b")
    assert b"b" not in recent


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(Rate(2, 10), now=100)
    assert bucket.take(10, 100)
    assert not bucket.take(1, 100)
    assert not bucket.take(1, 100.25)
    assert bucket.take(1, 100.5)
    assert bucket.take(10, 1000)
    assert not bucket.take(1, 1000)
    assert not TokenBucket(Rate(2, 10), now=0).take(11, 0)


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 2)), max_size=60))
def test_a_bucket_never_gives_more_than_it_may(steps: list[tuple[int, float]]) -> None:
    bucket = TokenBucket(Rate(3, 12), now=0)
    now, taken = 0.0, 0
    for count, pause in steps:
        now += pause
        taken += count if bucket.take(count, now) else 0
        assert taken <= 12 + 3 * now + 1e-6


@pytest.mark.parametrize(("points", "times"), [(REJECTED_POINTS, 5), (VIOLATION_POINTS, 2)])
def test_a_few_offences_ban(points: float, times: int) -> None:
    scores = Scores()
    banned = [scores.penalise(PEER, points, float(second)) for second in range(times)]
    assert banned == [False] * (times - 1) + [True]
    assert scores.is_banned(PEER, times + FIRST_BAN_S - 2)
    assert not scores.is_banned(PEER, times + FIRST_BAN_S)


def test_points_decay() -> None:
    scores = Scores()
    scores.penalise(PEER, 80, 0)
    assert scores.points(PEER, HALF_LIFE_S) == pytest.approx(40)
    assert not scores.penalise(PEER, BAN_POINTS - 41, HALF_LIFE_S)


def test_bans_grow_and_end() -> None:
    scores = Scores()
    now, lengths = 0.0, []
    for _ in range(12):
        assert scores.penalise(PEER, BAN_POINTS, now)
        lengths.append(scores.banned(now)[PEER])
        now += lengths[-1]
        assert not scores.is_banned(PEER, now)
    assert lengths[:3] == [FIRST_BAN_S, 2 * FIRST_BAN_S, 4 * FIRST_BAN_S]
    assert lengths[-1] == LONGEST_BAN_S


def test_a_hundred_thousand_ids_are_not_remembered() -> None:
    scores = Scores()
    for number in range(MAX_RECORDS + 500):
        scores.penalise(number.to_bytes(32, "big"), 1, 0)
    assert scores.points((0).to_bytes(32, "big"), 0) == 0
    assert scores.points((MAX_RECORDS).to_bytes(32, "big"), 0) == 1


def test_forgiven_is_forgotten() -> None:
    scores = Scores()
    scores.ban(PEER, 10, 0)
    scores.unban(PEER)
    assert not scores.is_banned(PEER, 1)
    assert scores.banned(1) == {}


async def test_a_crowd_at_the_door_pushes_itself_out() -> None:
    door = Doorway(3)
    turned_away: list[str] = []

    async def wait(name: str, host: str, task_status: trio.TaskStatus[None]) -> None:
        with door.stranger(host):
            task_status.started()
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                turned_away.append(name)
                raise

    async with trio.open_nursery() as nursery:
        for name in ("friend", "crowd-1", "crowd-2", "crowd-3", "crowd-4"):

            async def enter(
                task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED, name: str = name
            ) -> None:
                await wait(name, name.split("-", maxsplit=1)[0], task_status)

            await nursery.start(enter)
        await trio.testing.wait_all_tasks_blocked()
        assert turned_away == ["crowd-1", "crowd-2"]
        assert len(door) == 3
        nursery.cancel_scope.cancel()
    assert len(door) == 0


async def test_an_inbox_is_bounded_and_waits() -> None:
    parcels = [parcel_of(votes(*range(n, n + 3))) for n in range(0, 12, 3)]
    held: list[int] = []
    inbox = Inbox(parcels[0].held_bytes - 1, held.append)
    assert inbox.offer(parcels[0]), "one larger than the bound still fits an empty inbox"
    assert not inbox.offer(parcels[1])
    taken: list[Parcel] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, parcels[1])
        nursery.start_soon(inbox.put, parcels[2])
        await trio.testing.wait_all_tasks_blocked()
        taken = [await inbox.take() for _ in range(3)]
    assert taken[0] is parcels[0]
    assert {id(p) for p in taken[1:]} == {id(parcels[1]), id(parcels[2])}
    assert sum(held) == 0
    assert max(held) == parcels[0].held_bytes
