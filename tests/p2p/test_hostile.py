"""Hostile peers: whatever one sends or withholds, only its own connection suffers."""

from dataclasses import replace

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consensus.block import MAX_BLOCK_TRANSACTIONS
from consensus.record import Record
from p2p import gossip
from p2p.config import NetworkConfig, Timing
from p2p.frames import HEAD_BYTES, frame_bytes
from p2p.limits import MAX_SERVING
from p2p.messages import (
    BY_TYPE,
    MESSAGES,
    Blocks,
    GetBlock,
    GetStatus,
    Goodbye,
    Hello,
    Peers,
    Proof,
    Refusal,
    Role,
    Status,
    TransactionIds,
    Votes,
)
from p2p.peeraddress import PeerAddress
from tests.p2p.nodes import (
    CHAIN,
    GENESIS,
    LOCALHOST,
    PATIENCE_S,
    QUIET,
    Node,
    RawPeer,
    block,
    eventually,
    key,
    nodes_in_shape,
    raw_peer,
    start,
    votes,
)

STATUS = Status(GENESIS, 0, GENESIS, 0, 0, 0)
HELLO = Hello(1, CHAIN, bytes(32), bytes(32), bytes(8), 0)


def frame(message: Record, request: int = 0) -> bytes:
    return frame_bytes(BY_TYPE[type(message)].number, request, message.encode())


async def reason_for(node: Node, data: bytes) -> str:
    """What a node says to a peer that sends `data` before it closes."""
    async with raw_peer(node) as peer:
        await peer.link.stream.send_all(data)
        goodbye, _ = await peer.next_of(Goodbye)
    assert isinstance(goodbye, Goodbye)
    return goodbye.reason


VIOLATIONS: list[tuple[bytes, str]] = [
    (frame_bytes(255, 0, b""), "kind 255 is not known here"),
    (frame_bytes(0, 0, b""), "kind 0 is not known here"),
    (frame(HELLO), "hello with request number 0 was not expected"),
    (frame(Proof(bytes(64), None)), "proof with request number 0 was not expected"),
    (frame(Blocks(()), 1), "blocks with request number 1 was not expected"),
    (frame(Blocks((bytes(10),)), 77), "blocks with request number 77 was not expected"),
    (frame(Refusal("no"), 12), "refusal with request number 12 was not expected"),
    (frame(votes(1), 5), "votes with request number 5 was not expected"),
    (frame(GetStatus(), 0), "get_status with request number 0 was not expected"),
    (frame(Peers(())), "peers with request number 0 was not expected"),
    (frame_bytes(17, 0, b"")[:HEAD_BYTES], "not a batch"),
    (frame_bytes(16, 0, b"\x80"), "a record of type 'compact_block' is expected"),
    (frame_bytes(16, 0, frame(block(1))[HEAD_BYTES:] + b"\x00"), "after the end"),
    (frame_bytes(17, 0, votes(1).encode()[:-1]), "not a batch"),
    (frame_bytes(17, 0, votes(1).encode().replace(b"vote\x01", b"vote\x02")), "version 2 of"),
    (frame_bytes(32, 0, votes(1).encode()), "not a batch"),
    (frame_bytes(5, 0, b"\xf9\x00\x00"), "floats"),
    (frame_bytes(18, 9, b"\xa0"), "maps are not used"),
    (frame_bytes(3, 0, b""), "truncated"),
]


@pytest.mark.parametrize(("data", "reason"), VIOLATIONS)
async def test_a_violation_ends_the_connection_with_its_reason(data: bytes, reason: str) -> None:
    async with nodes_in_shape([[], [0]]) as (node, friend):
        said = await reason_for(node, data)
        assert said.startswith("protocol violation: ")
        assert reason in said
        await eventually(lambda: node.peer_ids() == {friend.id})
        assert node.network.counters.violations == 1
        assert friend.handler.present == [node.id]


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.name)
async def test_a_lie_about_the_size_is_refused_at_the_head(kind: object) -> None:
    assert hasattr(kind, "number")
    row = next(row for row in MESSAGES if row is kind)
    request = 1 if row.role is Role.REQUEST else 0
    head = frame_bytes(row.number, request, b"")[4:]
    for size in (row.max_bytes + 1, 2**32 - 1):
        async with nodes_in_shape([[]]) as (node,):
            said = await reason_for(node, size.to_bytes(4, "big") + head)
            assert "has at most" in said or "was not expected" in said


