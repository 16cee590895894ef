"""Transactions and content: what peers announce, ask for and get."""

from dataclasses import replace

from consensus.record import Record
from node.chain import Chain
from p2p.messages import GetTransactions, TransactionIds, Transactions
from tests.node.network import transfer
from tests.node.side import ALICE, BOB, PEER, Side


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
    forged = replace(good.transaction, max_fee=good.transaction.max_fee + 1)
    side.wire.answer = lambda _: Transactions((forged.encode(), b"garbage"))

    async def main() -> None:
        await side.handler.gossip(PEER, TransactionIds((good.id,)), b"")

    side.run(main)
    assert len(side.mempool) == 0
    assert len(side.wire.blamed) == 2


def test_transactions_may_come_while_others_are_listed(side: Side, other: Chain) -> None:
    side.mempool.add(transfer(other, ALICE, BOB.public, 1, 0), next_nonce=0, next_height=1)

    def next_nonce(sender: bytes) -> int:
        late = transfer(other, BOB, ALICE.public, 1, 0)
        side.mempool.add(late, next_nonce=0, next_height=1)
        return 0

    listed = [pending.transaction.sender for pending in side.mempool.ready(next_nonce)]
    assert listed == [ALICE.public]
    assert len(side.mempool) == 2
