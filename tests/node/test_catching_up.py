"""Catching up from several peers in virtual time: none can hold it up or lead it astray."""

from collections.abc import Callable

import pytest

from consensus.block import Block, Body
from consensus.finality_proof import FinalityProof
from consensus.record import Record, replace
from node.chain import Chain
from node.sync.catching_up import WINDOW_MS
from node.sync.source import (
    LIGHT_BYTES,
    MAX_STALLS,
    MAX_TIMEOUT_MS,
    MORE_BLOCKS,
    QUICK_MS,
    START_TIMEOUT_MS,
    Source,
)
from p2p.messages import MAX_BLOCKS, Blocks, GetBlock, GetBlocks, GetHeaders, Status
from p2p.questions import PeerGone, RemoteError
from tests.node.bench import Bench, memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import key, make_block, make_genesis_of, make_seats, run_slots, take_block
from tests.node.timed import NEVER_MS, TimedBench, TimedPeer

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])
HONEST, SLOW, SILENT, LYING = b"h" * 32, b"w" * 32, b"s" * 32, b"l" * 32
HEIGHT = 300

Answer = Callable[[bytes, Record], Record]


@pytest.fixture(scope="module")
def ahead() -> Bench:
    """A node that is far ahead."""
    made = Bench(GENESIS)
    run_slots([made.chain], SEATS, range(1, HEIGHT + 1))
    return made


@pytest.fixture
def bench(ahead: Bench) -> TimedBench:
    """The node that has to catch up."""
    made = TimedBench(GENESIS)
    made.at_slot(ahead.chain.fork.head.slot)
    return made


def status_of(chain: Chain, bench: Bench) -> Status:
    head, final = chain.fork.head, chain.durable_final
    return Status(head.id, head.height, final.id, final.height, head.slot, bench.now_ms)


def meet(bench: TimedBench, ahead: Bench, *peers: bytes) -> None:
    """The peers say in this order that they are where `ahead` is."""
    for peer in peers:
        bench.exchange.follow(peer, status_of(ahead.chain, bench))


def with_other_blocks(ahead: Bench, spoil: Callable[[Block], Block]) -> Answer:
    """A peer that proves what is final, and then sends something else."""

    def answer(peer: bytes, request: Record) -> Record:
        found = ahead.serve(peer, request)
        if isinstance(found, Blocks):
            return Blocks(tuple(spoil(Block.decode(raw)).encode() for raw in found.blocks))
        return found

    return answer


def other_header(block: Block) -> Block:
    return replace(block, header=replace(block.header, state_root=bytes(32)))


def other_body(block: Block) -> Block:
    return replace(block, body=Body(b"?", ()))


def other_signature(block: Block) -> Block:
    return replace(block, signature=bytes(64))


@pytest.mark.parametrize("spoil", [other_header, other_body, other_signature])
def test_one_honest_peer_is_enough_and_nobody_holds_it_up(
    bench: TimedBench, ahead: Bench, spoil: Callable[[Block], Block]
) -> None:
    bench.peers = {
        SILENT: TimedPeer(ahead.serve, NEVER_MS),
        LYING: TimedPeer(with_other_blocks(ahead, spoil), 20),
        SLOW: TimedPeer(ahead.serve, 900),
        HONEST: TimedPeer(ahead.serve),
    }
    meet(bench, ahead, SILENT, LYING, SLOW, HONEST)
    took_ms = bench.run_all()
    assert bench.chain.fork.head.id == ahead.chain.fork.head.id
    assert bench.chain.durable_final.id == ahead.chain.durable_final.id
    assert set(bench.blamed_peers) == {LYING}
    assert len(bench.peers[SILENT].asked) <= 1 + MAX_STALLS
    assert took_ms < WINDOW_MS + 5 * START_TIMEOUT_MS
    assert not bench.sync.behind


def test_who_sends_blocks_of_other_ids_is_found_out_before_they_are_taken_in(
    bench: TimedBench, ahead: Bench
) -> None:
    """Its blocks would wait until those below them are there."""
    bench.peers = {
        HONEST: TimedPeer(ahead.serve, 400),
        LYING: TimedPeer(with_other_blocks(ahead, other_header), 10),
    }
    meet(bench, ahead, HONEST, LYING)
    bench.run_all()
    assert "is not the final one of height" in bench.blamed[0]
    assert set(bench.blamed_peers) == {LYING}