async def test_answers_of_another_type_and_second_answers_are_violations() -> None:
    async with nodes_in_shape([[]]) as (node,), raw_peer(node, 90) as wrong:
        _, number = await wrong.next_of(GetStatus)
        await wrong.send(Blocks(()), number)
        goodbye, _ = await wrong.next_of(Goodbye)
        assert isinstance(goodbye, Goodbye)
        assert f"blocks with request number {number} was not expected" in goodbye.reason
    async with nodes_in_shape([[]]) as (node,), raw_peer(node, 91) as twice:
        _, number = await twice.next_of(GetStatus)
        await twice.send(STATUS, number)
        await node.handler.until(lambda: bool(node.handler.messages(Status)))
        await twice.send(STATUS, number)
        goodbye, _ = await twice.next_of(Goodbye)
        assert isinstance(goodbye, Goodbye)
        assert f"status with request number {number}" in goodbye.reason


async def test_after_goodbye_the_node_closes_even_if_the_peer_does_not() -> None:
    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as peer:
        await peer.send_frame(255, 0, b"")
        await peer.next_of(Goodbye)
        with pytest.raises(EOFError):
            await peer.next_frame()
        await node.handler.until_peers(0)


async def test_two_violations_ban() -> None:
    async with nodes_in_shape([[]]) as (node,):
        for _ in range(2):
            await reason_for(node, frame_bytes(255, 0, b""))
        await eventually(lambda: set(node.network.banned()) == {key(99).public})
        with pytest.raises(Exception, match="banned"):
            async with raw_peer(node):
                pass


async def test_a_flood_is_discarded_and_bans() -> None:
    async with nodes_in_shape([[], [0]]) as (node, friend):
        async with raw_peer(node) as flooder:
            data = b"".join(frame(STATUS) for _ in range(400))
            await flooder.link.stream.send_all(data)
            goodbye, _ = await flooder.next_of(Goodbye)
            assert goodbye == Goodbye("banned: too many status messages")
        assert node.network.counters.flooded >= 100
        assert len(node.handler.messages(Status)) < 100
        await eventually(lambda: node.peer_ids() == {friend.id})


async def test_a_flood_of_votes_is_bounded_by_their_number() -> None:
    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as flooder:
        for start_at in range(0, 64 * 400, 64):
            try:
                await flooder.send(votes(*range(start_at, start_at + 64)))
            except trio.BrokenResourceError:
                break
        await eventually(lambda: node.network.counters.bans == 1)
        assert node.network.counters.flooded >= 100


async def test_announcements_do_not_push_out_what_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gossip, "SEEN_ITEMS", 64)
    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as one, raw_peer(node, 98) as other:
        await one.send(votes(1))
        await node.handler.until_votes(1)
        for start_at in range(0, 2048, 512):
            ids = (number.to_bytes(32, "big") for number in range(start_at, start_at + 512))
            await one.send(TransactionIds(tuple(ids)))
        await node.handler.until(lambda: len(node.handler.messages(TransactionIds)) == 4)
        await other.send(votes(1, 2))
        await node.handler.until_votes(2)
        assert node.handler.vote_keys() == [vote.key for vote in votes(1, 2).votes]


async def test_requests_beyond_what_is_served_at_once_are_refused() -> None:
    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as greedy:
        go = trio.Event()

        async def serve(peer: bytes, request: Record) -> Record | None:
            await go.wait()
            return Blocks(())

        node.handler.serve = serve  # type: ignore[method-assign]
        for number in range(1, MAX_SERVING + 4):
            await greedy.send(GetBlock(GENESIS), number)
        refused = {(await greedy.next_of(Refusal))[1] for _ in range(3)}
        assert refused == {MAX_SERVING + 1, MAX_SERVING + 2, MAX_SERVING + 3}
        go.set()
        answered = {(await greedy.next_of(Blocks))[1] for _ in range(MAX_SERVING)}
        assert answered == set(range(1, MAX_SERVING + 1))


async def test_answers_that_are_not_taken_are_not_piled_up() -> None:
    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as greedy:
        whole = bytes(4 * 1024 * 1024 - 1000)
        node.handler.answer = lambda _: Blocks((whole,))
        for number in range(1, 40):
            await greedy.send(GetBlock(GENESIS), number)
        await node.handler.until(lambda: len(node.handler.asked) >= 20)
        counted = {"refused": 0, "answered": 0}
        for _ in range(39):
            while True:
                found = await greedy.next_frame()
                if found.kind in (BY_TYPE[Blocks].number, BY_TYPE[Refusal].number):
                    break
            counted["answered" if found.kind == BY_TYPE[Blocks].number else "refused"] += 1
        assert counted["refused"] > 0
        assert counted["answered"] > 0


