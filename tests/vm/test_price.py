"""The price of gas: its level, which full blocks raise, and what a proposal sets."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import InvalidTransaction
from consensus.transaction import Transaction
from node.commands.payment import MAX_FEE_FACTOR
from tests.vm.stage import Stage
from tests.vm.test_transition import Noting
from tests.vm.world import ANNA, FUNDS, World, apply_to, encoded, pay, publish
from vm.modules.fee import (
    LEVEL,
    MAX_BLOCK_GAS,
    MAX_LEVEL_PPM,
    PRICES,
    Level,
    Price,
    PriceSet,
    SetPrice,
    fee_for,
    level_of,
    next_level,
)
from vm.modules.tokens import ASSETS, AssetRow, mint
from vm.simulation import quote
from vm.transition import execute_block

ONE = 10**6
LIMIT = 1_000_000


@pytest.fixture
def world() -> World:
    made = World.begin()
    MAX_BLOCK_GAS.set(made.state, LIMIT)
    return made


def using(world: World, gas: int, nonce: int) -> Transaction:
    """A transaction of just so much gas."""
    made = world.order(publish(b"%d" % nonce, 10**9), nonce=nonce, max_fee=FUNDS)
    missing = gas - quote(world.state, made).gas
    assert missing % 1_000 < 1_000
    size = 10**9 + 2**20 * (missing // 1_000)
    return world.order(publish(b"%d" % nonce, size), nonce=nonce, max_fee=FUNDS)


# The level


@pytest.mark.parametrize(
    ("level", "gas", "following"),
    [
        (ONE, 0, ONE),
        (ONE, LIMIT // 2, ONE),
        (ONE, LIMIT // 2 + 1, ONE),  # a step of 0.25
        (ONE, LIMIT // 2 + 4, ONE + 1),
        (ONE, LIMIT * 3 // 4, ONE + ONE // 16),
        (ONE, LIMIT, ONE + ONE // 8),
        (2 * ONE, LIMIT, 2 * ONE + ONE // 4),
        (2 * ONE, LIMIT // 2, 2 * ONE),
        (2 * ONE, LIMIT // 4, 2 * ONE - ONE // 8),
        (2 * ONE, 0, 2 * ONE - ONE // 4),
        (ONE + 1, 0, ONE),
    ],
)
def test_a_block_moves_the_level_by_how_full_it_is(level: int, gas: int, following: int) -> None:
    assert next_level(level, gas, LIMIT) == following


def test_an_odd_limit_moves_it_by_no_more_than_an_eighth() -> None:
    assert next_level(8 * ONE, LIMIT + 1, LIMIT + 1) == 9 * ONE


@given(
    level=st.integers(ONE, MAX_LEVEL_PPM.maximum),
    limit=st.integers(MAX_BLOCK_GAS.minimum, MAX_BLOCK_GAS.maximum),
    ppm=st.integers(0, ONE),
)
def test_the_level_is_the_exact_one_rounded(level: int, limit: int, ppm: int) -> None:
    gas = limit * ppm // ONE
    target = limit // 2
    exact = level * (1 + Fraction(gas - target, target) / 8)
    following = next_level(level, gas, limit)
    if gas <= 2 * target:
        assert abs(following - max(Fraction(ONE), exact)) <= Fraction(9, 8)
    assert following >= ONE
    assert level * 7 // 8 <= following <= level * 9 // 8 + 1
    assert (following > level) <= (gas > target)


def test_it_takes_an_eighth_off_until_nothing_is_left() -> None:
    level, blocks = MAX_LEVEL_PPM.default, 0
    while level > ONE:
        level, blocks = next_level(level, 0, LIMIT), blocks + 1
    assert blocks == 52  # 1000 × (7/8)^52 < 1


def test_a_full_block_raises_the_price_of_the_next_and_an_empty_one_lowers_it(
    world: World,
) -> None:
    outcome = world.run(using(world, LIMIT, 0))
    assert outcome.receipts[0].fee == outcome.gas  # at a price of a million, still at level 1
    level = next_level(ONE, outcome.gas, LIMIT)
    assert level > ONE + ONE // 9
    assert LEVEL.get(world.state) == Level(level)
    order = world.order(pay(), nonce=1)
    assert quote(world.state, order).fee == -(-quote(world.state, order).gas * level // ONE)
    outcome = world.run(order)
    (receipt,) = outcome.receipts
    assert receipt.fee == -(-receipt.gas * level // ONE)
    assert outcome.writes[LEVEL.state_key()] is None
    assert level_of(world.state) == ONE


def test_the_price_is_one_all_through_a_block(world: World) -> None:
    execution = world.start()
    first = apply_to(execution, using(world, LIMIT - 20_000, 0))
    second = apply_to(execution, world.order(pay(), nonce=1))
    assert (first.fee, second.fee) == (first.gas, second.gas)


def test_an_idle_chain_writes_nothing_for_it(world: World) -> None:
    outcome = world.run(world.order(pay()))
    assert LEVEL.state_key() not in outcome.writes
    assert LEVEL.state_key() not in world.run().writes


def test_an_empty_block_takes_an_eighth_off(world: World) -> None:
    LEVEL.put(world.state, Level(2 * ONE))
    assert world.run().writes[LEVEL.state_key()] == Level(2 * ONE - ONE // 4).encode()


def test_the_level_is_read_once_a_block(world: World) -> None:
    class Counting(Noting):
        """Counts the reads of the level."""

        count = 0

        def get(self, key: bytes) -> bytes | None:
            """The value at `key`, or None."""
            self.count += key == LEVEL.state_key()
            return super().get(key)

    state = Counting(world.state)
    orders = [world.order(pay(), nonce=nonce) for nonce in range(5)]
    execute_block(state, world.block(), encoded(*orders))
    assert state.count == 1


def test_the_level_has_a_highest(world: World) -> None:
    MAX_LEVEL_PPM.set(world.state, ONE + 1_000)
    world.run(using(world, LIMIT, 0))
    assert level_of(world.state) == ONE + 1_000
    world.run(using(world, LIMIT - 100_000, 1))
    assert level_of(world.state) == ONE + 1_000
    MAX_LEVEL_PPM.set(world.state, ONE)
    world.run(using(world, LIMIT - 100_000, 2))
    assert LEVEL.get(world.state) is None


def test_a_fee_is_rounded_up_once(world: World) -> None:
    ASSETS.put(world.state, AssetRow("Dollar", 6, 0, 0, 10**9, True, True, None), "USDT")
    PRICES.put(world.state, Price(3), "USDT")
    assert fee_for(world.state, "USDT", 333_333, ONE) == 1
    assert fee_for(world.state, "USDT", 333_334, ONE) == 2
    assert fee_for(world.state, "USDT", 333_333, ONE + 1) == 1
    assert fee_for(world.state, "USDT", 333_333, ONE + 2) == 2
    assert fee_for(world.state, "REEL", 4_321, ONE + 1) == 4_322


def test_a_transaction_outlives_full_blocks_by_the_head_room_of_commands(world: World) -> None:
    order = world.order(pay())
    offered = MAX_FEE_FACTOR * quote(world.state, order).fee
    level, blocks = ONE, 0
    while fee_for(world.state, "REEL", quote(world.state, order).gas, level) <= offered:
        level, blocks = next_level(level, LIMIT, LIMIT), blocks + 1
    assert blocks == 12  # it is taken after eleven, the twelfth is too much
    LEVEL.put(world.state, Level(level))
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(world.start(), world.order(pay(), max_fee=offered))
    assert caught.value.code == "fee.max-too-low"


# What a proposal sets


def test_a_proposal_sets_and_removes_a_price() -> None:
    stage = Stage()
    state = stage.world.state
    ASSETS.put(state, AssetRow("Dollar", 6, 0, 0, 10**9, True, True, None), "USDT")
    mint(state, ANNA.public, "USDT", 10)
    policy = b"p" * 32
    assert stage.act(policy, SetPrice("USDT", 7)) == "ok"
    assert PRICES.get(state, "USDT") == Price(7)
    assert stage.act(policy, SetPrice("USDT", 8)) == "ok"
    assert PRICES.get(state, "USDT") == Price(8)
    assert stage.act(policy, SetPrice("USDT", 0)) == "ok"
    assert PRICES.get(state, "USDT") is None
    assert stage.act(policy, SetPrice("REEL", 9)) == "ok"
    assert PRICES.get(state, "REEL") == Price(9)
    assert stage.events == [
        PriceSet("USDT", 7),
        PriceSet("USDT", 8),
        PriceSet("USDT", 0),
        PriceSet("REEL", 9),
    ]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SetPrice("REEL", 0), "fee.native-price"),
        (SetPrice("NONE", 5), "token.unknown-asset"),
        (SetPrice("NONE", 0), "token.unknown-asset"),
    ],
)
def test_prices_that_cannot_be(action: SetPrice, code: str) -> None:
    stage = Stage()
    assert stage.act(b"p" * 32, action) == code
    assert stage.events == []


def test_no_account_sets_a_price(world: World) -> None:
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(world.start(), world.order(SetPrice("REEL", 5)))
    assert (caught.value.code, caught.value.field) == ("chain.governed-action", "actions[0]")
