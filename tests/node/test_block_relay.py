"""Compact blocks on their way: what is asked for, of whom, who is blamed, what goes on."""

import dataclasses
from collections.abc import Callable

import pytest
import trio

from consensus.compact import SHORT_ID_BYTES, CompactBlock
from consensus.errors import Invalid, InvalidBlock, InvalidHeader, InvalidSignature
from consensus.evidence import DOUBLE_BLOCK
from consensus.record import Record, replace
from consensus.transaction import EncodedTransaction
from node.block_relay import MAX_OFFERS, MAX_ORPHANS, MAX_WANTED, CompactCounts
from node.candidate import Recorded, read_block
from node.chain import Chain
from p2p.handler import Verdict
from p2p.messages import (
    MAX_TRANSACTIONS_BYTES,
    Blocks,
    GetBlock,
    GetBlockTransactions,
    Transactions,
    Votes,
)
from p2p.questions import PeerGone, RemoteError, RequestFailed, RequestTimeout
from tests.node.bench import Bench, memory_chain, putting_off
from tests.node.network import make_block, run_slots, take_block, transfer, votes_for
from tests.node.side import (
    ALICE,
    BOB,
    GENESIS,
    OTHER_PEER,
    PEER,
    SEATS,
    Side,
    given_from,
    message_of,
    until,
)

THIRD_PEER = b"t" * 32
Answer = Callable[[bytes, Record], Record]


@pytest.fixture
def maker() -> Chain:
    """Where blocks come from."""
    return memory_chain(GENESIS)


@pytest.fixture
def bench() -> Bench:
    """The node, in the first slot."""
    made = Bench(GENESIS)
    made.at_slot(1)
    return made


def payments(chain: Chain, count: int) -> list[EncodedTransaction]:
    return [transfer(chain, ALICE, BOB.public, 1, nonce) for nonce in range(count)]


def wait_in(bench: Bench, pending: list[EncodedTransaction]) -> None:
    for each in pending:
        bench.mempool.add(each, next_nonce=0, next_height=1)


def judge(bench: Bench, compact: CompactBlock, peer: bytes = PEER) -> Verdict:
    return bench.run(bench.exchange.judge_block(peer, compact))


def counts(bench: Bench) -> CompactCounts:
    return bench.exchange.relay.counts


def has(bench: Bench, block: Recorded) -> bool:
    return bench.chain.fork.get(block.placed.id) is not None


def giving(*blocks: Recorded) -> Answer:
    answer = given_from(*blocks)
    return lambda _peer, request: answer(request)


def asked_of(bench: Bench, answers: dict[bytes, Answer]) -> list[tuple[bytes, Record]]:
    """Have each peer answer in its way; who was asked what, in order."""
    asked: list[tuple[bytes, Record]] = []

    def answer(peer: bytes, request: Record) -> Record:
        asked.append((peer, request))
        return answers[peer](peer, request)

    bench.answer = answer
    bench.announcers = list(answers)
    return asked


def failing(error: RequestFailed) -> Answer:
    def answer(_peer: bytes, _request: Record) -> Record:
        raise error

    return answer


# Who signed what


def test_a_twin_whose_body_nobody_gives_convicts_its_producer(bench: Bench, maker: Chain) -> None:
    one, twin = make_block(maker, SEATS, 1), make_block(maker, SEATS, 1, payments(maker, 3))
    asked_of(bench, {PEER: failing(RemoteError("not here"))})
    judge(bench, message_of(one))
    judge(bench, message_of(twin))
    assert not has(bench, twin)
    (found,) = bench.engine.evidence.items()
    assert found.offence == DOUBLE_BLOCK
    assert found in bench.sent


# Orphans


def test_an_orphan_whose_parent_nobody_gave_is_taken_up_when_that_comes(
    bench: Bench, maker: Chain
) -> None:
    parent = make_block(maker, SEATS, 1)
    take_block(maker, parent.raw)
    child = make_block(maker, SEATS, 2)
    bench.at_slot(2)
    asked_of(bench, {PEER: failing(RemoteError("not here"))})
    assert judge(bench, message_of(child)) is Verdict.IGNORE
    assert not has(bench, child)
    assert judge(bench, message_of(parent), OTHER_PEER) is Verdict.ACCEPT
    assert has(bench, child)
    assert bench.sent == [message_of(child)]


