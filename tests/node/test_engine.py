"""The engine: what it signs and when, whom it convicts, and what its own blocks carry."""

from collections.abc import Sequence

import pytest

from consensus.beacon import RevealChain
from consensus.block import Block, Vote
from consensus.compact import CompactBlock
from consensus.errors import InvalidBlock
from consensus.evidence import DOUBLE_BLOCK, DOUBLE_VOTE, SURROUND, Evidence, check_evidence
from consensus.headers import scheduled
from consensus.record import Record, replace
from node.candidate import Recorded, read_block
from node.chain import Chain, Screening
from node.validator import Seat
from p2p.messages import Votes
from storage.journal import JournalError
from tests.node.bench import Bench, memory_chain, node_seats
from tests.node.network import Seat as NetworkSeat
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    signed,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from tests.vm.offences import offend
from vm.modules.account import SetAuthority, plain_authority
from vm.modules.producer import OFFENCES, Recommit
from vm.modules.slashing import Report

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
PLACES = {producer: place for place, producer in enumerate(SEATS)}


class Stopped(Exception):
    """The test has seen enough."""


def place_of(chain: Chain, slot: int) -> int:
    """The place in SEATS of the slot's producer at the head."""
    return PLACES[scheduled(chain.rules, chain.fork.head, slot).producer]


def voting() -> Bench:
    """A node with the seat whose turn comes after slots 1, 2 and 3: it votes in these."""
    return Bench(GENESIS, node_seats(SEATS, place_of(memory_chain(GENESIS), 4)))


def key_of(block: Recorded) -> bytes:
    """The consensus key that made the block."""
    return SEATS[block.placed.header.producer or b""].consensus.public


def twins(chain: Chain, slot: int) -> tuple[Recorded, Recorded]:
    """Two blocks of one slot by its producer."""
    payment = transfer(chain, ALICE, BOB.public, 1, 0)
    return make_block(chain, SEATS, slot), make_block(chain, SEATS, slot, [payment])


# What is signed


def test_a_vote_leaves_only_when_a_power_cut_can_take_nothing_back_that_it_rests_on() -> None:
    maker = memory_chain(GENESIS)
    bench = voting()
    (seat,) = bench.validator.producers
    for slot in (1, 2):
        block = make_block(maker, SEATS, slot)
        take_block(maker, block.raw)
        take_votes(maker, votes_for(maker, SEATS.values(), block))
        bench.take(block)
    last = make_block(maker, SEATS, 3)

    def power_cut(message: Record) -> None:
        if isinstance(message, Votes):
            bench.power_cut()
            raise Stopped

    bench.on_send = power_cut
    with pytest.raises(Stopped):
        bench.take(last)
    assert bench.chain.fork.get(last.placed.id) is not None
    entry = bench.journal.entry(SEATS[seat].consensus.public)
    assert entry is not None
    assert (entry.state.last_slot, entry.state.lock_slot) == (3, 2)
    assert bench.sent_votes() == 2  # for slots 1 and 2: the third never left
    bench.on_send = lambda _: None
    assert bench.take(last) is Screening.KNOWN
    assert bench.sent_votes() == 2


def test_a_vote_is_preceded_by_the_sync_of_the_blocks_and_that_by_no_journal_record() -> None:
    """Were the lock durable and the certificate it names lost, nobody could vote any more."""
    maker = memory_chain(GENESIS)
    bench = voting()
    block = make_block(maker, SEATS, 1)
    order: list[str] = []
    chain_sync, append = bench.chain.sync, bench.journal.append

    def sync() -> None:
        order.append("blocks")
        chain_sync()

    def write(entries: Sequence[object]) -> None:
        order.append("journal")
        append(entries)  # type: ignore[arg-type]

    bench.chain.sync = sync  # type: ignore[method-assign]
    bench.journal.append = write  # type: ignore[method-assign]
    bench.on_send = lambda message: order.append(message.tag)
    bench.take(block)
    assert order == ["blocks", "journal", "votes"]


