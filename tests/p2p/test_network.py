"""Networks of real nodes over loopback: gossip, requests, who stays connected."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import trio

from consensus.compact import CompactBlock
from consensus.errors import InvalidEncoding
from consensus.record import Record
from p2p.config import NetworkConfig, Timing
from p2p.handler import Verdict
from p2p.handshake import Admission
from p2p.messages import (
    Blocks,
    GetBlock,
    GetPeers,
    GetTransactions,
    Peers,
    Status,
    TransactionIds,
    Transactions,
)
from p2p.peeraddress import PeerAddress
from p2p.questions import PeerGone, RemoteError, RequestTimeout
from p2p.scoring import BAN_POINTS
from tests.p2p.nodes import (
    GENESIS,
    LOCALHOST,
    PATIENCE_S,
    QUIET,
    Node,
    block,
    eventually,
    key,
    make_node,
    nodes_in_shape,
    start,
    vote,
    votes,
)

LINE = [[], [0], [1], [2], [3], [4]]
RING = [[], [0], [1], [2], [3], [4, 0]]
STAR = [[], [0], [0], [0], [0], [0]]
MESH = [list(range(i)) for i in range(6)]
SHAPES = pytest.mark.parametrize(
    "shape", [LINE, RING, STAR, MESH], ids=["line", "ring", "star", "mesh"]
)


def frames_received(node: Node, kind: str) -> int:
    return node.network.counters.received.named()[kind][0]


@SHAPES
async def test_gossip_reaches_every_node_once(shape: list[list[int]]) -> None:
    async with nodes_in_shape(shape) as nodes:
        sent = block(1)
        nodes[2].network.broadcast(sent)
        for number, node in enumerate(nodes):
            node.network.broadcast(votes(number))
        for number, node in enumerate(nodes):
            await node.handler.until_votes(len(nodes) - 1)
            others = set(range(len(nodes))) - {number}
            assert set(node.handler.vote_keys()) == {vote(n).key for n in others}
            if number != 2:
                await node.handler.until_message(sent)
        for number, node in enumerate(nodes):
            assert node.handler.messages(CompactBlock) == [sent] * (number != 2)


async def test_nothing_goes_back_to_where_it_came_from() -> None:
    async with nodes_in_shape(LINE[:3]) as (first, middle, last):
        first.network.broadcast(block(1))
        last.network.broadcast(votes(1, 2))
        await last.handler.until(lambda: bool(last.handler.messages(CompactBlock)))
        await first.handler.until_votes(2)
        await flushed(middle, first)
        await flushed(middle, last)
        assert frames_received(middle, "compact_block") == 1
        assert frames_received(first, "compact_block") == 0
        assert frames_received(last, "votes") == 2, "more than those of flushed()"
        assert [n.network.counters.duplicates for n in (first, middle, last)] == [0, 0, 0]


FLUSHING = count(10**9)  # votes that no test has sent


async def flushed(node: Node, peer: Node) -> None:
    """Return when all that `node` had queued for `peer`, and the reverse, has arrived."""
    await node.network.request(peer.id, GetBlock(GENESIS), PATIENCE_S)
    await peer.network.request(node.id, GetBlock(GENESIS), PATIENCE_S)
    there, back = votes(next(FLUSHING)), votes(next(FLUSHING))  # no node sends back what it got
    node.network.send(peer.id, there)
    peer.network.send(node.id, back)
    await peer.handler.until(lambda: there.votes[0].key in peer.handler.vote_keys())
    await node.handler.until(lambda: back.votes[0].key in node.handler.vote_keys())


async def test_what_is_known_is_neither_sent_nor_judged_again() -> None:
    async with nodes_in_shape([[], [0]]) as (first, second):
        first.network.broadcast(votes(1, 2))
        await second.handler.until_votes(2)
        first.network.broadcast(votes(2, 3))
        await second.handler.until_votes(3)
        second.network.broadcast(votes(1, 2, 3, 4))
        await first.handler.until(lambda: bool(first.handler.vote_keys()))
        assert first.handler.vote_keys() == [vote(4).key]
        assert first.network.counters.duplicates == 0
        first.network.send(second.id, votes(2, 5))
        await second.handler.until_votes(4)
        assert second.network.counters.duplicates == 1


async def test_votes_are_packed_and_only_new_ones_relayed() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        for number in range(150):
            first.network.broadcast(votes(number))
        await second.handler.until_votes(150)
        assert frames_received(second, "votes") == 3
        assert second.handler.vote_keys() == [i.to_bytes(32, "big") for i in range(150)]


@pytest.mark.parametrize("verdict", [Verdict.IGNORE, Verdict.REJECT])
async def test_what_is_not_accepted_goes_no_further(verdict: Verdict) -> None:
    async with nodes_in_shape(LINE[:3]) as (first, middle, last):
        middle.handler.judge = lambda m: verdict if isinstance(m, CompactBlock) else Verdict.ACCEPT
        first.network.broadcast(block(2))
        await middle.handler.until(lambda: bool(middle.handler.messages(CompactBlock)))
        await flushed(middle, last)
        assert last.handler.messages(CompactBlock) == []
        assert middle.network.counters.rejected == (verdict is Verdict.REJECT)
        assert first.id in middle.peer_ids()


async def test_rejected_again_and_again_bans() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        second.handler.judge = lambda _: Verdict.REJECT
        for number in range(5):
            first.network.broadcast(block(number))
        await second.handler.until_peers(0)
        assert second.network.counters.bans == 1
        assert set(second.network.banned()) == {first.id}


async def test_an_invalid_that_is_raised_rejects() -> None:
    def judge(message: Record) -> Verdict:
        if isinstance(message, CompactBlock):
            raise InvalidEncoding("no")
        return Verdict.ACCEPT

    async with nodes_in_shape(LINE[:2]) as (first, second):
        second.handler.judge = judge
        first.network.broadcast(block(2))
        await second.handler.until(lambda: bool(second.handler.messages(CompactBlock)))
        await flushed(first, second)
        assert second.network.counters.rejected == 1
        assert first.id in second.peer_ids()


async def test_announcements_come_from_each_peer_once() -> None:
    async with nodes_in_shape([[], [0], [0]]) as (hub, left, right):
        ids = TransactionIds((bytes(32), bytes([1]) * 32))
        for node in (left, right, left):
            node.network.broadcast(ids)
        await hub.handler.until(lambda: len(hub.handler.messages(TransactionIds)) == 2)
        assert hub.handler.messages(TransactionIds) == [ids, ids]
        hub.network.broadcast(ids)
        await flushed(hub, left)
        assert left.handler.messages(TransactionIds) == []


async def test_requests_are_answered_by_number() -> None:
    def answer(request: Record) -> Record:
        assert isinstance(request, GetTransactions)
        return Transactions(request.ids)

    async with nodes_in_shape(LINE[:2]) as (first, second):
        second.handler.answer = answer
        answers: dict[int, Record] = {}

        async def ask(number: int) -> None:
            request = GetTransactions((bytes([number]) * 32,))
            answers[number] = await first.network.request(second.id, request, PATIENCE_S)

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(ask, number)
        assert answers == {n: Transactions((bytes([n]) * 32,)) for n in range(8)}


async def test_a_refused_request_says_why() -> None:
    def refuse(_: Record) -> Record | None:
        raise InvalidEncoding("that block is not kept here")

    async with nodes_in_shape(LINE[:2]) as (first, second):
        second.handler.answer = lambda _: None
        with pytest.raises(RemoteError, match="not served here"):
            await first.network.request(second.id, GetBlock(GENESIS), PATIENCE_S)
        second.handler.answer = refuse
        with pytest.raises(RemoteError, match="that block is not kept here"):
            await first.network.request(second.id, GetBlock(GENESIS), PATIENCE_S)


async def test_a_request_that_nobody_answers() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        with pytest.raises(PeerGone, match="not connected"):
            await first.network.request(key(50).public, GetBlock(GENESIS), PATIENCE_S)
        asked: list[str] = []
        never = trio.Event()

        async def serve(peer: bytes, request: Record) -> Record | None:
            asked.append("asked")
            second.handler._wake()
            await never.wait()
            return Blocks(())

        second.handler.serve = serve  # type: ignore[method-assign]
        with pytest.raises(RequestTimeout):
            await first.network.request(second.id, GetBlock(GENESIS), 0.0)

        async def ask() -> None:
            with pytest.raises(PeerGone):
                await first.network.request(second.id, GetBlock(GENESIS), PATIENCE_S)
            asked.append("gone")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await second.handler.until(lambda: len(asked) == 2)
            second.network.close()
        assert asked[-1] == "gone"


async def test_an_answer_that_comes_too_late_is_passed_over() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        go = trio.Event()

        async def serve(peer: bytes, request: Record) -> Record | None:
            await go.wait()
            return Blocks(())

        normal, second.handler.serve = second.handler.serve, serve  # type: ignore[method-assign]
        with pytest.raises(RequestTimeout):
            await first.network.request(second.id, GetBlock(GENESIS), 0.0)
        go.set()
        second.handler.serve = normal  # type: ignore[method-assign]
        answer = await first.network.request(second.id, GetBlock(GENESIS), PATIENCE_S)
        assert answer == Blocks((b"a block",))
        assert first.network.counters.violations == 0


async def test_a_handler_may_ask_the_peer_whose_gossip_it_judges() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        answers: list[Record] = []

        async def gossip(peer: bytes, message: Record, raw: bytes) -> Verdict:
            if isinstance(message, CompactBlock):
                answers.append(await second.network.request(peer, GetBlock(GENESIS), PATIENCE_S))
                second.handler._wake()
            return Verdict.ACCEPT

        second.handler.gossip = gossip  # type: ignore[method-assign]
        first.network.broadcast(block(2))
        await second.handler.until(lambda: bool(answers))
        assert answers == [Blocks((b"a block",))]


async def test_peers_are_described() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        second.handler.height = 7
        second.network.send(first.id, second.handler.status())
        await first.handler.until(lambda: status_height(first) == 7)
        (seen,) = first.network.peers()
        (back,) = second.network.peers()
        assert (seen.id, seen.direction, seen.round_trip_s is None) == (second.id, "inbound", False)
        assert (back.id, back.direction) == (first.id, "outbound")
        assert back.address == f"{LOCALHOST}:{first.network.listen_port}"
        assert seen.connected_s >= 0
        assert seen.clock_offset_ms is not None


def status_height(node: Node) -> int:
    heard = node.handler.messages(Status)
    asked_too = all(peer.round_trip_s is not None for peer in node.network.peers())
    return heard[-1].head_height if heard and asked_too else -1  # type: ignore[attr-defined]


# Who stays connected


async def test_a_lost_peer_is_dialled_again() -> None:
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as first_life:
            first = await start(first_life, 1)
            config = replace(QUIET, peers=(first.address,))
            second = await start(nursery, 2, config)
            await second.handler.until_peers(1)
            first.network.close()
        await second.handler.until_peers(0)
        again = await start(nursery, 1, replace(QUIET, port=first.network.listen_port))
        await second.handler.until_peers(1)
        assert again.peer_ids() == {second.id}
        again.network.close()
        second.network.close()


async def test_two_that_dial_each_other_keep_one_connection() -> None:
    async with trio.open_nursery() as nursery:
        ports = [await free_port(), await free_port()]
        nodes: list[Node] = []
        for number in (1, 2):
            other = PeerAddress(key(3 - number).public, LOCALHOST, ports[2 - number])
            nodes.append(make_node(number, replace(QUIET, port=ports[number - 1], peers=(other,))))
        for node in nodes:
            nursery.start_soon(node.network.run)
        await agreed(nodes)
        assert [len(node.network.peers()) for node in nodes] == [1, 1]
        for node in nodes:
            node.network.close()


async def agreed(nodes: Sequence[Node]) -> None:
    """Return when the two of a connection see it as it is, one as the other's guest."""

    def is_so() -> bool:
        ends = [peer.direction for node in nodes for peer in node.network.peers()]
        return sorted(ends) == ["inbound", "outbound"]

    async with trio.open_nursery() as looking:

        async def look(node: Node) -> None:
            await node.handler.until(is_so)
            looking.cancel_scope.cancel()

        for node in nodes:
            looking.start_soon(look, node)


