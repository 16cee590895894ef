"""Who holds what: records that count, their bounds, and the ways to the holders."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import RAW, Cid, cid_of
from consensus.errors import Invalid
from consensus.record import Record, replace
from node.content.providers import ProviderTable, Route
from p2p.identity import PeerId
from p2p.messages import MAX_PROVIDERS_BYTES, GetProviders, Providers
from p2p.provider import (
    EARLY_MS,
    LIFE_MS,
    MAX_HOPS,
    MAX_PROVIDERS,
    MAX_ROOTS,
    CarriedProvider,
    KnownProvider,
    ProviderRecord,
    sign_provider,
)
from tests.node.content.nodes import (
    NOW_MS,
    ContentNode,
    Register,
    add_file,
    line,
    new_node,
    running,
)
from tests.p2p.nodes import CHAIN, eventually, key

OWN, NEAR, FAR = (key(number).public for number in (1, 2, 3))
ROOTS = sorted(cid_of(RAW, bytes([i])) for i in range(4))


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


def record_of(
    number: int, roots: Iterable[Cid] = ROOTS[:1], made_ms: int = NOW_MS
) -> ProviderRecord:
    """What node `number` says that it holds."""
    return sign_provider(key(number), CHAIN, made_ms, 0, tuple(roots))


def table(clock: Clock | None = None) -> ProviderTable:
    """The table of node 1, which holds nothing."""
    made = ProviderTable(OWN, clock or Clock())
    made.set_own(record_of(1, ()))
    return made


def test_a_record_is_checked_by_anybody() -> None:
    good = record_of(2, ROOTS)
    good.check(CHAIN)
    bad = [
        replace(good, room_bytes=1),
        replace(good, peer=key(3).public),
        replace(good, made_ms=NOW_MS + 1),
        replace(good, roots=good.roots[1:]),
        record_of(2, reversed(ROOTS)),
        record_of(2, [ROOTS[0], ROOTS[0]]),
        sign_provider(key(2), bytes(32), NOW_MS, 0, ()),
    ]
    for record in bad:
        with pytest.raises(Invalid):
            record.check(CHAIN)


def test_a_record_counts_for_its_time_only() -> None:
    record = record_of(2)
    assert record.is_timely(NOW_MS)
    assert record.is_timely(NOW_MS + LIFE_MS - 1)
    assert not record.is_timely(NOW_MS + LIFE_MS)
    assert record.is_timely(NOW_MS - EARLY_MS)
    assert not record.is_timely(NOW_MS - EARLY_MS - 1)


def test_the_newest_record_of_a_provider_counts() -> None:
    found = table()
    assert found.take(record_of(2, ROOTS[:2], NOW_MS), NEAR, 0)
    assert not found.take(record_of(2, ROOTS[2:], NOW_MS), NEAR, 0)
    assert found.take(record_of(2, ROOTS[1:], NOW_MS + 1), NEAR, 0)
    assert [found.holders(root) for root in ROOTS] == [[], [NEAR], [NEAR], [NEAR]]
    assert found.roots == 3


def test_nobody_else_speaks_for_this_node() -> None:
    found = table()
    assert not found.take(record_of(1, ROOTS, NOW_MS + 1), NEAR, 3)
    assert found.holders(ROOTS[0]) == []


def test_what_is_too_old_is_dropped_and_the_own_record_stays() -> None:
    clock = Clock()
    found = table(clock)
    found.take(record_of(2), NEAR, 0)
    clock.now_ms += LIFE_MS
    found.expire()
    assert found.holders(ROOTS[0]) == []
    assert len(found) == 1


def test_the_ways_are_those_that_lead_nearer() -> None:
    found = table()
    found.take(record_of(9), NEAR, 2)
    found.hear(FAR, [KnownProvider(key(9).public, NOW_MS, 3)])
    assert found.routes(ROOTS[0]) == [Route(NEAR, 2), Route(FAR, 3)]
    found.hear(FAR, [KnownProvider(key(9).public, NOW_MS, 4)])
    assert found.routes(ROOTS[0]) == [Route(NEAR, 2)], "that one comes here itself"
    found.take(record_of(2), NEAR, 0)
    assert found.routes(ROOTS[0]) == [Route(NEAR, 0)]


def test_who_is_known_by_no_neighbour_any_more_is_forgotten() -> None:
    found = table()
    found.take(record_of(9), NEAR, 1)
    found.hear(FAR, [KnownProvider(key(9).public, NOW_MS, 1)])
    found.hear(NEAR, [])
    assert found.holders(ROOTS[0]) == [key(9).public]
    found.forget(FAR)
    assert found.holders(ROOTS[0]) == []


def test_a_provider_beyond_the_horizon_is_not_taken() -> None:
    found = table()
    assert not found.take(record_of(2), NEAR, MAX_HOPS)
    assert found.take(record_of(3), NEAR, MAX_HOPS - 1)
    assert max(item.hops for item in found.known()) == MAX_HOPS
    found.hear(NEAR, [KnownProvider(FAR, NOW_MS, MAX_HOPS)])
    assert found.holders(ROOTS[0]) == []


def test_a_flood_of_providers_fills_the_table_and_no_more() -> None:
    found = table()
    for number in range(2, MAX_PROVIDERS + 50):
        taken = found.take(record_of(number), NEAR, 1 + number % 3)
        assert taken == (number <= MAX_PROVIDERS)
    assert len(found) == MAX_PROVIDERS
    neighbour = record_of(9_999, ROOTS[1:])
    assert found.take(neighbour, neighbour.peer, 0), "a neighbour has its place always"
    assert len(found) == MAX_PROVIDERS
    assert found.holders(ROOTS[1]) == [neighbour.peer]


def test_answers_are_bounded_and_what_is_left_comes_next() -> None:
    found, roots = table(), sorted(cid_of(RAW, b"%d" % i) for i in range(MAX_ROOTS))
    for number in range(2, 7):
        found.take(record_of(number, roots), NEAR, 0)
    known: list[KnownProvider] = []
    answers = 0
    while news := found.news_for(known):
        answers += 1
        assert sum(len(item.record) for item in news) <= MAX_PROVIDERS_BYTES
        records = [ProviderRecord.decode(item.record) for item in news]
        known += [KnownProvider(record.peer, record.made_ms, 1) for record in records]
    assert {item.peer for item in known} == {OWN, *(key(n).public for n in range(2, 7))}
    assert answers == 5


@given(st.lists(st.tuples(st.integers(2, 5), st.integers(2, 4), st.integers(0, 17)), max_size=30))
def test_the_table_agrees_with_a_plain_model(steps: list[tuple[int, int, int]]) -> None:
    found = table()
    routes: dict[PeerId, dict[PeerId, int]] = {}
    for provider, neighbour, hops in steps:
        peer, via = key(provider).public, key(neighbour).public
        if found.take(record_of(provider), via, min(hops, MAX_HOPS)):
            routes[peer] = {via: hops}
        else:
            told = [KnownProvider(peer, NOW_MS, min(hops, MAX_HOPS))]
            found.hear(via, told)
            for known, ways in list(routes.items()):
                ways.pop(via, None)
                if known == peer and hops < MAX_HOPS:
                    ways[via] = hops
                if not ways:
                    del routes[known]
        assert set(found.holders(ROOTS[0])) == routes.keys()
        expected = {item.peer: item.hops for item in found.known() if item.peer != OWN}
        assert expected == {known: 1 + min(ways.values()) for known, ways in routes.items()}


# Over real connections


async def forging(node: ContentNode, carried: CarriedProvider, tmp_path: Path) -> bool:
    """Whether a neighbour of `node` that brings this record has points then."""
    liar = new_node(tmp_path, node.register, 7)

    async def serve(peer: PeerId, request: Record) -> Record | None:
        if isinstance(request, GetProviders):
            return Providers((carried,))
        return await liar.exchange.serve(peer, request)

    liar.answer = serve
    async with running([node, liar], line(2)):
        with trio.move_on_after(20):
            while liar.questions(GetProviders) < 2 and node.network.peers():  # noqa: ASYNC110
                await trio.sleep(0.05)
        liar.asked.append((b"points", GetProviders(())))
        points = [peer.points for peer in node.network.peers()]
        assert node.network.banned() or points
    return max(points, default=100) > 20


@pytest.mark.parametrize("how", ["forged", "of another chain", "no record"])
async def test_who_brings_what_cannot_be_right_is_blamed(tmp_path: Path, how: str) -> None:
    node = new_node(tmp_path, Register(), 1)
    record = {
        "forged": replace(record_of(8, ()), room_bytes=5).encode(),
        "of another chain": sign_provider(key(8), bytes(32), NOW_MS, 0, ()).encode(),
        "no record": b"\x80",
    }[how]
    assert await forging(node, CarriedProvider(1, record), tmp_path)
    assert node.exchange.asking.counts.wrong


@pytest.mark.parametrize("how", ["unregistered", "old", "early"])
async def test_what_does_not_count_now_is_nobodys_fault(tmp_path: Path, how: str) -> None:
    node = new_node(tmp_path, Register(), 1)
    record = {
        "unregistered": record_of(8),
        "old": record_of(8, (), NOW_MS - LIFE_MS),
        "early": record_of(8, (), NOW_MS + EARLY_MS + 1),
    }[how]
    assert not await forging(node, CarriedProvider(1, record.encode()), tmp_path)
    assert key(8).public not in {item.peer for item in node.exchange.providers.known()}


def test_what_is_taken_is_timely_registered_and_news(tmp_path: Path) -> None:
    node = new_node(tmp_path, Register(), 1)
    file = add_file(node, tmp_path, 1000)
    good = record_of(8, [file.cid])
    records = [
        good,
        record_of(7),
        record_of(7, (), NOW_MS - LIFE_MS),
        record_of(7, (), NOW_MS + EARLY_MS + 1),
        record_of(1, (), NOW_MS + 1),
    ]
    carried = [CarriedProvider(1, record.encode()) for record in records]
    assert node.exchange._check(carried) == [(1, good)]


async def test_garbage_does_not_travel(tmp_path: Path) -> None:
    register = Register()
    nodes = [new_node(tmp_path, register, number) for number in range(1, 4)]
    file = add_file(nodes[0], tmp_path, 1000)
    nodes[0].exchange.holdings.add(cid_of(RAW, b"garbage"), 7, is_replica=False)
    async with running(nodes, line(3)):
        providers = nodes[2].exchange.providers
        await eventually(lambda: bool(providers.holders(file.cid)))
        assert all(record.roots in ((), (file.cid,)) for record in providers.records())