def test_the_newest_orphan_of_each_of_the_newest_peers_waits(bench: Bench, maker: Chain) -> None:
    parent = make_block(maker, SEATS, 1)
    take_block(maker, parent.raw)
    child = make_block(maker, SEATS, 2)
    bench.at_slot(2)
    peers = [bytes([number]) * 32 for number in range(MAX_ORPHANS + 1)]
    asked_of(bench, dict.fromkeys(peers, failing(RemoteError("not here"))))
    judge(bench, message_of(child), peers[0])
    for peer in peers[1:]:
        other = replace(child.placed.header, parent=child.placed.id, height=3, slot=3)
        judge(bench, replace(message_of(child), header=other), peer)
    judge(bench, message_of(parent), OTHER_PEER)
    assert not has(bench, child)


# What is asked for


def test_a_block_of_known_transactions_goes_on_at_once(bench: Bench, maker: Chain) -> None:
    wait_in(bench, payments(maker, 5))
    block = make_block(maker, SEATS, 1, payments(maker, 5))
    assert judge(bench, message_of(block)) is Verdict.ACCEPT
    assert bench.asked == bench.sent == []
    assert bench.chain.block_bytes(block.placed.id) == block.raw
    assert counts(bench) == CompactCounts(at_once=1)


def test_few_missing_transactions_are_asked_for_by_their_places(bench: Bench, maker: Chain) -> None:
    made = payments(maker, 6)
    wait_in(bench, [made[0], made[2], made[3], made[5]])
    block = make_block(maker, SEATS, 1, made)
    bench.answer = giving(block)
    compact = message_of(block)
    assert judge(bench, compact) is Verdict.IGNORE
    assert bench.asked == [GetBlockTransactions(block.placed.id, (1, 4))]
    assert bench.sent == [compact]
    assert bench.chain.block_bytes(block.placed.id) == block.raw
    assert (counts(bench), bench.blamed) == (CompactCounts(asked=1), [])


@pytest.mark.parametrize("known", [0, 2])
def test_a_block_that_is_mostly_missing_is_asked_for_whole(
    bench: Bench, maker: Chain, known: int
) -> None:
    made = payments(maker, 5)
    wait_in(bench, made[:known])
    block = make_block(maker, SEATS, 1, made)
    bench.answer = giving(block)
    assert judge(bench, message_of(block)) is Verdict.IGNORE
    assert bench.asked == [GetBlock(block.placed.id)]
    assert bench.sent == [message_of(block)]
    assert has(bench, block)
    assert counts(bench) == CompactCounts(whole=1)


def test_what_does_not_fit_one_answer_is_asked_for_whole(bench: Bench, maker: Chain) -> None:
    made = payments(maker, 4)
    wait_in(bench, made[:2])
    block = make_block(maker, SEATS, 1, made)
    whole = given_from(block)

    def answer(_peer: bytes, request: Record) -> Record:
        found = whole(request)
        return Transactions(found.transactions[:1]) if isinstance(found, Transactions) else found

    bench.answer = answer
    judge(bench, message_of(block))
    places = GetBlockTransactions(block.placed.id, (2, 3))
    assert bench.asked == [places, GetBlock(block.placed.id)]
    assert has(bench, block)
    assert (counts(bench), bench.blamed) == (CompactCounts(whole=1), [])


def colliding(of: EncodedTransaction, other: EncodedTransaction) -> EncodedTransaction:
    """Stands in for another transaction of the same short id, which takes 2^32 work to make."""
    return dataclasses.replace(other, id=of.id[:SHORT_ID_BYTES] + other.id[SHORT_ID_BYTES:])


def test_two_transactions_of_one_short_id_count_as_missing(bench: Bench, maker: Chain) -> None:
    made = payments(maker, 3)
    twin = colliding(made[2], transfer(maker, ALICE, BOB.public, 9, 7))
    wait_in(bench, [*made, twin])
    block = make_block(maker, SEATS, 1, made)
    bench.answer = giving(block)
    judge(bench, message_of(block))
    assert bench.asked == [GetBlockTransactions(block.placed.id, (2,))]
    assert has(bench, block)


def test_another_transaction_of_a_short_id_has_the_block_asked_for_whole(
    bench: Bench, maker: Chain
) -> None:
    made = payments(maker, 3)
    twin = colliding(made[2], transfer(maker, ALICE, BOB.public, 9, 7))
    wait_in(bench, [*made[:2], twin])
    block = make_block(maker, SEATS, 1, made)
    bench.answer = giving(block)
    judge(bench, message_of(block))
    assert bench.asked == [GetBlock(block.placed.id)]
    assert has(bench, block)
    assert bench.blamed == []


