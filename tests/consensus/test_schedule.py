"""The schedule: vectors, fairness, and one permutation an epoch."""

import json
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest

from consensus.beacon import RevealChain, next_beacon
from consensus.hashing import sha256
from consensus.producers import Member, ProducerSet, producer_set
from consensus.schedule import (
    DEFAULT_EPOCH_SLOTS,
    _below,
    epoch_of,
    min_epoch_slots,
    producer_at,
    schedule,
    schedule_seed,
    shuffle,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "schedule.json").read_text())


def _set_of(count: int) -> ProducerSet:
    return producer_set([Member(bytes([i]) * 32, bytes([i + 100]) * 32) for i in range(count)])


@pytest.mark.parametrize("case", VECTORS["schedules"])
def test_the_order_is_the_vectors(case: dict[str, object]) -> None:
    beacon = bytes.fromhex(str(case["beacon"]))
    count, epoch, dynasty = case["producers"], case["epoch"], case["dynasty"]
    assert isinstance(count, int)
    assert isinstance(epoch, int)
    assert isinstance(dynasty, int)
    assert schedule_seed(beacon, epoch, dynasty).hex() == case["seed"]
    assert list(schedule(_set_of(count), beacon, epoch, dynasty)) == case["order"]


def test_the_beacon_is_the_vectors() -> None:
    case = VECTORS["beacon"]
    after = next_beacon(bytes.fromhex(case["before"]), bytes.fromhex(case["reveal"]))
    assert after.hex() == case["after"]


def test_the_reveals_are_the_vectors() -> None:
    case = VECTORS["reveal_chain"]
    chain = RevealChain(bytes.fromhex(case["seed"]), bytes.fromhex(case["salt"]), case["length"])
    assert chain.commitment.hex() == case["commitment"]
    assert [chain.reveal(used).hex() for used in range(chain.length)] == case["reveals"]


def test_every_permutation_is_equally_likely() -> None:
    seeds = 4800
    seen = Counter(shuffle(4, sha256(i.to_bytes(4, "big"))) for i in range(seeds))
    assert set(seen) == set(permutations(range(4)))
    expected = seeds / 24
    chi_squared = sum((count - expected) ** 2 / expected for count in seen.values())
    assert chi_squared < 50  # 23 degrees of freedom: exceeded by chance once in a thousand


def test_words_above_the_last_whole_multiple_are_skipped() -> None:
    assert _below(3, iter([2**32 - 1, 5])) == 2
    assert _below(3, iter([2**32 - 2])) == 2
    assert _below(4, iter([2**32 - 1])) == 3


@pytest.mark.parametrize("count", range(1, 22))
def test_an_order_is_a_permutation(count: int) -> None:
    assert sorted(shuffle(count, sha256(bytes([count])))) == list(range(count))


def test_epoch_and_dynasty_and_beacon_each_change_the_order() -> None:
    producers, beacon = _set_of(21), bytes(32)
    orders = {
        schedule(producers, beacon, 0, 0),
        schedule(producers, beacon, 1, 0),
        schedule(producers, beacon, 0, 1),
        schedule(producers, sha256(beacon), 0, 0),
    }
    assert len(orders) == 4


def test_epochs_are_ranges_of_slots() -> None:
    assert [epoch_of(slot, 12) for slot in (0, 11, 12, 23, 24)] == [0, 0, 1, 1, 2]


def test_within_an_epoch_the_order_repeats_from_its_first_slot() -> None:
    order, epoch_slots = (2, 0, 3, 1), 14
    for epoch in (0, 1, 5):
        start = epoch * epoch_slots
        places = [producer_at(order, start + i, epoch_slots) for i in range(epoch_slots)]
        assert places == [2, 0, 3, 1] * 3 + [2, 0]


def test_the_default_epoch_holds_three_rounds_of_the_largest_set() -> None:
    assert DEFAULT_EPOCH_SLOTS == 126
    assert min_epoch_slots(21) == 63
