"""What peers can and cannot do to a node: judged gossip, catching up."""

import pytest
import trio

from consensus.errors import InvalidBlock, InvalidEvidence
from consensus.evidence import Evidence
from consensus.finality_proof import FinalityProof
from consensus.fork_choice import ConflictingFinality
from consensus.headers import scheduled
from consensus.producers import MAX_PRODUCERS
from consensus.record import Record, replace
from node.block_relay import MAX_ADOPTIONS, MAX_IMPORTS, MAX_RELAYED_PER_SLOT
from node.candidate import Recorded, read_block
from node.chain import Chain, Screening
from node.evidence_pool import MAX_EVIDENCE
from node.finality_proofs import proof_above
from p2p.handler import Verdict
from p2p.messages import (
    BY_TYPE,
    MAX_VOTES,
    Blocks,
    GetBlock,
    GetBlocks,
    GetFinality,
    Status,
    Votes,
)
from tests.node.bench import Bench, memory_chain, node_seats, putting_off
from tests.node.network import (
    key,
    make_block,
    make_seats,
    run_slots,
    take_block,
    transfer,
    votes_for,
)
from tests.node.side import (
    ALICE,
    BOB,
    GENESIS,
    OTHER_PEER,
    PEER,
    SEATS,
    Side,
    answers_of,
    given_from,
    message_of,
    until,
)
from tests.vm.offences import offend


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
    payment = transfer(other, ALICE, BOB.public, 1, 0)
    block = make_block(other, SEATS, 1, [payment])
    side.mempool.add(payment, next_nonce=0, next_height=1)
    swapped = replace(message_of(block), certificate=b"another")
    side.at_slot(1)

    async def main() -> None:
        for _ in range(MAX_RELAYED_PER_SLOT + 1):
            with pytest.raises(InvalidBlock, match="certificate"):
                await side.handler.gossip(PEER, swapped, b"")
        assert await side.handler.gossip(PEER, message_of(block), b"") is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.id == block.placed.id


