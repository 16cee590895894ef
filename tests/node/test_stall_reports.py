"""What a node says of a stall: since when, who is silent, and why its own seats do not sign."""

import logging

import pytest

from consensus.record import replace
from node.local.live_status import LiveStatus
from node.presence import Presence
from node.query.answers import SilentProducer, StallAnswer
from node.query.status_query import stall_answer
from node.signing import why_unsigned
from node.stall_log import StallLog
from tests.node import handovers
from tests.node.bench import Bench, memory_chain, node_seats
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
    votes_for,
)
from tests.node.test_live_status import STATUS

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])
PRODUCERS = sorted(SEATS)
BOUND = 2 * len(SEATS) + 1

NAMED = tuple(SilentProducer(bytes([i]) * 32, f"producer-{i}") for i in range(3))
STALL = StallAnswer(120, 15, 21, NAMED)


# When a stall is told of


def test_a_node_that_has_just_started_blames_nobody() -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2])
    presence = Presence(chain, 100)
    assert presence.stall(100 + BOUND) is None
    stall = presence.stall(101 + BOUND)
    assert stall is not None
    assert stall.slots == 100 + BOUND


def test_the_engine_listens_from_the_slot_in_which_it_starts() -> None:
    bench = Bench(GENESIS)
    bench.at_slot(50)
    bench.restart()
    assert bench.engine.presence.stall(50 + BOUND) is None
    assert bench.engine.presence.stall(51 + BOUND) is not None


def test_a_clock_before_genesis_is_no_stall() -> None:
    presence = Presence(memory_chain(GENESIS), -20)
    assert presence.stall(-20 + 3 * BOUND) is None
    assert presence.stall(BOUND) is None
    assert presence.stall(BOUND + 1) is not None


def test_a_set_that_has_just_taken_office_is_not_blamed_for_the_wait_before_it() -> None:
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    presence = Presence(chain)
    slots = epochs(chain, 2)
    run_epochs([chain], slots[:5])
    assert chain.fork.head.dynasty == 0
    late = slots[-1] + 200
    stall = presence.stall(late)
    assert stall is not None
    assert stall.members == 8
    run_epochs([chain], slots[5:])
    assert (chain.fork.head.dynasty, len(chain.fork.head.members.members)) == (1, 5)
    assert presence.stall(late) is None
    assert presence.stall(late + 11) is None
    stall = presence.stall(late + 12)
    assert stall is not None
    assert (stall.members, stall.slots) == (5, late + 12 - chain.fork.final.slot)


def test_votes_for_blocks_that_are_still_to_come_are_signs_of_life() -> None:
    """So a node that is behind does not call those silent who are ahead."""
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    bench.at_slot(0)
    for slot in range(1, 31):
        block = make_block(maker, SEATS, slot)
        take_block(maker, block.raw)
    bench.at_slot(30)
    voting = [SEATS[producer] for producer in PRODUCERS[:3]]
    assert bench.run(bench.engine.add_votes(votes_for(maker, voting, block)))[1] is None
    stall = bench.engine.presence.stall(30)
    assert stall is not None
    assert stall.silent == (PRODUCERS[3],)


def test_nobody_is_silent_if_votes_are_split() -> None:
    bench = Bench(GENESIS)
    for slot in range(1, 20):
        block = make_block(bench.chain, SEATS, slot)
        bench.take(block)
        pair = PRODUCERS[:2] if slot % 2 else PRODUCERS[2:]
        votes = votes_for(bench.chain, [SEATS[producer] for producer in pair], block)
        bench.run(bench.engine.add_votes(votes))
    stall = bench.engine.presence.stall(19)
    assert stall is not None
    assert stall.silent == ()
    assert stall_answer(bench.chain, stall).sentence == (
        "nothing has become final for 19 slots: 3 of 4 votes are needed, and all vote, but for "
        "different blocks or too late"
    )


def test_a_node_that_catches_up_does_not_complain() -> None:
    maker, bench = memory_chain(GENESIS), Bench(GENESIS)
    made = []
    for slot in range(1, 40):
        made.append(make_block(maker, SEATS, slot))
        run_slots([maker], SEATS, [slot])
    bench.at_slot(100)
    for block in made[:20]:
        bench.take(block)
    assert bench.chain.durable_final.slot == 18
    assert bench.engine.presence.stall(100) is None
    bench.at_slot(105)
    for block in made[20:]:
        bench.take(block)
    assert bench.engine.presence.stall(105 + BOUND) is None
    assert bench.engine.presence.stall(106 + BOUND) is not None


# How it is told


