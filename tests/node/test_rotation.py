"""A consensus key is rotated: the old one signs until a set with the new one takes over."""

from consensus.evidence import DOUBLE_BLOCK
from node.validator import Seat
from tests.node.bench import Bench, node_seats
from tests.node.network import key, make_genesis_of, make_seats, signed
from tests.vm.offences import offend
from vm.modules.producer import OFFENCES, PRODUCERS, Rotate, possession_message

SEATS = make_seats(4)
FIRST, *_ = SEATS.values()
GENESIS = make_genesis_of(SEATS.values(), [FIRST.account])
NEW = key("new consensus key")
OLD_SEAT, *OTHERS = node_seats(SEATS)
NEW_SEAT = Seat(OLD_SEAT.producer, NEW, OLD_SEAT.beacon_seed)


def rotating(*seats: Seat) -> Bench:
    """A node with these seats, on which the first producer's rotation is final."""
    bench = Bench(GENESIS, seats)
    message = possession_message(GENESIS.chain, FIRST.account.public, NEW.public)
    rotation = signed(bench.chain, FIRST.account, Rotate(NEW.public, NEW.sign(message)), 0)
    bench.mempool.add(rotation, next_nonce=0, next_height=1)
    produce(bench, 1, 2, 3)
    row = PRODUCERS.get(bench.chain.state.view(), FIRST.account.public)
    assert row is not None
    assert row.key == NEW.public
    return bench


def produce(bench: Bench, *slots: int) -> int:
    """How many of these slots have a block."""
    before = bench.chain.fork.head.height
    for slot in slots:
        bench.at_slot(slot)
        bench.run(bench.engine.produce(slot))
        bench.run(bench.engine.vote_late(slot))
    return bench.chain.fork.head.height - before


def test_a_node_with_both_keys_signs_with_that_of_the_set_and_misses_nothing() -> None:
    bench = rotating(OLD_SEAT, NEW_SEAT, *OTHERS)
    opening = bench.chain.constants.epoch_slots
    assert produce(bench, *range(4, 12)) == 8
    assert bench.chain.fork.head.members.key_of(FIRST.account.public) == OLD_SEAT.key.public
    assert bench.validator.last_votes[0].block_id == bench.chain.fork.head.id
    assert produce(bench, *range(opening, opening + 9)) == 9
    head = bench.chain.fork.head
    assert head.dynasty == 1
    assert head.members.key_of(FIRST.account.public) == NEW.public
    assert {vote.key for vote in bench.validator.last_votes} == {
        NEW.public,
        *(seat.key.public for seat in OTHERS),
    }
    assert bench.chain.durable_final.dynasty == 1


def test_a_node_with_the_new_key_alone_signs_after_the_handover() -> None:
    bench = rotating(NEW_SEAT, *OTHERS)
    opening = bench.chain.constants.epoch_slots
    assert produce(bench, *range(4, 12)) == 6
    produce(bench, *range(opening, opening + 9))
    assert NEW.public in {vote.key for vote in bench.validator.last_votes}


def test_what_the_old_key_signs_twice_after_its_rotation_bars_the_producer() -> None:
    bench = rotating(OLD_SEAT, NEW_SEAT, *OTHERS)
    opening = bench.chain.constants.epoch_slots
    produce(bench, *range(opening, opening + 5))
    assert bench.chain.fork.head.dynasty == 1
    bench.hear(offend(GENESIS, FIRST.consensus, DOUBLE_BLOCK, slot=opening + 1))
    produce(bench, *range(opening + 5, opening + 9))
    assert OFFENCES.get(bench.chain.state.view(), FIRST.account.public) is not None
