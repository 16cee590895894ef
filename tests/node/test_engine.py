"""The engine: what it signs, when, and what it keeps."""

import pytest

from consensus.headers import scheduled
from consensus.voting import FRESH_STATE
from node.candidate import read_block
from node.chain import Chain
from node.validator import Seat, Validator
from storage.journal import JournalEntry
from tests.node.network import make_block
from tests.node.side import SEATS, Side


def test_a_producer_without_its_reveal_misses_its_slot_and_the_node_goes_on(side: Side) -> None:
    producer = scheduled(side.chain.rules, side.chain.fork.head, 1).producer
    consensus = SEATS[producer].consensus
    seat = Seat(producer, consensus, b"not the committed seed".ljust(32))
    side.engine.validator = Validator(side.chain.id, [seat], side.journal)
    side.engine.validator.remember(-5)
    side.at_slot(1)

    async def main() -> None:
        assert side.engine.validator.may_produce(producer, 5)
        later = 1 + len(SEATS)  # the same producer's next slot, past what was bound
        assert await side.driver.enter(side.engine.produce(later)) is None
        assert side.engine.validator.may_produce(producer, later)

    side.run(main)
    assert side.chain.fork.head.height == 0


@pytest.mark.parametrize("may_sign", [True, False])
def test_nothing_is_signed_while_the_node_must_not(
    side: Side, other: Chain, may_sign: bool
) -> None:
    block = make_block(other, SEATS, 1)
    seats = [
        Seat(producer, seat.consensus, b"")
        for producer, seat in SEATS.items()
        if producer != block.placed.header.producer  # it would find that its journal is older
    ]
    for seat in seats:
        side.journal.append([JournalEntry(seat.key.public, FRESH_STATE, None)])
    side.engine.validator = Validator(side.chain.id, seats, side.journal)
    side.may_sign = may_sign
    side.at_slot(1)

    async def main() -> None:
        await side.driver.enter(side.engine.add_block(read_block(block.raw), side.now_ms))

    side.run(main)
    placed = side.chain.fork.get(block.placed.id)
    assert placed is not None
    assert len(side.chain.fork.votes(placed)) == (len(seats) if may_sign else 0)
