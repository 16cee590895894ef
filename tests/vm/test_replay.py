"""Stake, rewards, governance and the rest in blocks: run again from genesis, or on from a copy of
the rows in between, they come to the same state."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from consensus.hashing import sha256
from consensus.transaction import Transaction
from tests.vm.world import ANNA, BEN, PRODUCERS, REVEALS, SALT, World, encoded, pay, publish
from vm.context import BlockContext
from vm.declare import Action
from vm.modules.account import next_nonce
from vm.modules.content import Claim as ContentClaim
from vm.modules.content import Commit
from vm.modules.gov import Admit, Dismiss, NameAlternates, Propose, Resolve, Vote
from vm.modules.rewards import Claim
from vm.modules.social import Like
from vm.modules.stake import Approve, Bond, Unbond
from vm.overlay import EmptyView, Overlay
from vm.registry import REGISTRY
from vm.transition import execute_block

BLOCKS = len(PRODUCERS) * (REVEALS - 1)
PEOPLE = (ANNA, BEN)
PLACES = [producer.public for producer in PRODUCERS]
Block = tuple[BlockContext, list[Transaction]]


def random_actions(random: Random) -> list[Action]:
    """One or two things that somebody does; some of them fail."""
    member = random.choice([*PLACES, ANNA.public, BEN.public])
    governed: Action = random.choice(
        [
            Resolve("so be it"),
            Admit("council", member),
            Dismiss("council", member, 60),
            NameAlternates("council", (member,)),
        ]
    )
    name = bytes([random.randint(0, 5)])
    chosen: list[Action] = [
        Bond(random.randint(1, 5_000_000)),
        Unbond(random.randint(1, 1_000_000)),
        Approve(tuple(sorted(random.sample(PLACES, random.randint(0, 3))))),
        Propose("council", "a title", "", (governed.pack(),)),
        Vote(random.randint(1, 12), random.choice(["yes", "no", "abstain"])),
        Claim(),
        Commit(ContentClaim(random.choice(PEOPLE).public, publish(name).cid, SALT).commitment),
        publish(name),
        Like(publish(bytes([random.randint(0, 5)])).cid),
        pay(random.choice(PEOPLE), random.randint(1, 9)),
    ]
    return random.sample(chosen, random.randint(1, 2))


def blocks_of(world: World, random: Random) -> list[Block]:
    """So many blocks on the world, which is left behind them."""
    made: list[Block] = []
    for number in range(BLOCKS):
        place = number % len(PRODUCERS)
        block = world.block(place, number // len(PRODUCERS))
        block = replace(block, epoch=number // 7, voters=tuple(random.sample(PLACES, 3)))
        orders = [
            world.order(*random_actions(random), by=who, nonce=next_nonce(world.state, who.public))
            for who in PEOPLE
        ]
        world.keep(execute_block(world.state, block, encoded(*orders)).writes)
        world.height += 1
        made.append((block, orders))
    return made


def run_again(state: Overlay, blocks: Sequence[Block]) -> None:
    for block, orders in blocks:
        for key, value in execute_block(state, block, encoded(*orders)).writes.items():
            if value is None:
                state.delete(key)
            else:
                state.put(key, value)


def rows_of(state: Overlay) -> list[tuple[bytes, bytes]]:
    return list(state.scan(b"", start=b"", limit=1_000_000))


def digest(state: Overlay) -> bytes:
    return sha256(b"".join(key + value for key, value in rows_of(state)))


@pytest.mark.parametrize("seed", range(8))
def test_from_genesis_and_from_rows_in_between_it_comes_to_the_same(seed: int) -> None:
    random, world = Random(seed), World.begin()
    blocks = blocks_of(world, random)
    assert list(REGISTRY.broken_invariants(world.state)) == []
    again = world.genesis.state()
    middle = random.randrange(1, BLOCKS)
    run_again(again, blocks[:middle])
    copied = Overlay(EmptyView())
    for key, value in rows_of(again):
        copied.put(key, value)
    for state in (again, copied):
        run_again(state, blocks[middle:])
        assert digest(state) == digest(world.state)
