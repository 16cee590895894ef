"""What the node signs: never twice for a slot, and nothing before the journal knows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.beacon import RevealChain
from consensus.block import vote_message
from consensus.finality import ChainBlock
from consensus.keys import verifies
from consensus.record import replace
from node.chain import Chain
from node.proposing import propose
from node.validator import SALT_BYTES, Seat, Validator, create_journal
from storage.database import Database
from storage.journal import Journal, JournalError
from tests.node.network import (
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
)
from vm.modules.producer import BEACONS, Commitment, current_beacon
from vm.overlay import Overlay

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values())
OWN = [
    Seat(producer, seat.consensus, b"%32d" % i) for i, (producer, seat) in enumerate(SEATS.items())
]
KEYS = [seat.key.public for seat in OWN]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with Database.open(tmp_path / "chain") as database:
        yield Chain(GENESIS, database)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    create_journal(tmp_path / "journal", KEYS)
    return tmp_path / "journal"


def votes(validator: Validator, block: ChainBlock, final: ChainBlock, **changed: int | bool) -> int:
    voters = validator.voters(
        block,
        is_live=bool(changed.get("is_live", True)),
        arrived_ms=int(changed.get("arrived_ms", 0)),
        slot_end_ms=1,
    )
    made = validator.cast(block, voters, final)
    for vote in made:
        assert verifies(vote.key, vote_message(GENESIS.chain, block.id), vote.signature)
    return len(made)


def test_every_seat_votes_once_for_a_slot_also_after_a_restart(chain: Chain, file: Path) -> None:
    block = make_block(chain, SEATS, 1).placed
    with Journal.open(file) as journal:
        validator = Validator(chain.id, OWN, journal)
        assert validator.remember(1) == []
        assert votes(validator, block, chain.fork.final) == 4
        assert votes(validator, block, chain.fork.final) == 0
    with Journal.open(file) as journal:
        assert votes(Validator(chain.id, OWN, journal), block, chain.fork.final) == 0


def test_late_blocks_and_blocks_beside_the_final_one_get_no_vote(chain: Chain, file: Path) -> None:
    block = make_block(chain, SEATS, 1).placed
    with Journal.open(file) as journal:
        validator = Validator(chain.id, OWN, journal)
        assert votes(validator, block, chain.fork.final, arrived_ms=1) == 0
        assert votes(validator, block, chain.fork.final, is_live=False) == 0
        assert votes(validator, block, chain.fork.final) == 4


def test_a_block_is_sealed_once_for_a_slot(chain: Chain, file: Path) -> None:
    with Journal.open(file) as journal:
        validator = Validator(chain.id, OWN, journal)
        producer = make_block(chain, SEATS, 1).placed.header.producer or b""
        reveal = validator.reveal(producer, chain.state_of(chain.fork.head))
        proposal = propose(chain, 1, producer, reveal, ())
        key = validator.seat(SEATS[producer].consensus.public).key
        assert validator.may_produce(key.public, 1)
        take_block(chain, validator.seal(proposal, key, chain.fork.final).raw)
        assert not validator.may_produce(key.public, 1)
        with pytest.raises(ValueError, match="slot 1"):
            validator.seal(proposal, key, chain.fork.final)


def test_a_key_that_the_journal_does_not_know_waits(chain: Chain, tmp_path: Path) -> None:
    run_slots([chain], SEATS, [1])
    with Journal.open(tmp_path / "lost") as journal:
        validator = Validator(chain.id, OWN, journal)
        assert sorted(validator.remember(4)) == sorted(KEYS)
        assert validator.remember(4) == []
        blocks = []
        for slot in range(2, 10):
            blocks.append(make_block(chain, SEATS, slot).placed)
            run_slots([chain], SEATS, [slot])
        counts = [votes(validator, block, chain.fork.final) for block in blocks]
    # Slots up to 4 + 1 are refused, and then sources below 5: the first good one is slot 6 on 5.
    assert counts == [0, 0, 0, 0, 4, 4, 4, 4]


def test_an_own_signature_from_elsewhere_makes_an_amnesiac(chain: Chain, file: Path) -> None:
    block = make_block(chain, SEATS, 1).placed
    with Journal.open(file) as journal:
        validator = Validator(chain.id, OWN, journal)
        assert not validator.notice(b"x" * 32, 1, voted=9)
        assert not validator.notice(KEYS[0], 1, voted=0)
        assert validator.notice(KEYS[0], 1, voted=3)
        assert validator.notice(KEYS[1], 1, produced=3)
        assert votes(validator, block, chain.fork.final) == 2


def test_nothing_is_signed_when_the_journal_fails(chain: Chain, file: Path) -> None:
    block = make_block(chain, SEATS, 1).placed
    journal = Journal.open(file)
    validator = Validator(chain.id, OWN, journal)
    journal.close()
    with pytest.raises(JournalError):
        votes(validator, block, chain.fork.final)


def test_a_journal_is_never_made_over_another(file: Path) -> None:
    with pytest.raises(JournalError, match="exists"):
        create_journal(file, KEYS)


def test_a_seed_that_was_not_committed_to_is_refused(chain: Chain, file: Path) -> None:
    wrong = [Seat(seat.producer, seat.key, b"w" * 32) for seat in OWN]
    with Journal.open(file) as journal, pytest.raises(ValueError, match="seed"):
        Validator(chain.id, wrong, journal).prepare(chain.state_of(chain.fork.head))


def used_up(chain: Chain, producer: bytes, used: int) -> Overlay:
    """The state in which the producer has used so many of its reveals."""
    state = Overlay(chain.state.view())
    beacon = current_beacon(state, producer)
    BEACONS.put(state, replace(beacon, used=used), producer)
    return state


def test_the_chain_of_reveals_that_follows_is_made_in_time_and_only_then(
    chain: Chain, file: Path
) -> None:
    producer, length = OWN[0].producer, 512
    salts = iter([b"a" * SALT_BYTES, b"b" * SALT_BYTES])
    with Journal.open(file) as journal:
        validator = Validator(chain.id, OWN, journal, entropy=lambda _: next(salts), reveals=64)
        for used in (0, length // 2 - 2):
            validator.look_ahead(producer, used_up(chain, producer, used))
            assert validator.following(producer) is None
        due = used_up(chain, producer, length // 2 - 1)
        validator.look_ahead(producer, due)
        made = validator.following(producer)
        reveals = RevealChain(OWN[0].beacon_seed, b"a" * SALT_BYTES, 64)
        assert made == Commitment(b"a" * SALT_BYTES, reveals.commitment, 64)
        assert validator.following(OWN[1].producer) is None

        validator.look_ahead(producer, used_up(chain, producer, length // 2 + 5))
        assert validator.following(producer) is made  # no other: it may be on its way already

        beacon = current_beacon(due, producer)
        BEACONS.put(due, replace(beacon, following=made), producer)
        validator.look_ahead(producer, due)
        assert validator.following(producer) is None
        validator.look_ahead(producer, used_up(chain, producer, length - 2))
        assert validator.following(producer) != made  # the salt of a chain in use is of no use


def test_the_own_final_block_is_the_newest_that_a_key_signed_on(chain: Chain, file: Path) -> None:
    with Journal.open(file) as journal:
        assert Validator(chain.id, OWN, journal).own_final is None
        validator = Validator(chain.id, OWN, journal)
        finals = []
        for slot in range(1, 5):
            block = make_block(chain, SEATS, slot).placed
            assert votes(validator, block, chain.fork.final) == 4
            finals.append(chain.fork.final.ref)
            run_slots([chain], SEATS, [slot])
        assert validator.own_final == finals[-1]
        assert finals[-1].slot == 2
    with Journal.open(file) as journal:
        one = Validator(chain.id, OWN[:1], journal)
        block = make_block(chain, SEATS, 5).placed
        assert votes(one, block, chain.fork.final) == 1
        assert Validator(chain.id, OWN, journal).own_final == chain.fork.final.ref
        assert Validator(chain.id, OWN[1:], journal).own_final == finals[-1]
        assert Validator(chain.id, [], journal).own_final is None


def test_the_last_votes_can_be_told_again(chain: Chain, file: Path) -> None:
    with Journal.open(file) as journal:
        validator = Validator(chain.id, OWN, journal)
        assert validator.last_votes == []
        for slot in (1, 2):
            block = make_block(chain, SEATS, slot).placed
            votes(validator, block, chain.fork.final)
            assert [vote.block_id for vote in validator.last_votes] == [block.id] * 4
            run_slots([chain], SEATS, [slot])
