"""What waiting transactions will touch is in the cache when their block is checked."""

from pathlib import Path

import pytest
import trio
import trio.lowlevel

from consensus.transaction import Transaction
from node import read_ahead
from node.candidate import read_block
from node.read_ahead import ReadAhead, read_touched
from node.trial import check_transaction
from storage.database import Reader
from storage.state import FinalState
from tests.node.bench import memory_chain
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    open_chain,
    run_slots,
    transfer,
)

SEATS = make_seats(4)
SENDERS = [key(f"sender {i}") for i in range(8)]
OTHERS = [key(f"other {i}") for i in range(300)]
GENESIS = make_genesis_of(SEATS.values(), [*SENDERS, *OTHERS])


@pytest.mark.parametrize("is_read_ahead", [False, True])
def test_a_block_of_transfers_is_checked_without_a_read_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_read_ahead: bool
) -> None:
    chain, database = open_chain(GENESIS, tmp_path)
    run_slots([chain], SEATS, [1, 2, 3])
    pending = [transfer(chain, each, OTHERS[i].public, 5, 0) for i, each in enumerate(SENDERS)]
    made = make_block(chain, SEATS, 4, pending)
    other = make_block(chain, SEATS, 4, [transfer(chain, OTHERS[8], OTHERS[9].public, 5, 0)])
    database.close()

    chain, database = open_chain(GENESIS, tmp_path)
    chain.validate(read_block(other.raw))  # so that what all blocks touch is in the cache
    for each in pending:
        check_transaction(chain, each)
    if is_read_ahead:
        read_touched(chain.state, [each.transaction for each in pending])
    reads: list[bytes] = []
    get = Reader.get

    def noted(reader: Reader, row: bytes) -> bytes | None:
        reads.append(row)
        return get(reader, row)

    monkeypatch.setattr(Reader, "get", noted)
    chain.validate(read_block(made.raw))
    monkeypatch.undo()
    database.close()
    assert (len(reads) == 0) == is_read_ahead


def test_what_was_asked_for_last_is_read_if_it_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = memory_chain(GENESIS)
    orders = [transfer(chain, SENDERS[0], OTHERS[0].public, 5, nonce) for nonce in range(9)]
    monkeypatch.setattr(read_ahead, "MAX_WAITING", 4)
    batches: list[list[int]] = []

    def read(state: FinalState, transactions: list[Transaction]) -> None:
        assert state is chain.state
        batches.append([each.nonce for each in transactions])

    monkeypatch.setattr(read_ahead, "read_touched", read)
    worker = ReadAhead(chain.state)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for order in orders[:3]:
                worker.want(order.transaction)
            nursery.start_soon(worker.run)
            while not batches:
                await trio.lowlevel.checkpoint()
            for order in orders[3:]:
                worker.want(order.transaction)
            while len(batches) < 2:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert batches == [[0, 1, 2], [5, 6, 7, 8]]