async def test_a_peer_that_does_not_read_slows_nobody() -> None:
    async with nodes_in_shape([[], [0]]) as (node, friend), raw_peer(node):
        await node.handler.until_peers(2)
        for number in range(250):
            sent = block(number, MAX_BLOCK_TRANSACTIONS)
            node.network.broadcast(sent)
            await friend.handler.until_message(sent)
            friend.handler.received.clear()
            if len(node.handler.present) == 1:
                break
        assert node.peer_ids() == {friend.id}, "the one that does not read was not let go"


async def test_a_peer_that_never_answers_is_let_go() -> None:
    timing = Timing(keep_alive_s=0.01, silence_s=0.05)
    async with nodes_in_shape([[]], replace(QUIET, timing=timing)) as (node,):
        async with raw_peer(node) as peer:
            goodbye, _ = await peer.next_of(Goodbye)
            assert goodbye == Goodbye("no answer within 0.05 s")
        await node.handler.until_peers(0)


async def test_hundreds_of_silent_sockets_keep_nobody_out() -> None:
    config = replace(QUIET, max_strangers=8)
    async with trio.open_nursery() as nursery:
        node = await start(nursery, 1, config)
        silent = [
            await trio.open_tcp_stream(LOCALHOST, node.network.listen_port) for _ in range(200)
        ]
        friend = await start(nursery, 2, replace(QUIET, peers=(node.address,)))
        await friend.handler.until_peers(1)
        for stream in silent:
            await trio.aclose_forcefully(stream)
        node.network.close()
        friend.network.close()


async def test_garbage_before_the_handshake_leaves_no_trace() -> None:
    async with nodes_in_shape([[], [0]]) as (node, friend):
        for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(100_000), b"\x16\x03\x01\xff\xff" * 50):
            stream = await trio.open_tcp_stream(LOCALHOST, node.network.listen_port)
            async with stream:
                with pytest.raises((trio.BrokenResourceError, EOFError)):
                    await talk_rubbish(stream, data)
        await eventually(lambda: node.network.counters.handshakes_failed == 3)
        assert node.peer_ids() == {friend.id}


async def talk_rubbish(stream: trio.SocketStream, data: bytes) -> None:
    await stream.send_all(data)
    with trio.fail_after(PATIENCE_S):
        while await stream.receive_some():
            pass
    raise EOFError


async def test_flapping_leaves_nothing_behind() -> None:
    async with nodes_in_shape([[]]) as (node,):
        for _ in range(20):
            async with raw_peer(node):
                pass
        await eventually(lambda: node.handler.arrivals == 20 and not node.handler.present)
        assert node.network.peers() == ()


async def test_two_nodes_with_one_identity_share_one_place() -> None:
    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as one, raw_peer(node) as other:
        goodbye, _ = await one.next_of(Goodbye)
        assert goodbye == Goodbye("replaced by a newer connection")
        await other.next_of(GetStatus)
        await node.handler.until_peers(1)


async def test_addresses_that_cannot_be_true_are_not_believed() -> None:
    lies = [
        PeerAddress(key(50).public, "0.0.0.0", 1),
        PeerAddress(key(51).public, "ff02::1", 1),
        PeerAddress(key(52).public, "name.example", 1),
    ]
    async with trio.open_nursery() as nursery:
        node = await start(nursery, 1, NetworkConfig(outbound=4))
        async with raw_peer(node) as liar:
            while True:
                found = await liar.next_frame()
                if found.kind == 7:
                    break
            await liar.send(Peers(tuple(lies)), found.request)
            await liar.send(GetBlock(GENESIS), 1)
            await liar.next_of(Blocks)
        assert len(node.network._book) == 0
        node.network.close()


random_frames = st.lists(
    st.builds(
        frame_bytes,
        st.one_of(st.sampled_from([kind.number for kind in MESSAGES]), st.integers(0, 255)),
        st.integers(0, 3),
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [m.encode() for m in (STATUS, votes(1, 2), block(1), TransactionIds((CHAIN,)))]
            ),
        ),
    ),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(random_frames, st.binary(max_size=30))
def test_random_frames_end_no_more_than_their_connection(frames: list[bytes], rest: bytes) -> None:
    async def attack() -> None:
        async with nodes_in_shape([[], [0]]) as (node, friend):
            async with raw_peer(node) as peer:
                await peer.link.stream.send_all(b"".join(frames) + rest)
                await finish(peer)
            await eventually(lambda: node.peer_ids() == {friend.id})
            friend.network.broadcast(Votes(votes(10**6).votes))
            await node.handler.until(lambda: votes(10**6).votes[0].key in node.handler.vote_keys())

    trio.run(attack)


async def finish(peer: RawPeer) -> None:
    """Say goodbye, or learn that the node has already."""
    try:
        await peer.send(Goodbye(""))
        await peer.next_of(Goodbye)
    except (trio.BrokenResourceError, EOFError):
        pass