async def free_port() -> int:
    (listener,) = await trio.open_tcp_listeners(0, host=LOCALHOST)
    port = int(listener.socket.getsockname()[1])
    await listener.aclose()
    return port


async def test_a_restarted_peer_takes_the_place_of_its_dead_connection() -> None:
    async with trio.open_nursery() as nursery:
        hub = await start(nursery, 1)
        config = replace(QUIET, peers=(hub.address,))
        old = await start(nursery, 2, config)
        await hub.handler.until_peers(1)
        young = await start(nursery, 2, config)
        await hub.handler.until(lambda: hub.handler.arrivals == 2)
        assert len(hub.network.peers()) == 1
        for node in (old, young, hub):
            node.network.close()


async def test_a_banned_peer_stays_out_until_it_is_let_in_again() -> None:
    async with nodes_in_shape(LINE[:2]) as (first, second):
        first.network.misbehaved(second.id, BAN_POINTS, "it lied")
        await first.handler.until_peers(0)
        await second.handler.until_peers(0)
        failed = second.network.counters.dials_failed
        await eventually(lambda: second.network.counters.dials_failed > failed)
        assert first.network.peers() == ()
        first.network.unban(second.id)
        await first.handler.until_peers(1)


async def test_places_for_inbound_peers_are_limited() -> None:
    async with trio.open_nursery() as nursery:
        hub = await start(nursery, 1, replace(QUIET, max_inbound=2))
        nodes = [await start(nursery, n, replace(QUIET, peers=(hub.address,))) for n in (2, 3, 4)]
        await eventually(lambda: any(node.network.counters.dials_failed for node in nodes))
        await hub.handler.until_peers(2)
        for node in (*nodes, hub):
            node.network.close()