def test_a_competing_block_finds_what_the_head_took_from_the_mempool(maker: Chain) -> None:
    made = payments(maker, 5)
    bench, late = Bench(GENESIS), memory_chain(GENESIS)
    wait_in(bench, made)
    first = make_block(maker, SEATS, 1, made)
    bench.take(first)
    assert len(bench.mempool) == 0
    beside = make_block(late, SEATS, 2, made[:4])  # its producer did not see the first
    bench.at_slot(2)
    assert judge(bench, message_of(beside)) is Verdict.ACCEPT
    assert bench.asked == []
    assert has(bench, beside)


# Of whom


def test_a_silent_peer_costs_half_a_slot_and_no_blame(bench: Bench, maker: Chain) -> None:
    made = payments(maker, 3)
    wait_in(bench, made[:2])
    block = make_block(maker, SEATS, 1, made)
    asked = asked_of(bench, {PEER: failing(RequestTimeout("slow")), OTHER_PEER: giving(block)})
    judge(bench, message_of(block))
    question = GetBlockTransactions(block.placed.id, (2,))
    assert asked == [(PEER, question), (OTHER_PEER, question)]
    assert bench.timeouts_ms == [bench.chain.clock.slot_ms // 2] * 2
    assert has(bench, block)
    assert bench.blamed == []


def test_who_is_alone_and_slow_is_asked_again_with_more_patience(
    bench: Bench, maker: Chain
) -> None:
    block = make_block(maker, SEATS, 1, payments(maker, 3))
    asked = asked_of(bench, {PEER: failing(RequestTimeout("slow"))})
    judge(bench, message_of(block))
    assert [peer for peer, _ in asked] == [PEER, PEER]
    assert bench.timeouts_ms[0] < bench.timeouts_ms[1]
    assert (counts(bench), bench.sent, bench.blamed) == (CompactCounts(lost=1), [], [])


@pytest.mark.parametrize("error", [PeerGone("gone"), RemoteError("no"), None])
def test_an_honest_peer_that_has_it_no_longer_is_not_blamed(
    bench: Bench, maker: Chain, error: RequestFailed | None
) -> None:
    made = payments(maker, 3)
    wait_in(bench, made[:2])
    block = make_block(maker, SEATS, 1, made)

    def nothing(_peer: bytes, request: Record) -> Record:
        return Blocks(()) if isinstance(request, GetBlock) else Transactions(())

    has_not = nothing if error is None else failing(error)
    asked_of(bench, {PEER: has_not, OTHER_PEER: giving(block)})
    judge(bench, message_of(block))
    assert has(bench, block)
    assert (counts(bench), bench.blamed) == (CompactCounts(asked=1), [])


@pytest.mark.parametrize("lie", ["transaction", "more", "garbage", "block", "body", "signature"])
def test_who_contradicts_his_own_compact_block_is_blamed_and_another_asked(
    bench: Bench, maker: Chain, lie: str
) -> None:
    made = payments(maker, 3)
    wait_in(bench, made[: 0 if lie in ("block", "body", "signature") else 2])
    block = make_block(maker, SEATS, 1, made)
    decoded = read_block(block.raw).block
    body = replace(decoded.body, transactions=decoded.body.transactions[1:])
    answers: dict[str, Record] = {
        "transaction": Transactions((made[0].data,)),
        "more": Transactions((made[2].data, made[0].data)),
        "garbage": Transactions((b"garbage",)),
        "block": Blocks((make_block(maker, SEATS, 1).raw,)),
        "body": Blocks((replace(decoded, body=body).encode(),)),
        "signature": Blocks((replace(decoded, signature=bytes(64)).encode(),)),
    }
    asked = asked_of(bench, {PEER: lambda *_: answers[lie], OTHER_PEER: giving(block)})
    judge(bench, message_of(block))
    assert [peer for peer, _ in asked] == [PEER, OTHER_PEER]
    assert len(bench.blamed) == 1
    assert bench.chain.block_bytes(block.placed.id) == block.raw
    assert bench.sent == [message_of(block)]


def test_a_false_form_costs_its_sender_and_only_the_true_one_goes_on(
    bench: Bench, maker: Chain
) -> None:
    made = payments(maker, 3)
    wait_in(bench, made)
    block = make_block(maker, SEATS, 1, made)
    true = message_of(block)
    false = replace(true, short_ids=true.short_ids[::-1])
    bench.answer = giving(block)
    assert judge(bench, false) is Verdict.IGNORE
    assert bench.asked == [GetBlock(block.placed.id)]
    assert bench.sent == [true]
    assert has(bench, block)
    assert len(bench.blamed) == 1
    assert judge(bench, true, OTHER_PEER) is Verdict.IGNORE  # it is here


# What happens meanwhile: what is asked is put off until the test runs it


def test_a_false_form_that_nobody_completes_keeps_the_true_one_not_out(
    bench: Bench, maker: Chain
) -> None:
    made = payments(maker, 3)
    exchange, works = putting_off(bench)
    block = make_block(maker, SEATS, 1, made)
    true = message_of(block)
    false = replace(true, short_ids=true.short_ids[::-1])
    asked = asked_of(bench, {PEER: failing(RequestTimeout("silent")), OTHER_PEER: giving(block)})
    bench.announcers = []
    for compact, peer in ((false, PEER), (true, OTHER_PEER)):
        assert bench.run(exchange.judge_block(peer, compact)) is Verdict.IGNORE
    assert len(works) == 1
    bench.run(works[0])
    assert [peer for peer, _ in asked] == [PEER, OTHER_PEER]
    assert bench.sent == [true]

    wait_in(bench, made)  # what came in the meantime needs no answer
    again, works = putting_off(bench)
    other = make_block(maker, SEATS, 2, made)
    bench.at_slot(2)
    false = replace(message_of(other), short_ids=true.short_ids[::-1])
    assert bench.run(again.judge_block(PEER, false)) is Verdict.IGNORE
    assert bench.run(again.judge_block(OTHER_PEER, message_of(other))) is Verdict.ACCEPT
    before = len(asked)
    for work in works:
        bench.run(work)
    assert len(asked) == before
    assert again.relay.counts == CompactCounts(at_once=1)


def test_what_is_asked_for_at_once_is_bounded(bench: Bench, maker: Chain) -> None:
    made = payments(maker, 1)
    exchange, works = putting_off(bench)
    bench.at_slot(MAX_WANTED + 3)
    blocks = [make_block(maker, SEATS, slot, made) for slot in range(1, MAX_WANTED + 3)]
    for block in blocks:
        assert bench.run(exchange.judge_block(PEER, message_of(block))) is Verdict.IGNORE
    assert len(works) == MAX_WANTED
    asked = asked_of(bench, {PEER: failing(PeerGone("gone"))})
    bench.announcers = []
    forms = [replace(message_of(blocks[0]), short_ids=bytes([i]) * 8) for i in range(9)]
    for i, form in enumerate(forms):
        for _ in range(2):
            bench.run(exchange.judge_block(bytes([i]) * 32, form))
    bench.answer = failing(PeerGone("gone"))
    bench.run(works[0])
    assert len(bench.asked) == MAX_OFFERS
    assert not asked
    bench.run(exchange.judge_block(PEER, message_of(blocks[-1])))
    assert len(works) == MAX_WANTED + 1


def test_votes_that_follow_a_block_do_not_wait_for_what_is_missing_of_it(
    side: Side, other: Chain
) -> None:
    made = payments(other, 2)
    block = make_block(other, SEATS, 1, made)
    side.mempool.add(made[0], next_nonce=0, next_height=1)
    side.at_slot(1)
    votes = votes_for(other, SEATS.values(), block)
    go = trio.Event()
    give = given_from(block)

    async def request(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        await go.wait()
        return give(message)

    side.wire.request = request  # type: ignore[method-assign]

    async def main() -> None:
        assert await side.handler.gossip(PEER, message_of(block), b"") is Verdict.IGNORE
        assert await side.handler.gossip(PEER, Votes(tuple(votes)), b"") is Verdict.ACCEPT
        assert side.chain.fork.head.height == 0
        go.set()
        await until(lambda: side.chain.fork.head.id == block.placed.id)
        assert len(side.chain.fork.votes(side.chain.fork.head)) == len(votes)

    side.run(main)


# Who can make a node ask


def test_only_the_slots_producer_makes_a_node_ask(bench: Bench, maker: Chain) -> None:
    made = payments(maker, 2)
    compact = message_of(make_block(maker, SEATS, 1, made))
    unknown = bytes(16)
    for forged, error in (
        (replace(compact, signature=bytes(64), short_ids=unknown), InvalidSignature),
        (replace(compact, header=replace(compact.header, producer=bytes(32))), InvalidHeader),
        (replace(compact, header=replace(compact.header, chain=bytes(32))), InvalidBlock),
        (replace(compact, certificate=b"?", short_ids=unknown), InvalidBlock),
        (replace(compact, short_ids=unknown[1:]), Invalid),
    ):
        with pytest.raises(error):
            judge(bench, forged)
    far = message_of(make_block(maker, SEATS, 9, made))
    assert judge(bench, far) is Verdict.IGNORE
    assert (bench.asked, bench.sent, bench.blamed) == ([], [], [])


def test_of_twin_blocks_two_are_asked_for_and_their_lies_take_no_place(
    bench: Bench, maker: Chain
) -> None:
    twins = [
        make_block(maker, SEATS, 1, [transfer(maker, ALICE, BOB.public, amount, 0)])
        for amount in (1, 2, 3)
    ]
    bench.answer = failing(PeerGone("gone"))
    for _ in range(4):
        judge(bench, message_of(twins[0]))
    bench.answer = giving(*twins)
    for block in twins:
        judge(bench, message_of(block))
    assert [has(bench, block) for block in twins] == [True, True, False]


# Answers


def test_transactions_of_blocks_that_are_not_final_are_given(maker: Chain) -> None:
    bench = Bench(GENESIS)
    made = payments(maker, 4)
    block = make_block(maker, SEATS, 1, made)
    exchange, works = putting_off(bench)
    wait_in(bench, made)
    bench.at_slot(1)
    ask = GetBlockTransactions(block.placed.id, (3, 0))
    found = Transactions((made[3].data, made[0].data))
    assert exchange.serve(ask) == Transactions(())
    bench.run(exchange.judge_block(PEER, message_of(block)))
    assert exchange.serve(ask) == found, "it was relayed, and is being taken in"
    assert exchange.serve(GetBlock(block.placed.id)) == Blocks((block.raw,))
    bench.run(works[0])
    assert exchange.serve(ask) == found
    assert exchange.serve(GetBlockTransactions(block.placed.id, (0, 4))) == Transactions(())
    bench.chain.recorded(block.placed.id).bury()  # type: ignore[union-attr]
    assert exchange.serve(ask) == Transactions(())


def test_an_answer_holds_no_more_than_fits(maker: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(GENESIS)
    made = payments(maker, 4)
    block = make_block(maker, SEATS, 1, made)
    bench.take(block)
    room = 2 * len(made[0].data) + 1
    assert room < MAX_TRANSACTIONS_BYTES
    monkeypatch.setattr("node.block_relay.MAX_TRANSACTIONS_BYTES", room)
    answer = bench.exchange.serve(GetBlockTransactions(block.placed.id, (0, 1, 2)))
    assert answer == Transactions((made[0].data, made[1].data))


def test_an_adopted_orphan_goes_on_to_others(bench: Bench, maker: Chain) -> None:
    first = make_block(maker, SEATS, 1)
    take_block(maker, first.raw)
    second = make_block(maker, SEATS, 2, payments(maker, 1))
    wait_in(bench, payments(maker, 1))
    bench.at_slot(2)
    bench.answer = giving(first)
    assert judge(bench, message_of(second)) is Verdict.IGNORE
    assert bench.sent == [message_of(second)]
    assert bench.chain.fork.head.id == second.placed.id


# Transactions of abandoned blocks


@pytest.fixture
def forked(maker: Chain) -> tuple[Bench, list[EncodedTransaction], list[Recorded]]:
    """A node at one of two blocks that compete, and the other."""
    made = payments(maker, 2)
    other = transfer(maker, ALICE, BOB.public, 2, 0)
    first = make_block(maker, SEATS, 1, made)
    late = memory_chain(GENESIS)
    beside = make_block(late, SEATS, 2, [other])
    bench = Bench(GENESIS)
    bench.take(first)
    take_block(late, beside.raw)
    return bench, made, [beside, make_block(late, SEATS, 3)]


def test_what_an_abandoned_block_held_waits_again_if_it_may(
    forked: tuple[Bench, list[EncodedTransaction], list[Recorded]],
) -> None:
    bench, made, blocks = forked
    for block in blocks:
        bench.take(block)
    assert bench.chain.fork.head.id == blocks[-1].placed.id
    assert made[1].id in bench.mempool
    assert made[0].id not in bench.mempool  # its nonce is used
    run_slots([bench.chain], SEATS, [4], made[1:])
    assert bench.chain.fork.head.height == 3