def test_who_relays_what_its_producer_spoilt_is_not_blamed(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    header = replace(block.placed.header, state_root=b"x" * 32)
    producer = header.producer or b""
    signature = SEATS[producer].consensus.sign(header.id().binary)
    spoilt = replace(message_of(block), header=header, signature=signature)
    side.at_slot(1)

    async def main() -> None:
        assert await side.handler.gossip(PEER, spoilt, b"") is Verdict.ACCEPT

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
    assert side.asked(GetBlocks) <= 10
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
    side.wire.answer = given_from(*blocks)

    async def main() -> None:
        for block in blocks:
            await side.handler.gossip(PEER, message_of(block), b"")

    side.run(main)
    known = [side.chain.fork.get(block.placed.id) is not None for block in blocks]
    assert known == [True] * MAX_RELAYED_PER_SLOT + [False]


def test_one_peers_orphans_do_not_keep_other_blocks_out(side: Side, other: Chain) -> None:
    first = make_block(other, SEATS, 1)
    other.insert(first)
    block = message_of(make_block(other, SEATS, 2))
    side.at_slot(2)

    async def never(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        side.wire.asked.append(message)
        await trio.sleep_forever()
        raise AssertionError

    side.wire.request = never  # type: ignore[method-assign]

    async def main() -> None:
        for i in range(MAX_IMPORTS + 1):
            orphan = replace(block, signature=bytes([i]) * 64)
            await side.handler.gossip(PEER, orphan, b"")
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


def test_a_head_that_is_not_here_is_asked_for_once_the_own_one_is_old() -> None:
    """Gossip comes once: were it lost, and those the next producers who lack it, all would wait."""
    bench, other = Bench(GENESIS), memory_chain(GENESIS)
    block = make_block(other, SEATS, 1)
    final = bench.chain.durable_final.id
    for slot, is_asked in ((2, False), (3, True)):
        bench.at_slot(slot)
        bench.exchange.follow(PEER, Status(block.placed.id, 1, final, 0, slot, bench.now_ms))
        assert bool(bench.asked) == is_asked
    bench.asked.clear()
    head = bench.chain.fork.head
    bench.exchange.follow(PEER, Status(head.id, 1, final, 0, 3, bench.now_ms))
    bench.exchange.follow(PEER, Status(block.placed.id, 0, final, 0, 3, bench.now_ms))
    assert bench.asked == []


@pytest.mark.parametrize(
    ("head", "final", "asks"),
    [(3, 2, False), (4, 3, False), (5, 2, True), (3, 4, True), (0, 0, False)],
)
def test_a_peer_is_asked_if_it_claims_to_be_more_than_a_block_ahead(
    head: int, final: int, asks: bool
) -> None:
    bench = Bench(GENESIS)
    run_slots([bench.chain], SEATS, [1, 2, 3])
    assert (bench.chain.fork.head.height, bench.chain.durable_final.height) == (3, 2)
    some_id = bench.chain.fork.head.id
    final_id = bench.chain.blocks.id_at(final) or some_id
    bench.exchange.follow(PEER, Status(some_id, head, final_id, final, 3, bench.now_ms))
    assert bool(bench.asked) == asks


def test_a_peer_that_claims_another_final_block_has_to_prove_it() -> None:
    bench, other = Bench(GENESIS), memory_chain(GENESIS)
    run_slots([bench.chain], SEATS, [1, 2, 3])
    run_slots([other], SEATS, [11, 12, 13])
    head, final = other.fork.head, other.durable_final
    status = Status(head.id, head.height, final.id, final.height, 13, bench.now_ms)

    def claim_again(peer: bytes, request: Record) -> Record:
        bench.exchange.follow(peer, status)
        return Blocks(())

    bench.answer = claim_again
    bench.exchange.follow(PEER, status)
    assert bench.asked == [GetFinality(final.height)]  # once, however often it is claimed
    bench.answer = lambda _, request: proof_above(other, final.height) or Blocks(())
    with pytest.raises(ConflictingFinality):
        bench.exchange.follow(PEER, status)


# Bounds: what is taken on is put off until the test runs it


def test_blocks_that_are_being_taken_in_are_bounded() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    exchange, works = putting_off(bench)
    blocks = [make_block(maker, SEATS, slot) for slot in range(1, MAX_IMPORTS + 3)]
    bench.at_slot(MAX_IMPORTS + 3)

    def judge(block: Recorded) -> Verdict:
        return bench.run(exchange.judge_block(PEER, message_of(block)))

    verdicts = [judge(block) for block in blocks]
    assert verdicts == [Verdict.ACCEPT] * MAX_IMPORTS + [Verdict.IGNORE] * 2
    bench.run(works[0])
    assert judge(blocks[-1]) is Verdict.ACCEPT
    assert judge(blocks[-2]) is Verdict.IGNORE
    assert len(works) == MAX_IMPORTS + 1


def test_orphans_that_are_being_adopted_are_bounded_one_for_each_peer() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    exchange, works = putting_off(bench)
    first = make_block(maker, SEATS, 1)
    take_block(maker, first.raw)
    orphan = message_of(make_block(maker, SEATS, 2))
    bench.at_slot(6)
    bench.answer = lambda _peer, _request: Blocks((first.raw,))
    peers = [bytes([i]) * 32 for i in range(MAX_ADOPTIONS + 1)]
    for peer in (peers[0], peers[0], *peers[1:]):
        assert bench.run(exchange.judge_block(peer, orphan)) is Verdict.IGNORE
    assert len(works) == MAX_ADOPTIONS
    bench.run(works[0])
    assert bench.chain.fork.get(first.placed.id) is not None
    assert len(works) == MAX_ADOPTIONS + 1  # the first orphan itself is taken in
    late = memory_chain(GENESIS)
    take_block(late, make_block(late, SEATS, 4).raw)
    another = message_of(make_block(late, SEATS, 5))
    assert bench.run(exchange.judge_block(peers[0], another)) is Verdict.IGNORE
    assert len(works) == MAX_ADOPTIONS + 2


def test_who_sends_an_orphan_with_false_ancestors_is_blamed() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    first = make_block(maker, SEATS, 1)
    take_block(maker, first.raw)
    orphan = make_block(maker, SEATS, 2)
    bench.at_slot(2)
    for answer, blamed in ((Blocks(()), 0), (Blocks((orphan.raw,)), 1)):
        bench.answer = lambda _peer, _request, answer=answer: answer  # type: ignore[misc]
        judged = bench.exchange.judge_block(PEER, message_of(orphan))
        assert bench.run(judged) is Verdict.IGNORE
        assert len(bench.blamed) == blamed
    assert bench.chain.fork.head.height == 0


# Evidence and proofs


def test_evidence_goes_round_once_and_a_false_one_not_at_all(side: Side) -> None:
    guilty, other = (seat.consensus for seat in list(SEATS.values())[:2])
    evidence = offend(GENESIS, guilty)

    async def main() -> None:
        assert await side.handler.gossip(PEER, evidence, b"") is Verdict.ACCEPT
        assert await side.handler.gossip(OTHER_PEER, evidence, b"") is Verdict.IGNORE
        stranger = offend(GENESIS, key("nobody"))
        assert await side.handler.gossip(PEER, stranger, b"") is Verdict.IGNORE
        with pytest.raises(InvalidEvidence):
            await side.handler.gossip(PEER, replace(evidence, key=other.public), b"")

    side.run(main)
    assert side.engine.evidence.items() == (evidence,)


def test_proofs_of_finality_are_served_or_refused(side: Side) -> None:
    async def main() -> None:
        assert await side.handler.serve(PEER, GetFinality(1)) is None
        run_slots([side.chain], SEATS, [1, 2, 3])
        for height in (1, 2):
            proof = await side.handler.serve(PEER, GetFinality(height))
            assert isinstance(proof, FinalityProof)
            assert proof.lowest.height == height
        for height in (0, 3):
            assert await side.handler.serve(PEER, GetFinality(height)) is None

    side.run(main)


def test_blocks_are_served_by_id_and_in_order(side: Side) -> None:
    run_slots([side.chain], SEATS, [1, 2, 3])
    head = side.chain.fork.head

    async def main() -> None:
        for block_id in (head.id, side.chain.fork.final.id):
            answer = await side.handler.serve(PEER, GetBlock(block_id))
            assert isinstance(answer, Blocks)
            assert [read_block(raw).id for raw in answer.blocks] == [block_id]
        unknown = make_block(side.chain, SEATS, 4).placed.id
        assert await side.handler.serve(PEER, GetBlock(unknown)) == Blocks(())
        for after, limit, heights in ((0, 9, [1, 2, 3]), (1, 1, [2]), (2, 9, [3]), (3, 9, [])):
            answer = await side.handler.serve(PEER, GetBlocks(after, limit))
            assert isinstance(answer, Blocks)
            assert [read_block(raw).header.height for raw in answer.blocks] == heights

    side.run(main)


# What a new peer hears


def test_a_new_peer_is_told_what_it_needs_to_be_level() -> None:
    bench, late = Bench(GENESIS, node_seats(SEATS)), Bench(GENESIS)
    for slot in (1, 2, 3):
        bench.at_slot(slot)
        made = bench.run(bench.engine.produce(slot))
        assert made is not None
        if slot < 3:
            late.take(made)
    evidence = offend(GENESIS, next(iter(SEATS.values())).consensus)
    bench.hear(evidence)
    assert late.chain.durable_final.height == 0

    for message in bench.exchange.greeting():
        late.hear(message)
    assert late.chain.fork.head.id == bench.chain.fork.head.id
    assert late.chain.fork.justified.id == bench.chain.fork.justified.id
    assert late.chain.durable_final.id == bench.chain.durable_final.id
    assert late.engine.evidence.items() == (evidence,)
    assert late.blamed == []


def test_a_head_that_is_not_justified_yet_comes_with_the_block_that_is() -> None:
    bench, late = Bench(GENESIS), Bench(GENESIS)
    run_slots([bench.chain, late.chain], SEATS, [1, 2])
    run_slots([bench.chain], SEATS, [3])
    head = make_block(bench.chain, SEATS, 4)
    bench.take(head)
    votes = votes_for(bench.chain, list(SEATS.values())[:2], head)
    bench.run(bench.engine.add_votes(votes))
    late.at_slot(4)
    for message in bench.exchange.greeting():
        late.hear(message)
    assert late.asked == []
    assert late.chain.fork.head.id == head.placed.id
    assert len(late.chain.fork.votes(late.chain.fork.head)) == 2
    assert late.chain.durable_final.height == 2


def test_the_own_last_votes_are_told_again_even_if_they_are_beside_the_head() -> None:
    maker = memory_chain(GENESIS)
    producer = scheduled(maker.rules, maker.fork.head, 2).producer
    bench = Bench(GENESIS, node_seats(SEATS, list(SEATS).index(producer)))
    payment = transfer(maker, ALICE, BOB.public, 1, 0)
    twins = [make_block(maker, SEATS, 1), make_block(maker, SEATS, 1, [payment])]
    head, beside = sorted(twins, key=lambda block: block.placed.id)
    for block in (beside, head):
        bench.take(block)
    assert bench.chain.fork.head.id == head.placed.id
    (votes,) = (message for message in bench.exchange.greeting() if isinstance(message, Votes))
    (vote,) = votes.votes
    assert (vote.block_id, vote.key) == (beside.placed.id, SEATS[producer].consensus.public)


def test_who_has_nothing_says_nothing() -> None:
    assert Bench(GENESIS).exchange.greeting() == []


def test_a_restarted_node_tells_the_certificate_of_its_final_block() -> None:
    bench, late = Bench(GENESIS), Bench(GENESIS)
    run_slots([bench.chain], SEATS, [1, 2, 3])
    for block in bench.chain.blocks.final_blocks(1, 9):
        late.run(late.engine.add_block(read_block(block), late.now_ms))
    head = bench.chain.fork.head
    bench.restart()
    assert bench.chain.fork.head.id == head.id
    late.at_slot(3)
    for message in bench.exchange.greeting():
        late.hear(message)
    assert late.chain.durable_final.id == bench.chain.durable_final.id


def test_what_a_node_tells_a_new_peer_is_no_flood() -> None:
    assert BY_TYPE[Evidence].rate.burst >= MAX_EVIDENCE
    # Of the head, of the best justified block, and the own last ones.
    assert MAX_VOTES >= 3 * MAX_PRODUCERS