async def test_who_is_no_member_any_more_is_put_out() -> None:
    members = {key(1).public, key(2).public}
    config = replace(
        QUIET,
        admission=Admission(members.__contains__),
        timing=Timing(maintenance_s=0.01),
    )
    async with nodes_in_shape([[], [0]], config) as (first, second):
        members.discard(second.id)
        await first.handler.until_peers(0)
        await second.handler.until_peers(0)


async def test_nodes_find_each_other_through_one(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        seed = await start(nursery, 1, NetworkConfig(outbound=3))
        config = NetworkConfig(peers=(seed.address,), outbound=3)
        others = [await start(nursery, number, config) for number in (2, 3)]
        book = tmp_path / "peers"
        others.append(await start(nursery, 4, replace(config, address_book=book)))
        nodes = [seed, *others]
        for node in nodes:
            await node.handler.until_peers(3)
        for node in nodes:
            node.network.close()
    assert book.exists()

    async with trio.open_nursery() as nursery:
        ports = {node.id: node.network.listen_port for node in nodes}
        second = await start(nursery, 2, NetworkConfig(port=ports[nodes[1].id], outbound=3))
        fourth = await start(nursery, 4, NetworkConfig(outbound=3, address_book=book))
        await fourth.handler.until_peers(1)
        assert fourth.peer_ids() == {second.id}
        second.network.close()
        fourth.network.close()


async def test_a_node_behind_a_router_tells_the_port_that_is_mapped_to_its_own() -> None:
    async with trio.open_nursery() as nursery:
        middle = await start(nursery, 1)
        behind = replace(QUIET, peers=(middle.address,), advertised_port=7777)
        other = replace(QUIET, peers=(middle.address,))
        hidden, asker = await start(nursery, 2, behind), await start(nursery, 3, other)
        await middle.handler.until_peers(2)
        await asker.handler.until_peers(1)
        answer = await asker.network.request(middle.id, GetPeers())
        assert answer == Peers((PeerAddress(hidden.id, LOCALHOST, 7777),))
        assert hidden.network.listen_port != 7777
        for node in (middle, hidden, asker):
            node.network.close()


async def test_a_taken_port_is_an_error_of_its_own() -> None:
    async with trio.open_nursery() as nursery:
        node = await start(nursery, 1)
        other = make_node(2, replace(QUIET, port=node.network.listen_port))
        with pytest.raises(OSError):
            await other.network.run()
        node.network.close()


async def test_cancelling_ends_everything() -> None:
    async with nodes_in_shape([[]]) as (hub,), trio.open_nursery() as nursery:
        node = make_node(2, replace(QUIET, peers=(hub.address,)))
        await nursery.start(node.network.run)
        await hub.handler.until_peers(1)
        nursery.cancel_scope.cancel()
    assert node.handler.present == []
    assert hub.handler.present == []


async def test_a_bug_in_the_handler_costs_one_connection_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def judge(message: Record) -> Verdict:
        if isinstance(message, CompactBlock):
            raise KeyError("a bug")
        return Verdict.ACCEPT

    async with trio.open_nursery() as nursery:
        hub = await start(nursery, 1)
        config = replace(QUIET, peers=(hub.address,))
        first, second = [await start(nursery, number, config) for number in (2, 3)]
        await hub.handler.until_peers(2)
        hub.handler.judge = judge
        first.network.broadcast(block(2))
        await first.handler.until(lambda: first.handler.arrivals == 2)
        assert hub.network.counters.faults == 1
        assert hub.handler.arrivals == 3
        assert "KeyError: 'a bug'" in caplog.text
        assert not hub.network.banned()
        for node in (hub, first, second):
            node.network.close()