def test_an_own_block_leaves_only_after_its_journal_record() -> None:
    maker = memory_chain(GENESIS)
    place = place_of(maker, 1)
    bench = Bench(GENESIS, node_seats(SEATS, place))
    (seat,) = bench.validator.producers

    def power_cut(message: Record) -> None:
        assert isinstance(message, CompactBlock)
        bench.power_cut()
        raise Stopped

    bench.on_send = power_cut
    bench.at_slot(1)
    with pytest.raises(Stopped):
        bench.run(bench.engine.produce(1))
    assert not bench.validator.may_produce(SEATS[seat].consensus.public, 1)
    assert bench.run(bench.engine.produce(1)) is None


def test_nothing_leaves_when_the_journal_fails() -> None:
    maker = memory_chain(GENESIS)
    bench = Bench(GENESIS, node_seats(SEATS))
    block = make_block(maker, SEATS, 1)
    bench.journal.close()
    with pytest.raises(JournalError):
        bench.take(block)
    bench.at_slot(2)
    with pytest.raises(JournalError):
        bench.run(bench.engine.produce(2))
    assert bench.sent == []


def test_a_producer_without_its_reveal_misses_its_slot_and_the_node_goes_on() -> None:
    producer = scheduled(memory_chain(GENESIS).rules, memory_chain(GENESIS).fork.head, 1).producer
    wrong = Seat(producer, SEATS[producer].consensus, b"not the committed seed".ljust(32))
    bench = Bench(GENESIS, [wrong])
    assert bench.validator.may_produce(SEATS[producer].consensus.public, 1)
    bench.at_slot(1)
    assert bench.run(bench.engine.produce(1)) is None
    assert bench.validator.may_produce(SEATS[producer].consensus.public, 1)
    assert bench.chain.fork.head.height == 0
    assert bench.sent == []


@pytest.mark.parametrize("knows_enough", [True, False])
def test_nothing_is_signed_while_the_node_must_not(knows_enough: bool) -> None:
    maker = memory_chain(GENESIS)
    block = make_block(maker, SEATS, 1)
    others = [place for place in range(4) if place != place_of(maker, 1)]
    bench = Bench(GENESIS, node_seats(SEATS, *others))  # the producer's own would be outdated
    bench.knows_enough = knows_enough
    bench.take(block)
    placed = bench.chain.fork.get(block.placed.id)
    assert placed is not None
    assert len(bench.chain.fork.votes(placed)) == (len(others) if knows_enough else 0)
    slot = next(slot for slot in range(2, 9) if place_of(bench.chain, slot) in others)
    bench.at_slot(slot)
    assert (bench.run(bench.engine.produce(slot)) is not None) == knows_enough
    assert bool(bench.sent) == knows_enough


def test_a_database_that_is_older_than_the_journal_is_not_signed_on() -> None:
    maker = memory_chain(GENESIS)
    bench = Bench(GENESIS, node_seats(SEATS, 0))
    blocks = []
    for slot in range(1, 9):
        block = make_block(maker, SEATS, slot)
        blocks.append(block)
        votes = votes_for(maker, SEATS.values(), block)
        take_block(maker, block.raw)
        take_votes(maker, votes)
        bench.take(block)
        bench.run(bench.engine.add_votes(votes))
    own_final = bench.validator.own_final
    assert own_final is not None
    assert own_final.slot >= 6

    bench.lose_database()
    bench.sent.clear()
    later = next(slot for slot in range(9, 30) if place_of(bench.chain, slot) == 0)
    bench.at_slot(later)
    assert not bench.engine.may_sign()
    assert bench.run(bench.engine.produce(later)) is None  # it would fork off genesis
    for block in blocks:
        assert bench.engine.may_sign() == (bench.chain.durable_final.slot >= own_final.slot)
        bench.take(block)
    assert bench.chain.durable_final.slot >= own_final.slot
    assert bench.engine.may_sign()
    assert bench.sent == []
    later = next(slot for slot in range(9, 30) if place_of(bench.chain, slot) == 0)
    bench.at_slot(later)
    assert bench.run(bench.engine.produce(later)) is not None


