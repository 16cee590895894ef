"""Who gets in and who stays, on real sockets: floods at the door, full nodes, restarts."""

import logging
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from p2p.config import NetworkConfig, Timing
from p2p.handshake import Admission, HandshakeFailed, Outcome
from p2p.messages import BY_TYPE, GetPeers, GetStatus, Goodbye, Peers, Rate, Refusal
from p2p.peeraddress import PeerAddress
from p2p.questions import PeerGone, RequestTimeout
from p2p.scoring import BAN_POINTS
from tests.p2p.nodes import (
    LOCALHOST,
    QUIET,
    Node,
    RawPeer,
    eventually,
    key,
    make_node,
    nodes_in_shape,
    raw_peer,
    start,
    transport,
    votes,
)


async def raw_peer_from(node: Node, number: int, host: str) -> RawPeer:
    """A raw peer whose address is `host`."""
    stream = await trio.open_tcp_stream(LOCALHOST, node.network.listen_port, local_address=host)
    return RawPeer(await transport(number).dial(stream, node.id))


async def test_a_flood_of_connections_is_turned_away_and_others_get_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2p.doorway.LOOPBACK_HANDSHAKES", Rate(1e-9, 20))
    async with trio.open_nursery() as nursery:
        node = await start(nursery, 1, replace(QUIET, max_strangers=8))
        port, arrivals = node.network.listen_port, node.network.counters.arrivals
        flood = [
            await trio.open_tcp_stream(LOCALHOST, port, local_address="127.6.6.6")
            for _ in range(60)
        ]
        await eventually(lambda: arrivals[Outcome.RATE.value] == 40)
        assert arrivals[Outcome.CROWDED_OUT.value] == 12
        friend = await start(nursery, 2, replace(QUIET, peers=(node.address,)))
        await friend.handler.until_peers(1)
        for stream in flood:
            await trio.aclose_forcefully(stream)
        for each in (node, friend):
            each.network.close()


async def test_lines_about_strangers_name_them_and_are_few(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "reelect.p2p")
    async with nodes_in_shape([[]], replace(QUIET, max_inbound=0)) as (node,):
        for _ in range(20):
            with pytest.raises(HandshakeFailed, match="no free place"):
                async with raw_peer(node):
                    pass
        await eventually(lambda: node.network.counters.arrivals[Outcome.NO_PLACE.value] == 20)
    lines = [line for line in caplog.messages if "no free place" in line and "stranger" in line]
    assert f"as {key(99).public.hex()[:8]}: no free place" in lines[0]
    assert len(lines) < 20


async def test_a_full_node_gives_a_newcomer_of_elsewhere_a_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2p.connections.address_group", lambda host: host)
    config = replace(QUIET, max_inbound=20, max_inbound_per_group=20)
    async with nodes_in_shape([[]], config) as (node,):
        crowd = [await raw_peer_from(node, 100 + n, "127.6.6.6") for n in range(20)]
        await node.handler.until_peers(20)
        with pytest.raises(HandshakeFailed, match="no free place"):
            await raw_peer_from(node, 150, "127.6.6.6")
        guest = await raw_peer_from(node, 200, "127.0.0.9")
        await node.handler.until(lambda: key(200).public in node.handler.present)
        await node.handler.until_peers(20)
        assert node.network.counters.displaced == 1
        goodbye, _ = await crowd[-1].next_of(Goodbye)
        assert goodbye == Goodbye("its place goes to a node of another neighbourhood")
        for peer in (*crowd, guest):
            await peer.aclose()


async def test_who_only_claims_to_be_somebody_displaces_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2p.connections.address_group", lambda host: host)
    config = replace(
        QUIET, max_inbound=20, max_inbound_per_group=20, admission=Admission(join_secret=b"s")
    )
    member = Admission(join_secret=b"s")
    async with nodes_in_shape([[]], config) as (node,):
        crowd: list[RawPeer] = []
        for number in range(20):
            stream = await trio.open_tcp_stream(LOCALHOST, node.network.listen_port)
            link = await transport(100 + number, admission=member).dial(stream, node.id)
            crowd.append(RawPeer(link))
        with pytest.raises(HandshakeFailed, match="join secret"):
            await raw_peer_from(node, 200, "127.0.0.9")
        await node.handler.until_peers(20)
        assert node.network.counters.displaced == 0
        for peer in crowd:
            await peer.aclose()


async def test_a_node_full_of_one_hosts_peers_still_dials_others() -> None:
    async with trio.open_nursery() as nursery:
        config = NetworkConfig(outbound=2, max_inbound=4)
        node = await start(nursery, 1, config)
        crowd = [await raw_peer_from(node, 100 + n, "127.6.6.6") for n in range(4)]
        await node.handler.until_peers(4)
        others = [await start(nursery, number) for number in (2, 3)]
        for other in others:
            node.network.add(other.address)
        await node.handler.until_peers(6)
        assert {other.id for other in others} <= node.peer_ids()
        for peer in crowd:
            await peer.aclose()
        for each in (node, *others):
            each.network.close()


async def test_what_is_only_heard_of_is_tried_now_and_then() -> None:
    timing = Timing(feeler_s=0.1)  # `eventually` needs a moment without tasks
    async with trio.open_nursery() as nursery:
        seed, heard = [await start(nursery, number) for number in (1, 2)]
        config = NetworkConfig(peers=(seed.address,), outbound=1, timing=timing)
        node = await start(nursery, 3, config)
        await node.handler.until_peers(1)
        node.network.add(heard.address)
        await eventually(lambda: node.network.sizes().addresses["verified"] == 1)
        assert node.peer_ids() == {seed.id}, "it is only looked at"
        await heard.handler.until_peers(0)
        for each in (seed, heard, node):
            each.network.close()