def test_who_lies_about_headers_has_wasted_no_block(bench: TimedBench, ahead: Bench) -> None:
    def forge(peer: bytes, request: Record) -> Record:
        found = ahead.serve(peer, request)
        if isinstance(found, FinalityProof):
            forged = replace(found.lowest, state_root=bytes(32))
            return replace(found, headers=(*found.headers[:-1], forged))
        return found

    bench.peers = {LYING: TimedPeer(forge), HONEST: TimedPeer(ahead.serve)}
    meet(bench, ahead, LYING, HONEST)
    bench.run_all()
    assert [type(request) for request in bench.peers[LYING].asked] == [GetHeaders]
    assert bench.blamed_peers == [LYING]
    assert bench.chain.durable_final.id == ahead.chain.durable_final.id


def test_blocks_come_from_all_peers_in_growing_numbers(bench: TimedBench, ahead: Bench) -> None:
    names = [b"%d" % i * 32 for i in range(3)]
    bench.peers = {name: TimedPeer(ahead.serve) for name in names}
    meet(bench, ahead, *names)
    bench.run_all()
    for peer in bench.peers.values():
        limits = [request.limit for request in peer.asked if isinstance(request, GetBlocks)]
        assert len(limits) >= 2
        assert limits[1] > limits[0]
    asked = [
        height
        for peer in bench.peers.values()
        for request in peer.asked
        if isinstance(request, GetBlocks)
        for height in range(request.after_height + 1, request.after_height + request.limit + 1)
        if height < ahead.chain.durable_final.height - 2
    ]
    assert len(asked) < 2 * HEIGHT


def test_a_peer_that_falls_silent_in_the_middle_is_replaced(
    bench: TimedBench, ahead: Bench
) -> None:
    """It has proved that the node is behind; that holds, and others give the rest."""
    bench.peers = {SILENT: TimedPeer(ahead.serve), HONEST: TimedPeer(ahead.serve)}

    def fall_silent(peer: bytes, request: Record) -> Record:
        if len(bench.peers[SILENT].asked) > 2:
            raise PeerGone("gone")
        return ahead.serve(peer, request)

    bench.peers[SILENT].answer = fall_silent
    meet(bench, ahead, SILENT, HONEST)
    bench.run_all()
    assert bench.chain.durable_final.id == ahead.chain.durable_final.id
    assert bench.blamed_peers == []


def test_nobody_gives_what_was_proved_and_the_node_signs_on(
    bench: TimedBench, ahead: Bench
) -> None:
    def withhold(peer: bytes, request: Record) -> Record:
        if isinstance(request, GetBlocks):
            raise RemoteError("no")
        return ahead.serve(peer, request)

    bench.peers = {LYING: TimedPeer(withhold), SILENT: TimedPeer(ahead.serve, NEVER_MS)}
    meet(bench, ahead, LYING, SILENT)
    bench.run_all()
    assert not bench.sync.behind
    assert bench.engine.may_sign()


def test_after_a_crash_it_goes_on_where_it_was(bench: TimedBench, ahead: Bench) -> None:
    bench.peers = {HONEST: TimedPeer(ahead.serve)}

    def until_gone(peer: bytes, request: Record) -> Record:
        if len(bench.peers[HONEST].asked) > 6:
            raise PeerGone("gone")
        return ahead.serve(peer, request)

    bench.peers[HONEST].answer = until_gone
    meet(bench, ahead, HONEST)
    bench.run_all()
    reached = bench.chain.durable_final.height
    assert 20 < reached < HEIGHT - 20
    bench.power_cut()
    assert bench.chain.durable_final.height == reached
    bench.peers = {HONEST: TimedPeer(ahead.serve)}
    meet(bench, ahead, HONEST)
    bench.run_all()
    assert bench.chain.durable_final.id == ahead.chain.durable_final.id
    asked = bench.peers[HONEST].asked
    ranges = [each for each in asked if isinstance(each, (GetHeaders, GetBlocks))]
    assert ranges
    assert min(request.after_height for request in ranges) == reached