def test_the_sentence_names_who_is_silent() -> None:
    nine = tuple(SilentProducer(bytes([i]) * 32, f"producer-{i}") for i in range(9))
    assert replace(STALL, silent=nine).sentence == (
        "nothing has become final for 120 slots: 15 of 21 votes are needed, and these 9 producers "
        "are silent: producer-0, producer-1, producer-2, producer-3, producer-4, producer-5, "
        "producer-6, producer-7, producer-8"
    )
    assert replace(STALL, silent=NAMED[:1]).sentence.endswith(
        "and this producer is silent: producer-0; the others vote, but for different blocks or "
        "too late"
    )
    assert replace(STALL, silent=nine[:6]).sentence.endswith("different blocks or too late")
    assert replace(STALL, silent=nine[:7]).sentence.endswith("producer-5, producer-6")


def test_names_are_those_of_the_state() -> None:
    bench = Bench(GENESIS)
    stall = bench.engine.presence.stall(BOUND + 1)
    assert stall is not None
    answer = stall_answer(bench.chain, stall)
    assert [item.name for item in answer.silent] == ["p"] * 4
    assert [item.producer for item in answer.silent] == PRODUCERS
    assert StallAnswer.from_json(answer.to_json()) == answer


def test_the_live_line_is_short() -> None:
    line = LiveStatus(0).line(replace(STATUS, stall=STALL), ())
    assert line.endswith("  missed slots 0  stalled 120 slots, 3 of 21 silent")


# In the log


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged from now on."""
    caplog.set_level(logging.INFO, "reelect.chain")
    return caplog


def test_the_log_tells_of_a_stalls_beginning_its_changes_and_its_end(
    log: pytest.LogCaptureFixture,
) -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2])
    stalls = StallLog()
    stalls.note(None, chain.durable_final, 90)
    stalls.note(STALL, chain.durable_final, 100)
    stalls.note(replace(STALL, slots=121), chain.durable_final, 101)  # no news
    other = replace(STALL, slots=122, silent=NAMED[:2])
    stalls.note(other, chain.durable_final, 120)  # news, and less than a round later
    stalls.note(other, chain.durable_final, 121)
    stalls.note(STALL, chain.durable_final, 130)
    assert log.messages == [STALL.sentence, other.sentence]
    stalls.note(None, chain.durable_final, 140)  # it cannot be told of for a while
    stalls.note(other, chain.durable_final, 150)
    assert len(log.messages) == 2
    run_slots([chain], SEATS, [151, 152])
    stalls.note(None, chain.durable_final, 152)
    stalls.note(None, chain.durable_final, 153)
    assert log.messages[2:] == ["finality is back: height 3, slot 151"]
    assert [record.levelname for record in log.records] == ["WARNING", "WARNING", "INFO"]
    stalls.note(STALL, chain.durable_final, 154)
    assert log.messages[3:] == [STALL.sentence]


# Why the own seats do not sign


def reasons(bench: Bench, *, clock_is_off: bool = False, is_syncing: bool = False) -> list[str]:
    return list(why_unsigned(bench.engine, clock_is_off=clock_is_off, is_syncing=is_syncing))


def test_a_node_without_seats_has_nothing_to_sign() -> None:
    assert reasons(Bench(GENESIS), clock_is_off=True, is_syncing=True) == []


def test_a_wrong_clock_and_catching_up_are_reasons() -> None:
    bench = Bench(GENESIS, node_seats(SEATS, 0))
    assert reasons(bench) == []
    assert reasons(bench, clock_is_off=True, is_syncing=True) == [
        "nothing is signed while the clock is off: set the clock",
        "nothing is signed while this node catches up",
    ]


def test_a_database_older_than_the_journal_is_a_reason_until_it_is_not() -> None:
    bench = Bench(GENESIS, node_seats(SEATS))
    for slot in range(1, 5):
        bench.at_slot(slot)
        bench.run(bench.engine.produce(slot))
    final = bench.validator.own_final
    assert final is not None
    assert reasons(bench) == []
    bench.lose_database()
    assert reasons(bench) == [
        "this node's database is older than its signing journal: nothing is signed until "
        f"block {final.id} of slot {final.slot} is final here again"
    ]
    assert not bench.engine.may_sign()
    for message in list(bench.sent):  # its peers still have them
        bench.hear(message)
    assert reasons(bench) == []
    assert bench.engine.may_sign()


def test_a_lost_signing_state_is_a_reason_until_a_later_block_is_justified() -> None:
    bench = Bench(GENESIS, node_seats(SEATS, 0, 1))
    run_slots([bench.chain], SEATS, [1, 2])
    consensus_key = SEATS[bench.engine.validator.producers[0]].consensus.public
    assert bench.validator.notice(consensus_key, 5, voted=3)
    (reason,) = reasons(bench)
    assert reason.startswith("p lost its signing state or signed elsewhere: it votes again once ")
    assert reason.endswith("justified a block of slot 6 or later")
    run_slots([bench.chain], SEATS, [5])
    assert len(reasons(bench)) == 1
    run_slots([bench.chain], SEATS, [6])
    assert reasons(bench) == []
