"""Transactions and content: what peers announce, ask for and get."""

import trio
import trio.testing

from consensus.cid import RAW, cid_of
from consensus.compact import CompactBlock
from consensus.record import Record, replace
from consensus.transaction import transaction_id
from node.chain import Chain
from node.wanted import MAX_QUESTIONS
from p2p.messages import (
    MAX_CONTENT_BYTES,
    MAX_CONTENT_CIDS,
    Content,
    ContentBlock,
    GetContent,
    GetTransactions,
    Status,
    TransactionIds,
    Transactions,
    Votes,
)
from p2p.questions import RequestTimeout
from tests.node.network import run_slots, transfer
from tests.node.side import ALICE, BOB, OTHER_PEER, PEER, SEATS, Side

MAX_RAW_BYTES = 1536 * 1024


def test_announced_transactions_are_fetched_checked_and_announced(side: Side, other: Chain) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    poor = transfer(other, BOB, ALICE.public, 1, 0)

    def answer(request: Record) -> Record:
        assert isinstance(request, GetTransactions)
        return Transactions((poor.transaction.encode(), good.transaction.encode()))

    side.wire.answer = answer

    async def main() -> None:
        await side.handler.gossip(PEER, TransactionIds((good.id, poor.id)), b"")

    side.run(main)
    assert good.id in side.mempool
    assert poor.id not in side.mempool
    assert side.wire.sent == [TransactionIds((good.id,))]
    assert not side.wire.blamed


def test_a_forged_transaction_costs_its_sender(side: Side, other: Chain) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    forged = replace(good.transaction, max_fee=good.transaction.max_fee + 1).encode()
    ids = tuple(transaction_id(data) for data in (forged, b"garbage"))
    side.wire.answer = lambda _: Transactions((forged, b"garbage"))

    async def main() -> None:
        await side.handler.gossip(PEER, TransactionIds(ids), b"")

    side.run(main)
    assert len(side.mempool) == 0
    assert len(side.wire.blamed) == 2


def test_a_transaction_is_asked_of_one_peer_at_a_time_and_of_the_next_if_that_fails(
    side: Side, other: Chain
) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    asked: list[bytes] = []
    go = trio.Event()

    async def request(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        asked.append(peer)
        if peer == PEER:
            await go.wait()
            raise RequestTimeout("it never answers")
        return Transactions((good.data,))

    side.wire.request = request  # type: ignore[method-assign]

    async def main() -> None:
        for peer in (PEER, OTHER_PEER, b"t" * 32):
            await side.handler.gossip(peer, TransactionIds((good.id,)), b"")
        await trio.testing.wait_all_tasks_blocked()
        assert asked == [PEER]
        go.set()

    side.run(main)
    assert asked == [PEER, OTHER_PEER]
    assert good.id in side.mempool
    assert not side.wire.blamed


def test_who_gives_what_was_not_asked_for_is_blamed(side: Side, other: Chain) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    side.wire.answer = lambda _: Transactions((good.data,))

    async def main() -> None:
        await side.handler.gossip(PEER, TransactionIds((b"?" * 32,)), b"")

    side.run(main)
    assert side.wire.blamed == ["a transaction that was not asked for"]
    assert len(side.mempool) == 0


def test_what_is_announced_while_all_questions_are_open_is_asked_later(
    side: Side, other: Chain
) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    slow = [bytes([i]) * 32 for i in range(MAX_QUESTIONS)]
    asked: list[bytes] = []
    go = trio.Event()

    async def request(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        asked.append(peer)
        if peer in slow:
            await go.wait()
            raise RequestTimeout("it never answers")
        return Transactions((good.data,))

    side.wire.request = request  # type: ignore[method-assign]

    async def main() -> None:
        for peer in slow:
            await side.handler.gossip(peer, TransactionIds((peer,)), b"")
        await side.handler.gossip(PEER, TransactionIds((good.id,)), b"")
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(asked) == slow
        go.set()

    side.run(main)
    assert good.id in side.mempool


def test_transactions_may_come_while_others_are_listed(side: Side, other: Chain) -> None:
    side.mempool.add(transfer(other, ALICE, BOB.public, 1, 0), next_nonce=0, next_height=1)

    def next_nonce(sender: bytes) -> int:
        late = transfer(other, BOB, ALICE.public, 1, 0)
        side.mempool.add(late, next_nonce=0, next_height=1)
        return 0

    listed = [pending.transaction.sender for pending in side.mempool.ready(next_nonce)]
    assert listed == [ALICE.public]
    assert len(side.mempool) == 2


def test_waiting_transactions_are_served_as_many_as_fit(side: Side, other: Chain) -> None:
    waiting = [transfer(other, ALICE, BOB.public, 1, nonce) for nonce in range(3)]
    for pending in waiting:
        side.mempool.add(pending, next_nonce=0, next_height=1)
    ids = [pending.id for pending in waiting]

    async def main() -> None:
        answer = await side.handler.serve(PEER, GetTransactions((ids[2], b"?" * 32, ids[0])))
        assert answer == Transactions(
            (waiting[2].transaction.encode(), waiting[0].transaction.encode())
        )

    side.run(main)


def test_a_new_peer_hears_of_what_waits(side: Side, other: Chain) -> None:
    waiting = [transfer(other, ALICE, BOB.public, 1, nonce) for nonce in range(3)]
    for pending in reversed(waiting):
        side.mempool.add(pending, next_nonce=0, next_height=1)
    run_slots([side.chain], SEATS, [1])
    side.handler.connected(PEER)
    blocks, votes, ids = side.wire.sent
    assert isinstance(blocks, CompactBlock)
    assert isinstance(votes, Votes)
    assert ids == TransactionIds(tuple(pending.id for pending in waiting))


def test_content_is_served_as_much_as_fits_one_answer(side: Side) -> None:
    data = [bytes([i]) * MAX_RAW_BYTES for i in range(MAX_CONTENT_CIDS)]
    cids = [cid_of(RAW, block) for block in data]
    for cid, block in zip(cids, data, strict=True):
        side.content.put(cid, block)
    unknown = cid_of(RAW, b"elsewhere")

    async def main() -> None:
        answer = await side.handler.serve(PEER, GetContent((unknown, *cids[:2])))
        assert answer == Content((ContentBlock(cids[0], data[0]), ContentBlock(cids[1], data[1])))
        answer = await side.handler.serve(PEER, GetContent(tuple(cids)))
        assert isinstance(answer, Content)
        sizes = [len(block.data) for block in answer.blocks]
        assert sum(sizes) <= MAX_CONTENT_BYTES
        assert len(sizes) == min(MAX_CONTENT_CIDS, MAX_CONTENT_BYTES // MAX_RAW_BYTES)

    side.run(main)


def test_the_status_is_the_chains_and_the_clocks(side: Side) -> None:
    side.now_ms -= 5_000
    assert side.handler.status().slot == 0  # before genesis
    run_slots([side.chain], SEATS, [1, 2, 3])
    side.at_slot(7)
    head, final = side.chain.fork.head, side.chain.durable_final
    assert side.handler.status() == Status(head.id, 3, final.id, 2, slot=7, time_ms=side.now_ms)
