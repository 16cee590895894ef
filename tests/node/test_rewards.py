"""Rewards on real chains: each block and each certified vote is paid once, also at handovers."""

from collections import Counter

from tests.node import handovers
from tests.node.bench import memory_chain
from tests.node.handovers import ELECTIONS, POOL, epochs, voters
from tests.node.network import make_block, take_block, take_votes, votes_for
from vm.modules.rewards import (
    BLOCK_UNITS,
    OWED_POT,
    POOL_POT,
    UNSHARED,
    VOTE_UNITS,
)
from vm.modules.tokens import balance_of, pot_of
from vm.registry import REGISTRY


def test_every_block_and_certified_vote_is_paid_once_whatever_set_it_is_of() -> None:
    maker, other = (memory_chain(handovers.GENESIS, ELECTIONS) for _ in range(2))
    genesis = maker.state.view()
    by_block, by_vote = BLOCK_UNITS.read(genesis), VOTE_UNITS.read(genesis)
    pool = pot_of(genesis, POOL_POT, "REEL")
    voted: dict[int, tuple[bytes, ...]] = {}
    due: Counter[bytes] = Counter()
    dynasties: set[tuple[int, int]] = set()
    for slot in epochs(maker, 4):
        block = make_block(maker, POOL, slot)
        producer, target = block.placed.header.producer, block.placed.header.qc_target
        assert producer is not None
        assert target is not None
        due[producer] += by_block
        if block.body.certificate:
            due.update(dict.fromkeys(voted[target.slot], by_vote))
            dynasties.add((block.placed.dynasty, target.dynasty))
        voting = voters(block)[slot % 2 :][: block.placed.members.quorum]
        voted[slot] = tuple(seat.account.public for seat in voting)
        for chain in (maker, other):
            take_block(chain, block.raw)
            take_votes(chain, votes_for(chain, voting, block))
        state = other.state_of(other.fork.head)
        row = UNSHARED.get(state)
        assert row is not None
        paid = Counter({each: balance_of(state, each, "REEL") for each in POOL})
        waiting = Counter({item.producer: item.units for item in row.earned})
        assert +(paid + waiting) == due
        assert pot_of(state, POOL_POT, "REEL") == pool - due.total()
        assert pot_of(state, OWED_POT, "REEL") == waiting.total()
    assert {(1, 0), (2, 1), (3, 2), (3, 3)} <= dynasties
    assert list(REGISTRY.broken_invariants(other.state.view())) == []
