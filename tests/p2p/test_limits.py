"""What bounds a peer: forgetful sets, token buckets, points and bans, places at the door."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from p2p.doorway import (
    GROUP_HANDSHAKES,
    HANDSHAKES,
    LOOPBACK_HANDSHAKES,
    Doorway,
)
from p2p.identity import PeerId
from p2p.inbox import Inbox
from p2p.loglimit import LogLimit
from p2p.messages import Rate
from p2p.parcel import Parcel, parcel_of
from p2p.recent import RecentSet
from p2p.savedfile import save
from p2p.scoring import (
    BAN_POINTS,
    FIRST_BAN_S,
    HALF_LIFE_S,
    LONGEST_BAN_S,
    MAX_BAN_S,
    MAX_RECORDS,
    REJECTED_POINTS,
    VIOLATION_POINTS,
    Scores,
)
from p2p.slots import PROTECTED, Occupant, to_displace
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


def test_bans_outlast_a_flood_of_others() -> None:
    scores = Scores()
    scores.ban(PEER, 1e6, 0)
    for number in range(1, MAX_RECORDS + 500):
        scores.penalise(number.to_bytes(32, "big"), 1, 0)
    assert scores.is_banned(PEER, 1)
    for number in range(1, MAX_RECORDS + 500):
        scores.ban(number.to_bytes(32, "big"), 1_000, 0)
    assert scores.is_banned(PEER, 1), "the ban that ends first is forgotten"
    assert len(scores) == MAX_RECORDS


def test_points_and_bans_outlive_a_restart(tmp_path: Path) -> None:
    scores, other = Scores(), bytes([1]) * 32
    scores.ban(PEER, 1_000, 10)
    scores.penalise(other, 80, 10)
    save(tmp_path / "conducts", scores.encode(110, 1e9))
    assert not scores.changed
    again = Scores()
    again.load(tmp_path / "conducts", 5_000, 1e9 + HALF_LIFE_S)
    assert again.banned(5_000) == {PEER: pytest.approx(900 - HALF_LIFE_S, abs=2)}
    left = 80 * 0.5 ** ((HALF_LIFE_S + 100) / HALF_LIFE_S)
    assert again.points(other, 5_000) == pytest.approx(left, abs=0.1)
    late = Scores()
    late.load(tmp_path / "conducts", 0, 1e9 + 901)
    assert late.banned(0) == {}
    assert late.penalise(PEER, BAN_POINTS, 0)
    assert late.banned(0)[PEER] == 2 * FIRST_BAN_S, "it is known that there was a ban"


def test_a_clock_that_was_set_back_makes_no_ban_longer(tmp_path: Path) -> None:
    scores = Scores()
    scores.ban(PEER, 1_000, 0)
    save(tmp_path / "conducts", scores.encode(0, 1e9))
    again = Scores()
    again.load(tmp_path / "conducts", 0, 1_000)
    assert again.banned(0) == {PEER: 1_000}


def test_a_ban_is_a_year_at_most() -> None:
    scores = Scores()
    scores.ban(PEER, 1e12, 0)
    assert scores.banned(0) == {PEER: MAX_BAN_S}


@pytest.mark.parametrize("contents", [b"", b"\x80", bytes(1000)])
def test_unreadable_conducts_are_left_aside(
    tmp_path: Path, contents: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "conducts").write_bytes(contents)
    scores = Scores()
    scores.load(tmp_path / "conducts", 0, 0)
    assert len(scores) == 0
    assert "conducts is unreadable, starting without" in caplog.text


def test_lines_of_one_cause_come_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    limit = LogLimit(logging.getLogger("reelect.p2p"))
    caplog.set_level(logging.INFO, "reelect.p2p")
    for number in range(100):
        limit.log(logging.INFO, "a", number / 100, f"a{number}")
    limit.log(logging.INFO, "b", 0.99, "b")
    limit.log(logging.INFO, "a", 1.0, "again")
    limit.log(logging.INFO, "a", 2.0, "later")
    assert caplog.messages == ["a0", "b", "again (and 99 like it)", "later"]


def test_the_door_lets_a_neighbourhood_in_at_its_rate_only() -> None:
    door = Doorway(3)
    came = sum(door.admits(f"6.6.0.{n % 250}", 0.0) for n in range(1_000))
    assert came == GROUP_HANDSHAKES.burst
    assert door.admits("7.7.0.1", 0.0), "others are not concerned"
    later = sum(door.admits("6.6.0.1", 10.0) for _ in range(1_000))
    assert later == 10 * GROUP_HANDSHAKES.per_s


def test_the_door_lets_all_in_at_a_rate_that_costs_little() -> None:
    door = Doorway(3)
    came = sum(door.admits(f"{n >> 8}.{n & 255}.0.1", 0.0) for n in range(256, 5_000))
    assert came == HANDSHAKES.burst
    later = sum(door.admits(f"{n >> 8}.{n & 255}.0.1", 10.0) for n in range(256, 5_000))
    assert later == min(10 * HANDSHAKES.per_s, HANDSHAKES.burst)


def test_a_machines_own_addresses_are_told_apart_at_the_door() -> None:
    door = Doorway(3)
    came = sum(door.admits("127.0.0.66", 0.0) for _ in range(1_000))
    assert came == LOOPBACK_HANDSHAKES.burst
    assert door.admits("127.0.0.1", 0.0)


def occupant(number: int, group: str, **changes: float) -> Occupant:
    plain = Occupant(bytes([number]) * 32, group, float(number), math.inf, -math.inf)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_youngest_of_the_largest_group_makes_room() -> None:
    crowd = [occupant(n, "crowd") for n in range(20)]
    some = [occupant(30 + n, "some") for n in range(5)]
    alone = [occupant(40 + n, f"alone {n}") for n in range(5)]
    assert to_displace([*crowd, *some, *alone], "new") == crowd[-1].peer
    assert to_displace([*crowd, *some, *alone], "some") == crowd[-1].peer
    assert to_displace([*crowd, *some, *alone], "crowd") is None
    assert to_displace(alone, "new") is None
    assert to_displace(crowd[:PROTECTED], "new") is None


def test_near_useful_and_old_peers_keep_their_places() -> None:
    crowd = [occupant(n, "crowd") for n in range(24)]
    near = [replace(one, round_trip_s=0.01) for one in crowd[-PROTECTED:]]
    useful = [replace(one, useful_at=99.0) for one in crowd[-2 * PROTECTED : -PROTECTED]]
    plain = crowd[: -2 * PROTECTED]
    occupants = [*plain, *useful, *near]
    gone: list[PeerId] = []
    while (peer := to_displace(occupants, f"new {len(gone)}")) is not None:
        gone.append(peer)
        occupants = [one for one in occupants if one.peer != peer]
        occupants.append(occupant(100 + len(gone), f"new {len(gone) - 1}", connected_at=200.0))
    assert gone == [one.peer for one in reversed(plain)][: len(gone)]
    assert len(gone) >= 6


def test_who_lost_a_place_cannot_take_it_back() -> None:
    occupants = [occupant(n, "left") for n in range(20)]
    moves = 0
    while (peer := to_displace(occupants, "right")) is not None:
        occupants = [one for one in occupants if one.peer != peer]
        occupants.append(occupant(100 + moves, "right"))
        moves += 1
    assert to_displace(occupants, "left") is None
    assert 0 < moves <= 10


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