def test_windows_end_where_the_set_changes_and_go_on_with_the_next() -> None:
    ahead, bench = (
        Bench(POOL_GENESIS, elected=ELECTIONS),
        TimedBench(POOL_GENESIS, elected=ELECTIONS),
    )
    run_epochs([ahead.chain], epochs(ahead.chain, 4))
    bench.at_slot(ahead.chain.fork.head.slot)
    bench.peers = {HONEST: TimedPeer(ahead.serve), SLOW: TimedPeer(ahead.serve, 400)}
    meet(bench, ahead, SLOW, HONEST)
    unproved: list[int] = []

    def answer(peer: bytes, request: Record) -> Record:
        if isinstance(request, GetBlocks) and request.limit == MAX_BLOCKS:
            unproved.append(request.after_height)
        return ahead.serve(peer, request)

    for peer in bench.peers.values():
        peer.answer = answer
    bench.run_all()
    assert bench.chain.fork.head.id == ahead.chain.fork.head.id
    assert bench.chain.durable_final.id == ahead.chain.durable_final.id
    assert bench.blamed_peers == []
    assert min(unproved) >= ahead.chain.durable_final.height  # all else came by windows


def test_in_a_long_stall_only_what_is_not_known_is_moved(bench: TimedBench) -> None:
    """Nothing is final, so that no window is proved; most blocks are known on both sides."""
    stalled = Bench(GENESIS)
    for slot in range(1, 201):
        take_block(stalled.chain, make_block(stalled.chain, SEATS, slot).raw)
    for height in range(1, 181):
        take_block(bench.chain, _raw(stalled, height))
    bench.at_slot(200)
    bench.peers = {HONEST: TimedPeer(stalled.serve)}
    meet(bench, stalled, HONEST)
    bench.run_all()
    assert bench.chain.fork.head.id == stalled.chain.fork.head.id
    asked = [request for request in bench.peers[HONEST].asked if isinstance(request, GetBlocks)]
    assert min(request.after_height for request in asked) >= 180 - 1


def test_where_two_forks_part_in_a_long_stall_is_found_in_few_steps(bench: TimedBench) -> None:
    common, fork = 100, memory_chain(GENESIS)
    stalled = Bench(GENESIS)
    for slot in range(1, common + 1):
        raw = make_block(stalled.chain, SEATS, slot).raw
        for chain in (stalled.chain, bench.chain, fork):
            take_block(chain, raw)
    for slot in range(common + 1, common + 61):
        take_block(bench.chain, make_block(bench.chain, SEATS, 2 * slot).raw)
    for slot in range(common + 1, common + 81):
        take_block(stalled.chain, make_block(stalled.chain, SEATS, 2 * slot + 1).raw)
    bench.at_slot(500)
    bench.peers = {HONEST: TimedPeer(stalled.serve)}
    meet(bench, stalled, HONEST)
    bench.run_all()
    assert bench.chain.fork.head.id == stalled.chain.fork.head.id
    asked = bench.peers[HONEST].asked
    assert sum(isinstance(request, GetBlocks) for request in asked) < 20
    assert not any(isinstance(request, GetBlock) for request in asked)


def _raw(bench: Bench, height: int) -> bytes:
    raw = bench.chain.block_bytes(bench.chain.head_chain()[height - 1].placed.id)
    assert raw is not None
    return raw


def test_a_peer_that_is_late_gets_more_time_for_less() -> None:
    source = Source()
    window, timeouts = source.window, list[int]()
    for number in range(4):
        timeouts.append(source.timeout_ms)
        assert source.stalled(0) == (number % MAX_STALLS == MAX_STALLS - 1)
    assert timeouts == [START_TIMEOUT_MS, 2 * START_TIMEOUT_MS, MAX_TIMEOUT_MS, MAX_TIMEOUT_MS]
    assert source.window == window // 16


def test_who_answers_quickly_is_asked_for_more_and_who_answers_much_for_less() -> None:
    source = Source()
    window = source.window
    source.answered(100, 1000)
    assert source.window == window + MORE_BLOCKS
    source.answered(QUICK_MS + 1, 1000)
    assert source.window == (window + MORE_BLOCKS) // 2
    source.answered(100, LIGHT_BYTES + 1)
    assert source.window == (window + MORE_BLOCKS) // 4
    for _ in range(100):
        source.answered(100, 1000)
    assert source.window == MAX_BLOCKS
