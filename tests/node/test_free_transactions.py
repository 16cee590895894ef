"""All the mana of many accounts keeps no transaction that pays a fee out of the next block."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.errors import InvalidTransaction
from consensus.keys import KeyPair
from consensus.transaction import EncodedTransaction
from genesis.build import build_genesis
from genesis.preset import load_preset
from node.block_results import BlockResults
from node.candidate import Recorded
from node.chain import Chain
from node.mempool import MAX_FREE_PER_SENDER, MAX_PER_SENDER, Mempool
from node.trial import check_transaction, nonce_at_head
from tests.node.network import (
    FUNDS,
    GENESIS_TIME_MS,
    key,
    make_block,
    make_seats,
    open_chain,
    signed,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from vm.modules.mana import MAX_BLOCK_PPM
from vm.modules.stake import Approve, Bond
from vm.receipt import Receipt

SEATS = make_seats(4)
BOB = key("bob")
PAYERS = [key(f"payer {i}") for i in range(4)]
SPAMMERS = [key(f"spammer {i}") for i in range(6)]
BLOCK_GAS = 1_000_000
DAY_SLOTS = 86_400


class Side:
    """A chain with small blocks, its mempool, and its next slot."""

    def __init__(self, chain: Chain, room: int) -> None:
        self.chain = chain
        self.mempool = Mempool(max_transactions=room)
        self.slot = 1

    def nonce(self, account: bytes) -> int:
        """An account's next, after what waits."""
        return self.mempool.next_nonce(account, nonce_at_head(self.chain, account))

    def submit(self, pending: EncodedTransaction) -> None:
        """As the node does it."""
        check_transaction(self.chain, pending)
        next_nonce = nonce_at_head(self.chain, pending.transaction.sender)
        next_height = self.chain.fork.head.height + 1
        self.mempool.add(pending, next_nonce=next_nonce, next_height=next_height)

    def spam(self) -> None:
        """Every spammer sends as many free transactions as may wait."""
        for spammer in SPAMMERS:
            for _ in range(MAX_FREE_PER_SENDER):
                nonce = self.nonce(spammer.public)
                free = signed(self.chain, spammer, Approve(()), nonce, max_fee=0)
                try:
                    self.submit(free)
                except InvalidTransaction:
                    break

    def pay(self, sender: KeyPair) -> EncodedTransaction:
        """A transfer is sent, which pays its fee."""
        nonce = self.nonce(sender.public)
        paying = transfer(self.chain, sender, BOB.public, 1, nonce)
        self.submit(paying)
        return paying

    def block(self) -> Recorded:
        """The next block, of what waits; it becomes final."""
        made = make_block(
            self.chain,
            SEATS,
            self.slot,
            self.mempool.ready(lambda account: nonce_at_head(self.chain, account)),
        )
        take_block(self.chain, made.raw)
        take_votes(self.chain, votes_for(self.chain, SEATS.values(), made))
        self.mempool.prune(
            lambda account: nonce_at_head(self.chain, account), self.chain.fork.head.height + 1
        )
        self.slot += 1
        return made


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    preset = load_preset("devnet")
    genesis = build_genesis(
        replace(preset, parameters={**preset.parameters, "fee.max_block_gas": BLOCK_GAS}),
        [seat.record() for seat in SEATS.values()],
        [(each.public, FUNDS) for each in (*PAYERS, *SPAMMERS)],
        GENESIS_TIME_MS,
    )
    chain, database = open_chain(genesis, tmp_path)
    made = Side(chain, len(SPAMMERS) * MAX_FREE_PER_SENDER)
    for spammer in SPAMMERS:
        made.submit(signed(chain, spammer, Bond(FUNDS // 2), 0))
    made.block()
    made.slot += DAY_SLOTS  # all have as much mana as they ever can
    made.block()
    yield made
    database.close()


def receipts_of(block: Recorded) -> tuple[Receipt, ...]:
    return BlockResults.decode(block.results).receipts


def free_gas(block: Recorded) -> int:
    return sum(receipt.gas for receipt in receipts_of(block) if not receipt.fee)


def test_who_pays_is_in_the_next_block_however_many_free_ones_wait(side: Side) -> None:
    for _ in range(5):
        side.spam()
        assert len(side.mempool) == len(SPAMMERS) * MAX_FREE_PER_SENDER
        paying = side.pay(PAYERS[0])
        side.spam()
        block = side.block()
        assert paying.id == block.transaction_ids[0]
        share = BLOCK_GAS * MAX_BLOCK_PPM.default // 10**6
        assert share - 30_000 < free_gas(block) <= share
        assert all(receipt.status == "ok" for receipt in receipts_of(block))


def test_free_ones_get_no_room_that_those_who_pay_want(side: Side) -> None:
    side.mempool = Mempool()
    side.spam()
    paying = {side.pay(payer).id for payer in PAYERS for _ in range(MAX_PER_SENDER)}
    block = side.block()
    assert set(block.transaction_ids) < paying
    assert free_gas(block) == 0
    assert sum(receipt.gas for receipt in receipts_of(block)) > BLOCK_GAS * 99 // 100
