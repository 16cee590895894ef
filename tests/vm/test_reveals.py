"""Reveals: each block shows the next one, and chains follow one another in time."""

from dataclasses import replace

import pytest

from consensus.errors import InvalidBlock, InvalidHeader
from consensus.hashing import sha256
from tests.vm.world import PRODUCERS, REVEALS, World, commitment_of, key, reveals_of
from vm.modules.producer import Recommit, current_beacon
from vm.modules.tokens import mint
from vm.transition import execute_block

FIRST, SECOND = PRODUCERS[0], PRODUCERS[1]


@pytest.fixture
def world() -> World:
    made = World.begin()
    mint(made.state, FIRST.public, "REEL", 10**8)
    return made


def test_each_block_takes_the_next_reveal(world: World) -> None:
    assert current_beacon(world.state, FIRST.public).used == 0
    world.run()
    world.run()
    beacon = current_beacon(world.state, FIRST.public)
    assert (beacon.used, beacon.last) == (2, reveals_of(0).reveal(1))
    assert current_beacon(world.state, SECOND.public).used == 0


@pytest.mark.parametrize("used", [1, 2])
def test_a_reveal_out_of_turn_is_refused(world: World, used: int) -> None:
    with pytest.raises(InvalidHeader) as caught:
        execute_block(world.state, world.block(used=used), [])
    assert caught.value.field == "header.reveal"


def test_a_reveal_cannot_be_used_again(world: World) -> None:
    world.run()
    with pytest.raises(InvalidHeader):
        execute_block(world.state, world.block(used=0), [])


def test_a_block_by_someone_who_is_no_producer_is_refused(world: World) -> None:
    block = replace(world.block(), producer=key("nobody").public)
    with pytest.raises(InvalidBlock) as caught:
        execute_block(world.state, block, [])
    assert caught.value.code == "producer.not-registered"


def status(world: World, salt: bytes, by: int = 0, nonce: int = 0) -> str:
    """The status of a recommitment in the next block."""
    action = Recommit(commitment_of(by, salt))
    return world.run(world.order(action, by=PRODUCERS[by], nonce=nonce)).receipts[0].status


def test_the_next_chain_follows_the_last_reveal(world: World) -> None:
    assert status(world, b"second salt") == "ok"
    for _ in range(REVEALS - 1):
        world.run()
    beacon = current_beacon(world.state, FIRST.public)
    assert (beacon.chain, beacon.used) == (commitment_of(0, b"second salt"), 0)
    reveal = reveals_of(0, b"second salt").reveal(0)
    assert beacon.following is None
    execute_block(world.state, replace(world.block(), reveal=reveal), [])
    with pytest.raises(InvalidHeader):
        execute_block(world.state, replace(world.block(), reveal=sha256(reveal)), [])


def test_the_next_chain_is_fixed_once_and_before_the_last_reveal(world: World) -> None:
    assert status(world, b"first salt") == "producer.salt-reused"
    assert status(world, b"second salt", nonce=1) == "ok"
    assert status(world, b"third salt", nonce=2) == "producer.already-recommitted"


def test_after_the_last_reveal_it_is_too_late(world: World) -> None:
    for _ in range(REVEALS - 1):
        world.run()
    assert status(world, b"second salt") == "producer.reveals-used-up"
    with pytest.raises(InvalidBlock) as caught:
        execute_block(world.state, world.block(), [])
    assert caught.value.code == "producer.reveals-used-up"


def test_only_producers_recommit(world: World) -> None:
    outcome = world.run(world.order(Recommit(commitment_of(0, b"second salt"))))
    assert outcome.receipts[0].status == "producer.not-registered"