def test_a_restart_on_what_was_stored_signs_at_once() -> None:
    bench = Bench(GENESIS, node_seats(SEATS))
    for slot in range(1, 5):
        bench.at_slot(slot)
        assert bench.run(bench.engine.produce(slot)) is not None
    final = bench.chain.durable_final
    assert final.slot == 3
    bench.power_cut()
    assert bench.chain.durable_final.id == final.id
    assert bench.engine.may_sign()
    bench.at_slot(5)
    assert bench.run(bench.engine.produce(5)) is not None


def test_votes_that_came_first_count_when_their_block_comes() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    blocks = []
    for slot in (1, 2):
        blocks.append(make_block(maker, SEATS, slot))
        votes = votes_for(maker, SEATS.values(), blocks[-1])
        take_block(maker, blocks[-1].raw)
        take_votes(maker, votes)
        assert bench.run(bench.engine.add_votes(votes)) == (votes, None)
    for block in blocks:
        bench.take(block)
    assert bench.chain.durable_final.id == blocks[0].placed.id
    told = [final for _, final in bench.changes if final]
    assert [[block.placed.id for block in final] for final in told] == [[blocks[0].placed.id]]
    assert bench.engine.finality_log.last is not None


# Which block of a slot gets the vote


def forked(slot: int) -> tuple[Bench, Recorded, Recorded]:
    """A node with all seats but the slot's producer's, whose head is in slot 2, and two blocks for
    `slot`: on block 1, and on the head."""
    maker, stale = memory_chain(GENESIS), memory_chain(GENESIS)
    others = [place for place in range(4) if place != place_of(maker, slot)]
    bench = Bench(GENESIS, node_seats(SEATS, *others))
    run_slots([maker, stale, bench.chain], SEATS, [1])
    run_slots([maker, bench.chain], SEATS, [2])
    bench.at_slot(slot)
    return bench, make_block(stale, SEATS, slot), make_block(maker, SEATS, slot)


def voted(bench: Bench) -> list[int]:
    """The heights of the blocks that got the node's votes, in order."""
    votes = [message.votes for message in bench.sent if isinstance(message, Votes)]
    placed = [bench.chain.fork.get(each[0].block_id) for each in votes]
    return [block.height for block in placed if block is not None]


def test_a_block_on_an_old_fork_takes_no_vote_from_the_one_on_the_head() -> None:
    bench, on_old, on_head = forked(5)
    bench.take(on_old)
    assert voted(bench) == []
    bench.take(on_head)
    assert voted(bench) == [3]
    bench.now_ms = bench.chain.clock.middle_ms(5)
    bench.run(bench.engine.vote_late(5))
    assert voted(bench) == [3]


def test_a_block_beside_the_head_gets_the_vote_if_half_of_its_slot_brings_no_better() -> None:
    bench, on_old, _ = forked(5)
    bench.take(on_old)
    bench.now_ms = bench.chain.clock.middle_ms(5)
    bench.run(bench.engine.vote_late(4))
    assert voted(bench) == []
    bench, on_old, _ = forked(5)
    bench.take(on_old)
    bench.run(bench.engine.vote_late(5))
    assert voted(bench) == [2]


def test_a_block_that_comes_in_the_second_half_of_its_slot_gets_the_vote_at_once() -> None:
    bench, on_old, _ = forked(5)
    bench.now_ms = bench.chain.clock.middle_ms(5)
    bench.take(on_old)
    assert voted(bench) == [2]


def test_the_best_of_the_blocks_beside_the_head_gets_the_late_vote() -> None:
    maker, middle, stale = (memory_chain(GENESIS) for _ in range(3))
    others = [place for place in range(4) if place != place_of(maker, 7)]
    bench = Bench(GENESIS, node_seats(SEATS, *others))
    run_slots([maker, middle, stale, bench.chain], SEATS, [1])
    run_slots([maker, middle, bench.chain], SEATS, [2])
    for slot in (3, 4):
        block = make_block(maker, SEATS, slot)  # one more certificate, no votes here
        take_block(maker, block.raw)
        bench.take(block)
    bench.sent.clear()
    bench.at_slot(7)
    for chain in (stale, middle, stale):
        bench.take(make_block(chain, SEATS, 7))
    assert voted(bench) == []
    bench.run(bench.engine.vote_late(7))
    assert voted(bench) == [3]


