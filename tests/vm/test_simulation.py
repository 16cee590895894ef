"""Quotes and simulations say what the block will."""

import pytest

from consensus.errors import InvalidTransaction
from consensus.record import replace
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, World, commit_to, pay, publish
from vm.simulation import quote, simulate


@pytest.fixture
def world() -> World:
    return World.begin()


def test_a_quote_covers_the_fee_closely(world: World) -> None:
    commit_to(world.state, publish())
    draft = replace(world.order(pay(), publish(), max_fee=1), signatures=())
    quoted = quote(world.state, draft)
    order = replace(draft, max_fee=quoted.fee).signed(ANNA)
    receipt = world.run(order).receipts[0]
    assert receipt.status == "ok"
    assert quoted.fee - 80 <= receipt.fee <= quoted.fee


def test_a_quote_counts_the_payers_signature_and_checks_actions(world: World) -> None:
    alone, paid = world.order(pay()), world.order(pay(), payer=BEN)
    difference = quote(world.state, paid).gas - quote(world.state, alone).gas
    assert difference == len(paid.encode()) * 10 - len(alone.encode()) * 10 + 500
    with pytest.raises(InvalidTransaction):
        quote(world.state, world.order(["token.steal", 1]))
    with pytest.raises(InvalidTransaction):
        quote(world.state, world.order(pay(), fee_asset="USDT"))


def test_a_simulation_has_the_blocks_receipt_and_events(world: World) -> None:
    order = world.order(pay(CLEO, 3), pay(CLEO, 4))
    tried = simulate(world.state, world.block(), order)
    receipt, events = tried.receipt, tried.events
    outcome = world.run(order)
    assert (receipt, events) == (outcome.receipts[0], outcome.events[:2])


def test_a_simulation_takes_an_unsigned_transaction_as_signed(world: World) -> None:
    order = world.order(pay(CLEO, FUNDS), payer=BEN)
    unsigned = simulate(world.state, world.block(), replace(order, signatures=())).receipt
    signed = simulate(world.state, world.block(), order).receipt
    assert replace(unsigned, transaction=signed.transaction) == signed
    assert unsigned.status == "ok"


def test_a_simulation_refuses_what_a_block_would(world: World) -> None:
    with pytest.raises(InvalidTransaction) as caught:
        simulate(world.state, world.block(), world.order(pay(), nonce=4))
    assert caught.value.field == "nonce"


def test_a_simulation_says_why_an_action_fails_and_which(world: World) -> None:
    tried = simulate(world.state, world.block(), world.order(pay(CLEO, 3), pay(CLEO, 10**18)))
    assert tried.receipt.status == "token.insufficient-balance"
    assert tried.failure is not None
    assert tried.failure.field == "actions[1].amount"
    assert tried.failure.message.endswith(f"not {10**18}")
    assert simulate(world.state, world.block(), world.order(pay())).failure is None
