"""Transfers against a naive model, and conservation of value."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import ActionFailed
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, PRODUCERS, World, pay
from vm.modules.tokens import (
    ASSETS,
    BALANCES,
    POTS,
    Balance,
    Pot,
    balance_of,
    conserved,
    fill_pot,
    mint,
)
from vm.registry import REGISTRY

PEOPLE = [ANNA, BEN, CLEO]
TRANSFERS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.one_of(st.integers(1, 2 * FUNDS), st.integers(FUNDS - 20_000, FUNDS)),
    ),
    max_size=12,
)


@given(st.lists(TRANSFERS, max_size=3))
def test_random_transfers_equal_a_naive_model(blocks: list[list[tuple[int, int, int]]]) -> None:
    world = World.begin()
    held = Counter({ANNA.public: FUNDS, BEN.public: FUNDS, CLEO.public: 0})
    nonces: Counter[bytes] = Counter()
    for wanted in blocks:
        orders, expected, fees = [], [], 0
        for place, to, amount in wanted:
            sender = PEOPLE[place]
            order = world.order(pay(PEOPLE[to], amount), by=sender, nonce=nonces[sender.public])
            cost = 2_500 + 10 * len(order.encode())
            if held[sender.public] < cost:
                continue
            nonces[sender.public] += 1
            held[sender.public] -= cost
            fees += cost
            moved = held[sender.public] >= amount
            if moved:
                held[sender.public] -= amount
                held[PEOPLE[to].public] += amount
            orders.append(order)
            expected.append("ok" if moved else "token.insufficient-balance")
        outcome = world.run(*orders)
        assert [receipt.status for receipt in outcome.receipts] == expected
        held[PRODUCERS[0].public] += fees - fees // 2
        for person, amount in held.items():
            assert balance_of(world.state, person, "REEL") == amount
        assert list(REGISTRY.broken_invariants(world.state)) == []


def test_a_transfer_to_oneself_changes_nothing_but_the_fee() -> None:
    world = World.begin()
    outcome = world.run(world.order(pay(ANNA, FUNDS // 2)))
    assert outcome.receipts[0].status == "ok"
    assert balance_of(world.state, ANNA.public, "REEL") == FUNDS - outcome.receipts[0].fee


def test_an_asset_that_does_not_exist_cannot_be_sent() -> None:
    world = World.begin()
    outcome = world.run(world.order(pay(BEN, 1, asset="GOLD")))
    assert outcome.receipts[0].status == "token.unknown-asset"


def test_an_empty_balance_leaves_no_row() -> None:
    world = World.begin()
    mint(world.state, CLEO.public, "REEL", 0)
    assert BALANCES.get(world.state, CLEO.public, "REEL") is None
    outcome = world.run(world.order(pay(BEN, FUNDS), payer=BEN))
    assert outcome.receipts[0].status == "ok"
    assert BALANCES.get(world.state, ANNA.public, "REEL") is None


def test_one_unit_more_than_is_held_is_refused() -> None:
    outcome = World.begin().run(World.begin().order(pay(BEN, FUNDS + 1), payer=BEN))
    assert outcome.receipts[0].status == "token.insufficient-balance"


def test_no_more_is_minted_than_the_cap() -> None:
    world = World.begin()
    row = ASSETS.get(world.state, "REEL")
    assert row is not None
    mint(world.state, CLEO.public, "REEL", row.cap - row.minted)
    with pytest.raises(ActionFailed) as caught:
        mint(world.state, CLEO.public, "REEL", 1)
    assert caught.value.code == "token.above-cap"
    assert list(conserved(world.state)) == []


def test_the_invariant_sees_value_made_lost_and_of_no_asset() -> None:
    world = World.begin()
    BALANCES.put(world.state, Balance(FUNDS + 1), ANNA.public, "REEL")
    row = ASSETS.get(world.state, "REEL")
    assert row is not None
    assert list(conserved(world.state)) == [
        f"REEL: {row.minted + 1} held or burned, {row.minted} minted"
    ]
    fill_pot(world.state, "treasury", "REEL", 1)
    POTS.put(world.state, Pot(3), "prizes", "GOLD")
    assert len(list(conserved(world.state))) == 2
    BALANCES.put(world.state, Balance(FUNDS - 1), ANNA.public, "REEL")
    POTS.delete(world.state, "prizes", "GOLD")
    assert list(conserved(world.state)) == []