# Who broke the rules


def convicted(bench: Bench, offence: str, guilty: bytes) -> None:
    """Exactly this key's offence is known, on disk too, and went out once."""
    (found,) = bench.engine.evidence.items()
    check_evidence(found, GENESIS.chain)
    assert (found.offence, found.key) == (offence, guilty)
    assert [message for message in bench.sent if isinstance(message, Evidence)] == [found]
    bench.restart()
    assert bench.engine.evidence.items() == (found,)


def test_twin_blocks_convict_their_producer() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    one, other = twins(maker, 1)
    bench.take(one)
    assert bench.engine.evidence.items() == ()
    bench.take(other)
    convicted(bench, DOUBLE_BLOCK, key_of(one))


def test_a_twin_convicts_its_producer_even_if_it_is_no_valid_block() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    one = make_block(maker, SEATS, 1)
    bench.take(one)
    header = replace(one.placed.header, state_root=b"x" * 32)
    signature = SEATS[header.producer or b""].consensus.sign(header.id().binary)
    twin = read_block(Block(header, signature, one.body).encode())
    with pytest.raises(InvalidBlock, match="running the block"):
        bench.run(bench.engine.add_block(twin, bench.now_ms))
    assert bench.chain.fork.get(twin.id) is None
    convicted(bench, DOUBLE_BLOCK, key_of(one))


def two_votes(chain: Chain, voter: NetworkSeat, *blocks: Recorded) -> list[Vote]:
    return [votes_for(chain, [voter], block)[0] for block in blocks]


def test_votes_for_both_of_two_blocks_convict_their_voter() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    one, other = twins(maker, 1)
    voter = next(seat for seat in SEATS.values() if seat.consensus.public != key_of(one))
    for block in (one, other):
        bench.take(block)
    bench.run(bench.engine.add_votes(two_votes(maker, voter, one, other)))
    by_producer, by_voter = bench.engine.evidence.items()
    assert by_producer.key == key_of(one)
    assert (by_voter.offence, by_voter.key) == (DOUBLE_VOTE, voter.consensus.public)
    assert by_voter in bench.sent


def test_votes_in_embedded_certificates_convict_too() -> None:
    """A member that shows each side only one of its votes is found when the chain has both."""
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    one, other = twins(maker, 1)
    voters = [s for s in SEATS.values() if s.consensus.public != key_of(one)]
    take_block(maker, other.raw)
    take_votes(maker, votes_for(maker, voters, other))
    child = make_block(maker, SEATS, 2)
    assert child.body.certificate

    for block in (one, other):
        bench.take(block)
    bench.run(bench.engine.add_votes(two_votes(maker, voters[1], one)))
    assert [found.key for found in bench.engine.evidence.items()] == [key_of(one)]
    bench.take(child)
    found = bench.engine.evidence.items()[-1]
    assert (found.offence, found.key) == (DOUBLE_VOTE, voters[1].consensus.public)
    assert found in bench.sent


def test_a_surround_is_found_in_votes() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    run_slots([maker, bench.chain], SEATS, [1])
    stale = memory_chain(GENESIS)
    run_slots([stale], SEATS, [1])
    run_slots([maker, bench.chain], SEATS, [2])
    inner = make_block(maker, SEATS, 3)  # source 2
    outer = make_block(stale, SEATS, 5)  # source 1, around it
    assert (inner.placed.source.slot, outer.placed.source.slot) == (2, 1)
    bench.at_slot(5)
    for block in (inner, outer):
        bench.take(block)
    assert bench.engine.evidence.items() == ()
    (voter, *_) = SEATS.values()
    bench.run(bench.engine.add_votes(two_votes(maker, voter, inner, outer)))
    convicted(bench, SURROUND, voter.consensus.public)


