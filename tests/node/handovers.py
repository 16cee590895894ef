"""A chain whose producer set changes: eight seats hold genesis, and a stub elects among them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.producers import Member, ProducerSet, producer_set
from node.candidate import Recorded
from node.chain import Chain
from tests.node.network import (
    Seat,
    key,
    make_block,
    make_genesis_of,
    make_seats,
    take_block,
    take_votes,
    votes_for,
)
from vm.modules.producer import BEACONS
from vm.view import View

POOL = make_seats(8)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(POOL.values(), [ALICE])


def members_of(places: Iterable[int]) -> ProducerSet:
    """The set of these seats of the pool."""
    seats = list(POOL.values())
    chosen = [seats[place] for place in places]
    return producer_set([Member(seat.account.public, seat.consensus.public) for seat in chosen])


@dataclass(frozen=True)
class Elections:
    """The stub: on states of at least such a height it elects the set beside it, the last such."""

    sets: tuple[tuple[int, ProducerSet], ...]

    def __call__(self, state: View) -> ProducerSet | None:
        height = sum(row.used for _, row in BEACONS.every(state))
        reached = [members for least, members in self.sets if height >= least]
        return reached[-1] if reached else None


# Three changes: to five, to five others, and to seven.
ELECTIONS = Elections(
    ((1, members_of(range(5))), (5, members_of(range(3, 8))), (9, members_of(range(1, 8))))
)


def epochs(chain: Chain, count: int) -> list[int]:
    """Four slots of each of the first epochs: in the second epoch and later they begin with a
    handover, and end with a block of the new set that makes the one before it final."""
    length = chain.constants.epoch_slots
    return [max(epoch * length, 1) + i for epoch in range(count) for i in range(4)]


def voters(block: Recorded) -> list[Seat]:
    """The seats that may vote for a block."""
    return [POOL[member.producer] for member in block.placed.members.members]


def run_epochs(chains: Sequence[Chain], slots: Iterable[int]) -> list[Recorded]:
    """Every slot: the first chain makes the block, all take it, and its set votes."""
    made = []
    for slot in slots:
        block = make_block(chains[0], POOL, slot)
        made.append(block)
        for chain in chains:
            take_block(chain, block.raw)
            take_votes(chain, votes_for(chain, voters(block), block))
    return made
