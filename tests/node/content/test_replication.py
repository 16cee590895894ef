"""Replicas: who is to hold them, and that they are made, made anew, and dropped."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import RAW, Cid, cid_of
from node.content.holdings import Holdings
from node.content.replication import chosen, falls_to, may_go
from storage.content import ContentError
from storage.content_pin import PinKind
from tests.node.content.nodes import ContentNode, Register, add_file, line, new_node, running
from tests.p2p.nodes import eventually

ROOT = cid_of(RAW, b"a video")
PEERS = [bytes([number]) * 32 for number in range(1, 9)]
MIB = 1024 * 1024


@given(st.sets(st.sampled_from(PEERS)), st.sets(st.sampled_from(PEERS)), st.integers(1, 8))
def test_just_as_many_fetch_a_file_as_are_missing(
    holders: set[bytes], able: set[bytes], replicas: int
) -> None:
    room = {peer: 10 if peer in able else 9 for peer in PEERS}
    called = {
        peer
        for peer in PEERS
        if falls_to(peer, ROOT, 10, holders=holders, room_bytes=room, replicas=replicas)
    }
    missing = max(replicas - len(holders), 0) if holders else 0
    assert len(called) == min(missing, len(able - holders))
    assert called <= able - holders


def test_when_a_node_goes_only_its_files_move() -> None:
    roots = [cid_of(RAW, bytes([i])) for i in range(100)]
    before = {root: set(chosen(root, PEERS, 3)) for root in roots}
    after = {root: set(chosen(root, PEERS[1:], 3)) for root in roots}
    for root in roots:
        assert before[root] - {PEERS[0]} <= after[root]
    assert 10 < sum(PEERS[0] in peers for peers in before.values()) < 70


def test_who_should_fetch_and_does_not_is_passed_over() -> None:
    room = dict.fromkeys(PEERS, 10)
    order = chosen(ROOT, PEERS[1:], 7)
    called = [
        [
            falls_to(peer, ROOT, 1, holders=PEERS[:1], room_bytes=room, replicas=2, idle=idle)
            for peer in order
        ].count(True)
        for idle in range(3)
    ]
    assert called == [1, 2, 3]


def test_a_surplus_goes_from_the_last_in_order() -> None:
    order = chosen(ROOT, PEERS, 8)
    assert [may_go(peer, ROOT, PEERS, 3) for peer in order] == [False] * 3 + [True] * 5
    assert not may_go(order[5], ROOT, order[5:], 3)


def test_holdings_outlive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "holdings"
    roots = [cid_of(RAW, bytes([i])) for i in range(3)]
    holdings = Holdings(file)
    assert holdings.add(roots[0], 5, is_replica=True)
    assert holdings.add(roots[1], 7, is_replica=False)
    assert holdings.add(roots[2], 9, is_replica=True)
    assert not holdings.add(roots[1], 7, is_replica=True), "what is its own is no replica"
    holdings.save()
    again = Holdings(file)
    assert again.newest(2) == roots[1:]
    assert (again.replicas, again.replica_bytes) == (2, 14)
    assert again.add(roots[0], 5, is_replica=False)
    assert again.replica_roots() == [roots[2]]
    assert again.remove(roots[2])
    assert not again.remove(roots[2])
    assert again.replica_bytes == 0


@pytest.mark.parametrize("contents", [b"", b"\x80", bytes(100)])
def test_a_damaged_list_of_holdings_is_made_anew(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "holdings").write_bytes(contents)
    assert len(Holdings(tmp_path / "holdings")) == 0


def holding(nodes: list[ContentNode], root: Cid) -> list[int]:
    """The numbers of the nodes that hold a file."""
    return [node.number for node in nodes if root in node.exchange.holdings]


async def test_videos_are_replicated_to_as_many_nodes_as_are_wanted(tmp_path: Path) -> None:
    register = Register()
    nodes = [
        new_node(tmp_path, register, number, replicas=3, room_bytes=4 * MIB)
        for number in range(1, 6)
    ]
    async with running(nodes, line(5)):
        await eventually(
            lambda: all(len(node.exchange.providers) == 5 for node in nodes)
        )  # who offers room
        files = [add_file(nodes[0], tmp_path, 300_000, seed) for seed in range(3)]
        others = [node.id for node in nodes[1:]]
        for file in files:
            await eventually(lambda file=file: len(holding(nodes, file.cid)) == 3)  # type: ignore[misc]
            expected = chosen(file.cid, others, 2)
            assert {node.id for node in nodes[1:] if file.cid in node.exchange.holdings} == set(
                expected
            )
        sizes = [node.exchange.holdings.replica_bytes for node in nodes]
    assert sum(sizes) == 6 * 300_000
    assert sizes[0] == 0, "its own are no replicas"


async def test_a_replica_is_made_anew_when_a_holder_is_gone(tmp_path: Path) -> None:
    register = Register()
    nodes = [
        new_node(tmp_path, register, number, replicas=2, room_bytes=MIB) for number in range(1, 5)
    ]
    shape = [[], [0], [0, 1], [0, 1, 2]]
    async with running(nodes, shape):
        await eventually(lambda: all(len(node.exchange.providers) == 4 for node in nodes))
        file = add_file(nodes[0], tmp_path, 300_000)
        await eventually(lambda: len(holding(nodes, file.cid)) == 2)
        (lost,) = [node for node in nodes[1:] if file.cid in node.exchange.holdings]
        lost.network.close()
        staying = [node for node in nodes if node is not lost]
        await eventually(lambda: len(staying[0].network.peers()) == 2)
        await eventually(lambda: len(holding(staying, file.cid)) == 2)


async def test_a_node_without_room_takes_no_replicas(tmp_path: Path) -> None:
    register = Register()
    nodes = [
        new_node(tmp_path, register, 1, replicas=2),
        new_node(tmp_path, register, 2, replicas=2, room_bytes=100_000),
        new_node(tmp_path, register, 3, replicas=2, room_bytes=0),
    ]
    async with running(nodes, [[], [0], [0, 1]]):
        await eventually(lambda: all(len(node.exchange.providers) == 3 for node in nodes))
        large = add_file(nodes[0], tmp_path, 100_001, 1)
        small = add_file(nodes[0], tmp_path, 90_000, 2)
        await eventually(lambda: holding(nodes, small.cid) == [1, 2])
        assert holding(nodes, large.cid) == [1]


async def test_a_surplus_is_dropped_where_room_is_short(tmp_path: Path) -> None:
    register = Register()
    nodes = [
        new_node(tmp_path, register, number, replicas=1, room_bytes=100_000) for number in (1, 2)
    ]
    first, second = nodes
    file = add_file(first, tmp_path, 99_000)
    second.store.add_file(tmp_path / "file-99000-0")
    for node in nodes:
        node.store.pin(file.cid, PinKind.REPLICA)
    keeper = chosen(file.cid, [node.id for node in nodes], 1)
    for node in nodes:
        node.exchange.holdings.add(file.cid, 99_000, is_replica=True)
    async with running(nodes, line(2)):
        await eventually(lambda: len(holding(nodes, file.cid)) == 1)
        (gone,) = [node for node in nodes if file.cid not in node.exchange.holdings]
        await eventually(lambda: not gone.store.has(file.cid))
    (stays,) = [node for node in nodes if file.cid in node.exchange.holdings]
    (goes,) = [node for node in nodes if node is not stays]
    assert [stays.id] == keeper
    assert [len(node.store.pins_of(file.cid)) for node in (stays, goes)] == [1, 0]


async def test_a_store_that_fails_does_not_stop_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node = new_node(tmp_path, Register(), 1)
    file = add_file(node, tmp_path, 1000)

    def fail(cid: Cid) -> bool:
        raise ContentError("the disk is gone")

    monkeypatch.setattr(node.store, "has", fail)
    async with running([node], [[]]):
        await eventually(lambda: "the disk is gone" in caplog.text)
        monkeypatch.undo()
        await eventually(lambda: file.cid in node.exchange.holdings)