async def test_the_peers_that_stayed_longest_are_dialled_first_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2p.connections.STABLE_S", 0.0)
    book = tmp_path / "peers"
    async with trio.open_nursery() as nursery:
        others = [await start(nursery, number) for number in range(2, 8)]
        first, second = others[0], others[1]
        config = NetworkConfig(outbound=2, address_book=book, timing=Timing(feeler_s=1e6))
        async with trio.open_nursery() as life:
            node = await start(life, 1, config)
            for place, other in enumerate((first, second)):
                node.network.add(other.address)
                await node.handler.until_peers(place + 1)
            for other in others[2:]:
                node.network.add(other.address)
            node.network.close()
        again = make_node(1, config)
        await nursery.start(again.network.run)
        await again.handler.until_peers(2)
        assert again.network.sizes().addresses == {
            "fixed": 0,
            "verified": 2,
            "hearsay": 4,
            "anchor": 2,
        }
        assert again.peer_ids() == {first.id, second.id}
        for each in (again, *others):
            each.network.close()


async def test_a_ban_outlives_a_kill(tmp_path: Path) -> None:
    config = replace(QUIET, conducts=tmp_path / "conducts")
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as life:
            node = await start(life, 1, config)
            async with raw_peer(node):
                await node.handler.until_peers(1)
                node.network.misbehaved(key(99).public, BAN_POINTS, "it lied")
                await eventually((tmp_path / "conducts").exists)
            life.cancel_scope.cancel()
        again = await start(nursery, 1, config)
        assert set(again.network.banned()) == {key(99).public}
        with pytest.raises(HandshakeFailed, match="banned"):
            async with raw_peer(again):
                pass
        again.network.unban(key(99).public)
        again.network.close()
    async with trio.open_nursery() as nursery:
        third = await start(nursery, 1, config)
        assert third.network.banned() == {}, "an unban is kept too"
        third.network.close()


async def test_the_whole_book_cannot_be_asked_out_of_a_node() -> None:
    async with trio.open_nursery() as nursery:
        node = await start(nursery, 1, NetworkConfig(outbound=1))
        for number in range(200):
            host = f"10.{number}.0.1"
            node.network._book.reached(PeerAddress(key(1_000 + number).public, host, 7400), 0.0)
        told: set[bytes] = set()
        refused = 0
        async with raw_peer(node) as curious:
            for number in range(1, 21):
                await curious.send(GetPeers(), number)
            for _ in range(20):
                frame = await curious.next_frame()
                while frame.kind not in (BY_TYPE[Peers].number, BY_TYPE[Refusal].number):
                    frame = await curious.next_frame()
                if frame.kind == BY_TYPE[Refusal].number:
                    refused += 1
                else:
                    told |= {a.id for a in Peers.decode(frame.payload).addresses}
        assert refused == 16
        assert 0 < len(told) < 200
        node.network.close()


async def test_a_members_network_never_dials_who_is_none() -> None:
    members = {key(1).public, key(2).public}
    async with trio.open_nursery() as nursery:
        stranger, member = await start(nursery, 3), await start(nursery, 2)
        config = NetworkConfig(
            outbound=4,
            peers=(stranger.address, member.address),
            admission=Admission(members.__contains__),
        )
        node = await start(nursery, 1, config)
        await node.handler.until_peers(1)
        assert node.peer_ids() == {member.id}
        assert sum(node.network.counters.dials.values()) == 1
        assert sum(stranger.network.counters.arrivals.values()) == 0
        for each in (node, member, stranger):
            each.network.close()


@pytest.mark.parametrize("seed", range(3))
async def test_honest_nodes_never_get_points_whatever_breaks(seed: int) -> None:
    """Connections break in the middle of anything, nodes restart, all of them gossip and ask."""
    chance = random.Random(seed)
    async with trio.open_nursery() as nursery:
        hub = await start(nursery, 1)
        config = replace(QUIET, peers=(hub.address,))
        nodes = [await start(nursery, number, config) for number in range(2, 6)]
        for step in range(40):
            node = chance.choice(nodes)
            deed = chance.random()
            if deed < 0.2:
                break_a_connection(node)
            elif deed < 0.3:
                node.network.close()
                nodes[nodes.index(node)] = await start(nursery, nodes.index(node) + 2, config)
            elif deed < 0.8:
                chance.choice([hub, node]).network.broadcast(
                    votes(*range(step * 64, step * 64 + 64))
                )
            else:
                nursery.start_soon(ask_once, node, hub)
            await trio.testing.wait_all_tasks_blocked()
        await eventually(lambda: len(hub.peer_ids()) == len(nodes))
        for node in (hub, *nodes):
            counters = node.network.counters
            assert set(counters.points.values()) == {0.0}
            assert (counters.violations, counters.bans, counters.faults) == (0, 0, 0)
            assert node.network.sizes().conducts == 0
        for node in (hub, *nodes):
            node.network.close()


def break_a_connection(node: Node) -> None:
    """As if the cable were cut: no Goodbye, unread bytes."""
    for peer in node.network._connections.peers.values():
        peer.end("cut by the test")


async def ask_once(node: Node, other: Node) -> None:
    """Ask, and don't mind if the connection breaks."""
    with suppress(PeerGone, RequestTimeout):
        await node.network.request(other.id, GetStatus())
