"""What peers can and cannot do to a node: judged gossip, catching up."""

from dataclasses import replace

import pytest
import trio

from consensus.block import Block, Body
from consensus.errors import InvalidBlock
from consensus.record import Record
from node.candidate import read_block
from node.chain import Chain, Screening
from node.exchange import MAX_IMPORTS, MAX_RELAYED_PER_SLOT
from p2p.handler import Verdict
from p2p.messages import BlockMessage, Blocks, GetBlock, GetBlocks, Status, Votes
from tests.node.network import make_block, make_seats, run_slots, transfer, votes_for
from tests.node.side import (
    ALICE,
    BOB,
    OTHER_PEER,
    PEER,
    SEATS,
    Side,
    answers_of,
    message_of,
    until,
)


def test_a_block_is_relayed_once_screened_and_then_taken_in(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    side.at_slot(1)

    async def main() -> None:
        verdict = await side.handler.gossip(PEER, message_of(block), b"")
        assert verdict is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.id == block.placed.id
    assert not side.wire.blamed


def test_a_swapped_body_is_not_relayed_and_is_the_senders_fault(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1, [transfer(other, ALICE, BOB.public, 1, 0)])
    candidate = read_block(block.raw)
    swapped = Block(candidate.header, candidate.block.signature, Body(b"", ()))
    side.at_slot(1)

    async def main() -> None:
        with pytest.raises(InvalidBlock, match="transactions"):
            await side.handler.gossip(PEER, BlockMessage(swapped.encode()), b"")
        for _ in range(MAX_RELAYED_PER_SLOT):
            with pytest.raises(InvalidBlock, match="transactions"):
                await side.handler.gossip(PEER, BlockMessage(swapped.encode()), b"")
        assert await side.handler.gossip(PEER, message_of(block), b"") is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.id == block.placed.id


def test_who_relays_what_its_producer_spoilt_is_not_blamed(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    header = replace(block.placed.header, state_root=b"x" * 32)
    producer = header.producer or b""
    signature = SEATS[producer].consensus.sign(header.id().binary)
    spoilt = Block(header, signature, block.body).encode()
    side.at_slot(1)

    async def main() -> None:
        assert await side.handler.gossip(PEER, BlockMessage(spoilt), b"") is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.height == 0
    assert not side.wire.blamed


@pytest.mark.parametrize("slots_early", [2, 3, 1_000_000])
def test_a_block_of_a_far_slot_never_comes_in(side: Side, other: Chain, slots_early: int) -> None:
    block = make_block(other, SEATS, 1 + slots_early)
    side.at_slot(1)
    side.now_ms -= 1
    side.wire.answer = lambda request: Blocks((block.raw,))

    async def main() -> None:
        assert await side.handler.gossip(PEER, message_of(block), b"") is Verdict.IGNORE
        taken = side.sync.take(read_block(block.raw))
        assert await side.driver.run(taken) is Screening.EARLY
        side.sync.want(PEER)

    side.run(main)
    assert side.asked(GetBlocks) == 1
    assert side.chain.fork.head.height == 0


def test_an_early_block_is_held_until_its_slot(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 2)
    side.at_slot(1)
    heights: list[int] = []

    async def main() -> None:
        await side.handler.gossip(PEER, message_of(block), b"")
        await trio.sleep(side.chain.clock.slot_ms / 1000 / 2)
        heights.append(side.chain.fork.head.height)

    side.run(main)
    assert heights == [0]
    assert side.chain.fork.head.height == 1


def test_ancestors_of_an_orphan_are_asked_for_by_id(side: Side, other: Chain) -> None:
    blocks = []
    for slot in (1, 2, 3):
        blocks.append(make_block(other, SEATS, slot))
        other.insert(blocks[-1])
    side.at_slot(3)

    def answer(request: Record) -> Record:
        assert isinstance(request, GetBlock)
        return Blocks((other.block_bytes(request.id) or b"",))

    side.wire.answer = answer

    async def main() -> None:
        assert await side.handler.gossip(PEER, message_of(blocks[2]), b"") is Verdict.IGNORE

    side.run(main)
    assert side.chain.fork.head.id == blocks[2].placed.id


def test_catching_up_takes_all_and_stops(side: Side, other: Chain) -> None:
    run_slots([other], SEATS, range(1, 200))
    side.at_slot(200)
    side.wire.answer = answers_of(other, side)

    async def main() -> None:
        status = Status(other.fork.head.id, 199, other.fork.final.id, 198, 200, side.now_ms)
        await side.handler.gossip(PEER, status, b"")

    side.run(main)
    assert side.chain.fork.head.height == 199
    assert side.chain.durable_final.height >= 197
    assert side.asked(GetBlocks) <= 4
    assert not side.sync.behind


def test_a_peer_that_repeats_itself_cannot_keep_the_node_catching_up(
    side: Side, other: Chain
) -> None:
    block = make_block(other, SEATS, 1)
    side.at_slot(1)
    side.wire.answer = lambda request: Blocks((block.raw,))

    async def main() -> None:
        side.sync.want(PEER)
        await trio.lowlevel.checkpoint()

    side.run(main)
    assert side.asked(GetBlocks) == 2
    assert side.wire.blamed


def test_votes_are_counted_and_bad_ones_raise(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    side.at_slot(1)
    votes = votes_for(other, SEATS.values(), block)
    bad = replace(votes[3], signature=bytes(64))

    async def main() -> None:
        await side.handler.gossip(PEER, message_of(block), b"")
        await trio.sleep(1)
        with pytest.raises(Exception, match="signature"):
            await side.handler.gossip(PEER, Votes((votes[0], bad, votes[1])), b"")
        assert await side.handler.gossip(PEER, Votes((votes[2],)), b"") is Verdict.ACCEPT

    side.run(main)
    placed = side.chain.fork.get(block.placed.id)
    assert placed is not None
    assert len(side.chain.fork.votes(placed)) == 3


def test_a_third_block_of_a_slot_comes_in_only_when_asked_for(side: Side, other: Chain) -> None:
    blocks = [
        make_block(other, SEATS, 1, [transfer(other, ALICE, BOB.public, amount, 0)])
        for amount in range(1, MAX_RELAYED_PER_SLOT + 2)
    ]
    side.at_slot(1)

    async def main() -> None:
        verdicts = [await side.handler.gossip(PEER, message_of(block), b"") for block in blocks]
        assert verdicts == [Verdict.ACCEPT] * MAX_RELAYED_PER_SLOT + [Verdict.IGNORE]

    side.run(main)
    known = [side.chain.fork.get(block.placed.id) is not None for block in blocks]
    assert known == [True] * MAX_RELAYED_PER_SLOT + [False]


def test_one_peers_orphans_do_not_keep_other_blocks_out(side: Side, other: Chain) -> None:
    first = make_block(other, SEATS, 1)
    other.insert(first)
    block = read_block(make_block(other, SEATS, 2).raw).block
    side.at_slot(2)

    async def never(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        side.wire.asked.append(message)
        await trio.sleep_forever()
        raise AssertionError

    side.wire.request = never  # type: ignore[method-assign]

    async def main() -> None:
        for i in range(MAX_IMPORTS + 1):
            orphan = Block(block.header, bytes([i]) * 64, block.body)
            await side.handler.gossip(PEER, BlockMessage(orphan.encode()), b"")
        assert await side.handler.gossip(OTHER_PEER, message_of(first), b"") is Verdict.ACCEPT
        await until(lambda: side.chain.fork.head.id == first.placed.id)
        assert len(side.wire.asked) == 1
        side.driver.nursery.cancel_scope.cancel()

    side.run(main)


def test_only_new_valid_votes_go_further(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    side.at_slot(1)
    votes = votes_for(other, SEATS.values(), block)
    again = replace(votes[0], signature=bytes(64))  # never verified: that member's is counted

    async def main() -> None:
        await side.handler.gossip(PEER, Votes((votes[0],)), b"")
        assert await side.handler.gossip(PEER, Votes((again,)), b"") is Verdict.IGNORE
        await side.handler.gossip(PEER, message_of(block), b"")
        await until(lambda: side.chain.fork.head.id == block.placed.id)
        assert await side.handler.gossip(PEER, Votes((again,)), b"") is Verdict.IGNORE
        assert not side.wire.sent
        assert await side.handler.gossip(PEER, Votes((again, votes[1])), b"") is Verdict.IGNORE
        assert side.wire.sent == [Votes((votes[1],))]

    side.run(main)


def test_votes_of_producers_that_are_not_known_yet_cost_nothing(side: Side, other: Chain) -> None:
    later = make_seats(8)
    block = make_block(other, SEATS, 1)
    votes = votes_for(other, later.values(), block)[4:]

    async def main() -> None:
        assert await side.handler.gossip(PEER, Votes(tuple(votes)), b"") is Verdict.IGNORE

    side.run(main)


def test_every_peer_that_is_ahead_gets_its_turn(side: Side) -> None:
    asked: list[bytes] = []

    async def request(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        asked.append(peer)
        if len(asked) < 20:
            side.sync.want(PEER)  # claims again and again while it is being asked
        await trio.lowlevel.checkpoint()
        return Blocks(())

    side.wire.request = request  # type: ignore[method-assign]

    async def main() -> None:
        side.sync.want(PEER)
        side.sync.want(OTHER_PEER)
        await trio.lowlevel.checkpoint()

    side.run(main)
    assert len(asked) >= 20
    assert OTHER_PEER in asked[:4]  # each is asked for a proof and for blocks
