"""Fair draws: uniform, blind to order, and unknown to any f producers when entries are frozen."""

from collections import Counter
from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.codec import encode
from consensus.hashing import sha256
from consensus.producers import MAX_PRODUCERS, Member, ProducerSet
from consensus.schedule import schedule
from tests.vm.world import World, key
from vm.modules.draws import MOST_BLOCKS_BETWEEN, below, deciding_height, draw_seed, lot

SEED = sha256(b"seed")
BLOCK = World.begin().block()


def members(count: int) -> ProducerSet:
    ids = sorted(key(f"p{i}").public for i in range(count))
    return ProducerSet(tuple(Member(each, key(f"c{i}").public) for i, each in enumerate(ids)))


def blocks_between(count: int) -> int:
    return deciding_height(replace(BLOCK, members=members(count))) - BLOCK.height


def chi_squared(counts: Counter[int], sides: int) -> float:
    expected = counts.total() / sides
    return sum((counts[side] - expected) ** 2 / expected for side in range(sides))


@pytest.mark.parametrize(("count", "blocks"), [(4, 3), (6, 3), (7, 5), (10, 7), (21, 13)])
def test_a_draw_is_decided_two_f_and_one_blocks_later(count: int, blocks: int) -> None:
    assert blocks_between(count) == blocks
    assert blocks <= MOST_BLOCKS_BETWEEN


def test_no_set_is_larger_than_the_constant_says() -> None:
    assert blocks_between(MAX_PRODUCERS) == MOST_BLOCKS_BETWEEN


@pytest.mark.parametrize("count", [4, 5, 6, 7])
def test_of_the_deciding_reveals_one_is_by_none_of_any_f_producers(count: int) -> None:
    """Whichever f producers collude, and whichever of these make no blocks, wherever the draw is
    frozen: a round, and the boundary between epochs with different orders."""
    rounds, faulty, between = 3, (count - 1) // 3, blocks_between(count)
    for seed in range(6):
        order = [
            producer
            for epoch in (1, 2)
            for producer in list(schedule(members(count), sha256(bytes([seed])), epoch, 0)) * rounds
        ]
        for bad in combinations(range(count), faulty):
            for silent in (set(), set(bad), set(bad[:1])):
                made = [producer for producer in order if producer not in silent]
                for first in range(len(made) - MOST_BLOCKS_BETWEEN):
                    deciding = made[first : first + between]
                    assert set(deciding) - set(bad)


def test_with_fewer_blocks_f_producers_can_know_the_outcome() -> None:
    """Two of seven whose turns end one epoch and begin the next."""
    order = [0, 1, 2, 3, 4, 5, 6] * 3 + [5, 6, 0, 1, 2, 3, 4] * 3
    fewer = blocks_between(7) - 1
    windows = (set(order[i : i + fewer]) for i in range(len(order) - fewer))
    assert any(window <= {5, 6} for window in windows)


def test_numbers_are_uniform() -> None:
    """Chi-squared with 36 degrees of freedom is below 68 but once in a thousand."""
    counts = Counter(below(SEED, place, 37) for place in range(37 * 400))
    assert chi_squared(counts, 37) < 68
    firsts = Counter(below(draw_seed("t.draw", SEED, i), 0, 37) for i in range(37 * 400))
    assert chi_squared(firsts, 37) < 68


def test_everybody_is_as_likely_to_have_the_smallest_lot() -> None:
    entries = [bytes([i]) * 32 for i in range(8)]
    wins = Counter(
        min(range(8), key=lambda i: lot(draw_seed("t.draw", SEED, turn), entries[i]))
        for turn in range(8 * 500)
    )
    assert chi_squared(wins, 8) < 24.3  # 7 degrees of freedom, once in a thousand


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, unique=True), st.randoms())
def test_who_wins_does_not_depend_on_the_order(entries: list[bytes], random: Random) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert min(entries, key=lambda e: lot(SEED, e)) == min(shuffled, key=lambda e: lot(SEED, e))


def test_another_entry_changes_nobodys_lot_and_another_draw_everybodys() -> None:
    entries = [bytes([i]) * 32 for i in range(20)]
    seeds = [
        draw_seed("a.draw", SEED, 1),
        draw_seed("b.draw", SEED, 1),
        draw_seed("a.draw", SEED, 2),
        draw_seed("a.draw", bytes(32), 1),
    ]
    orders = {tuple(sorted(entries, key=lambda e: lot(seed, e))) for seed in seeds}
    assert len(orders) == len(seeds)


def test_seeds_numbers_and_lots_are_as_documented() -> None:
    assert draw_seed("a.draw", SEED, b"x", 7) == sha256(encode(["a.draw", 1, SEED, b"x", 7]))
    assert below(SEED, 3, 100) == int.from_bytes(sha256(SEED + b"\0\0\0\3"), "big") % 100
    assert lot(SEED, b"x") == sha256(SEED + b"x")
