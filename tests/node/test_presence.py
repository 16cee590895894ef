"""Why nothing becomes final: the members that are silent, named once finality is late."""

import pytest

from node.presence import MAX_HEARD, Presence
from tests.node.bench import Bench, memory_chain
from tests.node.handovers import ELECTIONS, POOL, epochs, run_epochs
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    take_block,
    take_votes,
    votes_for,
)

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])
PRODUCERS = sorted(SEATS)
BOUND = 2 * len(SEATS) + 1


@pytest.fixture
def bench() -> Bench:
    """A node that has heard everybody in slots 1 to 3."""
    made = Bench(GENESIS)
    go_on(made, range(1, 4), PRODUCERS)
    assert made.chain.durable_final.slot == 2
    return made


def go_on(bench: Bench, slots: range, voting: list[bytes]) -> None:
    """A block in each slot, which these vote for."""
    for slot in slots:
        block = make_block(bench.chain, SEATS, slot)
        bench.take(block)
        votes = votes_for(bench.chain, [SEATS[producer] for producer in voting], block)
        bench.run(bench.engine.add_votes(votes))


def test_nothing_is_late_as_long_as_it_may_take_to_come_back(bench: Bench) -> None:
    presence = bench.engine.presence
    assert presence.stall(3) is None
    assert presence.stall(2 + BOUND) is None
    stall = presence.stall(3 + BOUND)
    assert stall is not None
    assert (stall.slots, stall.quorum, stall.members) == (BOUND + 1, 3, 4)


def test_a_young_chain_is_not_late() -> None:
    presence = Presence(memory_chain(GENESIS))
    for slot in (-5, 0, BOUND):
        assert presence.stall(slot) is None
    assert presence.stall(BOUND + 1) is not None


def test_the_members_that_do_not_vote_are_named(bench: Bench) -> None:
    go_on(bench, range(4, 20), PRODUCERS[:2])
    stall = bench.engine.presence.stall(20)
    assert stall is not None
    assert stall.slots == 18
    assert stall.silent == tuple(PRODUCERS[2:])


def test_a_member_is_silent_after_one_round_without_a_word(bench: Bench) -> None:
    go_on(bench, range(4, 17), PRODUCERS[:2])
    go_on(bench, range(17, 18), PRODUCERS[1:3])
    late = bench.engine.presence.stall(21)  # since slot 17
    assert late is not None
    assert late.silent == (PRODUCERS[0], PRODUCERS[3])
    later = bench.engine.presence.stall(22)
    assert later is not None
    assert later.silent == tuple(PRODUCERS)


def test_it_is_over_when_they_are_back(bench: Bench) -> None:
    go_on(bench, range(4, 20), PRODUCERS[:2])
    assert bench.engine.presence.stall(20) is not None
    go_on(bench, range(20, 23), PRODUCERS)
    assert bench.chain.durable_final.slot == 21
    assert bench.engine.presence.stall(22) is None


def test_who_is_known_by_embedded_certificates_alone_is_heard_too() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    for slot in range(1, 20):
        block = make_block(maker, SEATS, slot)
        take_block(maker, block.raw)
        if slot % 2:  # never two in a row: nothing becomes final
            voting = [SEATS[producer] for producer in PRODUCERS[1:]]
            take_votes(maker, votes_for(maker, voting, block))
        bench.take(block)
    stall = bench.engine.presence.stall(20)
    assert stall is not None
    assert stall.silent == (PRODUCERS[0],)


def test_the_members_are_those_of_the_heads_set() -> None:
    bench = Bench(POOL_GENESIS, elected=ELECTIONS)
    slots = epochs(bench.chain, 2)[:-1]
    run_epochs([bench.chain], slots)
    assert (bench.chain.fork.final.dynasty, bench.chain.fork.head.dynasty) == (0, 1)
    stall = Presence(bench.chain).stall(slots[-1] + 100)
    assert stall is not None
    assert (stall.members, stall.quorum) == (5, 4)
    assert stall.silent == tuple(sorted(bench.chain.fork.head.members.index))
    assert set(stall.silent) < set(POOL)


def test_what_is_remembered_is_bounded_and_the_oldest_goes() -> None:
    presence = Presence(memory_chain(GENESIS))
    for i in range(MAX_HEARD):
        presence.heard(b"%032d" % i, 1000 + i)
    for seat in SEATS.values():
        presence.heard(seat.consensus.public, 5000)
        presence.heard(seat.consensus.public, 1)  # an old vote that comes late changes nothing
    assert len(presence._last_slot) == MAX_HEARD
    stall = presence.stall(5001)
    assert stall is not None
    assert stall.silent == ()
