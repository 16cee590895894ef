"""Suspension: who misses its slots leaves the set at the next election, and may ask back in."""

from dataclasses import replace

import pytest

from consensus.producers import Member, ProducerSet, producer_set
from tests.vm.stage import Stage
from tests.vm.world import CONSENSUS, PRODUCERS, commitment_of, key
from vm.context import BlockContext
from vm.modules.chain import chain_constants
from vm.modules.producer import (
    SUSPENSIONS,
    Producer,
    Stand,
    Suspension,
    absentees,
    attend,
    elect,
    register,
    votes_of,
)
from vm.modules.producer.attendance import MAX_MISSED_PPM, Suspended
from vm.modules.stake import Approve, Bond
from vm.modules.tokens import mint
from vm.registry import REGISTRY

ANY = key("any")


class Epochs:
    """A set of so many producers whose blocks are counted, epoch after epoch."""

    def __init__(self, size: int, *, spares: int = 0) -> None:
        self.stage = Stage()
        self.state = self.stage.world.state
        MAX_MISSED_PPM.set(self.state, 500_000)
        accounts = [*PRODUCERS, *(key(f"more {i}") for i in range(size + spares - 4))]
        keys = [*CONSENSUS, *(key(f"key {i}") for i in range(size + spares - 4))]
        for i, (account, seat) in enumerate(zip(accounts[4:], keys[4:], strict=True)):
            row = Producer(seat.public, "more")
            register(self.state, account.public, row, commitment_of(4 + i))
        everyone = [Member(a.public, k.public) for a, k in zip(accounts, keys, strict=True)]
        self.set: ProducerSet = producer_set(everyone[:size])
        self.ids = [member.producer for member in self.set.members]
        self.spares = [member.producer for member in everyone[size:]]
        self.epoch = 0
        self.block_by(self.ids[0])  # the chain's first epoch, which counts for nobody
        self.epoch = 1

    @property
    def slots(self) -> int:
        """Of each producer in an epoch."""
        return chain_constants(self.state).epoch_slots // len(self.ids)

    def block_by(self, producer: bytes) -> None:
        block: BlockContext = replace(
            self.stage.block, producer=producer, epoch=self.epoch, members=self.set
        )
        self.stage.step(attend, block=block)

    def run(self, missed: dict[bytes, int]) -> None:
        """An epoch in which these miss so many slots; the next one begins."""
        for producer in self.ids:
            for _ in range(self.slots - missed.get(producer, 0)):
                self.block_by(producer)
        self.epoch += 1

    def absent(self) -> list[bytes]:
        return [absentee.producer for absentee in absentees(self.state)]

    def elected(self) -> list[bytes]:
        found = elect(self.state)
        return [] if found is None else [member.producer for member in found.members]

    def begin(self) -> None:
        """The first block of the epoch."""
        self.block_by(next(member for member in self.ids if member not in self.absent()))


@pytest.fixture
def epochs() -> Epochs:
    """Seven seats, so that two may be faulty, and a spare."""
    return Epochs(7, spares=1)


def test_who_misses_more_than_half_gives_its_place_to_the_next(epochs: Epochs) -> None:
    votes_for(epochs, epochs.ids)
    lazy, lucky = epochs.ids[2], epochs.ids[3]
    half = epochs.slots // 2
    epochs.run({lazy: half + 1, lucky: half})
    assert epochs.absent() == [lazy]
    left = sorted([*(one for one in epochs.ids if one != lazy), *epochs.spares])
    assert epochs.elected() == left
    epochs.begin()
    assert epochs.elected() == left
    expected = Suspended(lazy, 1, epochs.slots - half - 1, epochs.slots)
    assert epochs.stage.events == [expected]
    row = SUSPENSIONS.get(epochs.state, lazy)
    assert row == Suspension(1, epochs.slots - half - 1, epochs.slots)
    assert list(REGISTRY.broken_invariants(epochs.state)) == []


def votes_for(epochs: Epochs, producers: list[bytes]) -> None:
    mint(epochs.state, ANY.public, "REEL", 10)
    epochs.stage.act(ANY.public, Bond(10))
    epochs.stage.act(ANY.public, Approve(tuple(producers)))
    epochs.stage.events.clear()


def test_who_is_suspended_keeps_its_votes_and_asks_back_in(epochs: Epochs) -> None:
    votes_for(epochs, epochs.ids)
    lazy = epochs.ids[0]
    epochs.run({lazy: epochs.slots})
    epochs.begin()
    assert lazy not in epochs.elected()
    assert votes_of(epochs.state, lazy) == 10
    assert epochs.stage.act(lazy, Stand(True)) == "ok"
    assert lazy in epochs.elected()
    assert SUSPENSIONS.get(epochs.state, lazy) is None
    assert epochs.stage.act(lazy, Stand(True)) == "producer.standing-unchanged"


def test_one_epoch_is_judged_once(epochs: Epochs) -> None:
    epochs.run({epochs.ids[0]: epochs.slots})
    epochs.begin()
    epochs.stage.act(epochs.ids[0], Stand(True))
    for producer in epochs.ids[1:]:
        epochs.block_by(producer)
    assert sum(isinstance(event, Suspended) for event in epochs.stage.events) == 1


def test_no_more_than_can_be_faulty_are_suspended_the_worst_first(epochs: Epochs) -> None:
    missed = {epochs.ids[i]: epochs.slots - blocks for i, blocks in ((1, 1), (3, 2), (5, 1))}
    epochs.run(missed)
    assert epochs.absent() == [epochs.ids[1], epochs.ids[5]]
    epochs.run(missed)
    assert epochs.absent() == [epochs.ids[3]]


@pytest.mark.parametrize(("away", "judged"), [(2, True), (3, False)])
def test_an_epoch_with_blocks_of_less_than_a_quorum_does_not_count(
    epochs: Epochs, away: int, judged: bool
) -> None:
    epochs.run(dict.fromkeys(epochs.ids[:away], epochs.slots))
    assert (len(epochs.absent()) > 0) is judged


def test_four_are_left_whoever_is_away() -> None:
    epochs = Epochs(4)
    epochs.run({epochs.ids[0]: epochs.slots})
    assert epochs.absent() == []
    more = Epochs(4, spares=1)
    more.run({more.ids[0]: more.slots})
    assert more.absent() == [more.ids[0]]


def test_who_does_not_stand_is_not_suspended(epochs: Epochs) -> None:
    assert epochs.stage.act(epochs.ids[0], Stand(False)) == "ok"
    epochs.run({epochs.ids[0]: epochs.slots})
    assert epochs.absent() == []


def test_a_chains_first_epoch_counts_for_nobody() -> None:
    epochs = Epochs(7)
    epochs.epoch = 0
    epochs.run(dict.fromkeys(epochs.ids[1:], epochs.slots))
    assert epochs.absent() == []


def test_epochs_without_a_block_count_for_nobody(epochs: Epochs) -> None:
    epochs.run({})
    epochs.epoch += 5
    assert epochs.absent() == []
    epochs.begin()
    assert all(SUSPENSIONS.get(epochs.state, one) is None for one in epochs.ids)


def test_how_much_may_be_missed_is_a_parameter(epochs: Epochs) -> None:
    MAX_MISSED_PPM.set(epochs.state, 0)
    epochs.run({epochs.ids[4]: 1})
    assert epochs.absent() == [epochs.ids[4]]
    MAX_MISSED_PPM.set(epochs.state, 1_000_000)
    assert epochs.absent() == []