def test_who_keeps_the_rules_is_never_convicted() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    for slot in (1, 2, 3, 5, 6, 9):
        block = make_block(maker, SEATS, slot)
        votes = votes_for(maker, SEATS.values(), block)
        take_block(maker, block.raw)
        take_votes(maker, votes)
        bench.take(block)
        bench.run(bench.engine.add_votes(votes))
        bench.run(bench.engine.add_votes(votes))
    assert bench.engine.evidence.items() == ()


# What own blocks carry


def test_own_blocks_report_what_is_known_until_it_is_punished() -> None:
    bench = Bench(GENESIS, node_seats(SEATS))
    guilty = list(SEATS.values())[2]
    evidence = offend(GENESIS, guilty.consensus)
    bench.hear(evidence)
    bench.at_slot(1)
    made = bench.run(bench.engine.produce(1))
    assert made is not None
    (report,) = made.body.transactions
    assert Report.unpack(report.actions[0]) == Report(evidence)
    for slot in (2, 3):
        bench.at_slot(slot)
        following = bench.run(bench.engine.produce(slot))
        assert following is not None
        assert following.body.transactions == ()
    row = OFFENCES.get(bench.chain.state.view(), guilty.account.public)
    assert row is not None
    assert bench.engine.evidence.items() == ()


def test_duties_come_before_what_waits_and_both_are_in_the_block() -> None:
    bench = Bench(GENESIS, node_seats(SEATS))
    bench.hear(offend(GENESIS, list(SEATS.values())[1].consensus))
    payment = transfer(bench.chain, ALICE, BOB.public, 1, 0)
    bench.mempool.add(payment, next_nonce=0, next_height=1)
    bench.at_slot(1)
    made = bench.run(bench.engine.produce(1))
    assert made is not None
    assert [item.actions[0][0] for item in made.body.transactions] == [
        "slashing.report",
        "token.transfer",
    ]
    assert len(bench.mempool) == 0


def test_what_waits_is_dropped_when_its_account_changes_its_keys() -> None:
    bench = Bench(GENESIS, node_seats(SEATS))
    rotation = SetAuthority(plain_authority(BOB.public))
    rotated = signed(bench.chain, ALICE, rotation, 0)
    later = [transfer(bench.chain, ALICE, BOB.public, 1, nonce) for nonce in (1, 2)]
    for pending in (rotated, *later):
        bench.mempool.add(pending, next_nonce=0, next_height=1)
    bench.at_slot(1)
    made = bench.run(bench.engine.produce(1))
    assert made is not None
    assert made.transaction_ids == (rotated.id,)
    assert len(bench.mempool) == 0


def test_a_block_is_filled_only_in_the_first_part_of_its_slot() -> None:
    bench = Bench(GENESIS, node_seats(SEATS))
    bench.mempool.add(transfer(bench.chain, ALICE, BOB.public, 1, 0), next_nonce=0, next_height=1)
    bench.at_slot(1)
    bench.now_ms += bench.chain.clock.slot_ms // 2
    made = bench.run(bench.engine.produce(1))
    assert made is not None
    assert made.body.transactions == ()
    assert len(bench.mempool) == 1


def test_a_node_goes_on_producing_when_its_first_chain_of_reveals_is_used_up() -> None:
    reveals = 6
    short = {
        producer: NetworkSeat(
            seat.account, seat.consensus, RevealChain(b"%32d" % i, b"salt" * 4, reveals)
        )
        for i, (producer, seat) in enumerate(SEATS.items())
    }
    bench = Bench(make_genesis_of(short.values()), node_seats(short), reveals=reveals)
    recommits = 0
    for slot in range(1, 4 * 3 * reveals):
        bench.at_slot(slot)
        made = bench.run(bench.engine.produce(slot))
        assert made is not None, f"slot {slot}"
        actions = [item.actions[0] for item in made.body.transactions]
        recommits += sum(action[0] == Recommit.tag for action in actions)
    assert recommits >= 2 * len(SEATS)
    assert bench.chain.durable_final.slot == 4 * 3 * reveals - 2
