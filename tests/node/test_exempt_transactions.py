"""Claims that nobody pays for: one of each holder waits, and none that was claimed already."""

from dataclasses import replace

import pytest

from consensus.errors import InvalidTransaction
from consensus.transaction import EncodedTransaction
from genesis.build import build_genesis
from genesis.preset import load_preset
from genesis.setup import Setup
from node.trial import check_transaction
from tests.node.bench import Bench, node_seats
from tests.node.network import FUNDS, GENESIS_TIME_MS, key, make_seats, signed
from tests.vm.migrations import FUND, OPEN, claim_of
from vm.modules.tokens import balance_of

SEATS = make_seats(4)
ALICE, BOB, CAROL = key("alice"), key("bob"), key("carol")
DEVNET = load_preset("devnet")
PRESET = replace(
    DEVNET,
    pots={**DEVNET.pots, FUND: OPEN.units},
    setup=Setup({}, [{"type": OPEN.tag, **OPEN.to_json()}]),
)
GENESIS = build_genesis(
    PRESET,
    [seat.record() for seat in SEATS.values()],
    [(ALICE.public, FUNDS)],
    GENESIS_TIME_MS,
)


@pytest.fixture
def bench() -> Bench:
    """A node with all seats."""
    return Bench(GENESIS, node_seats(SEATS))


def own(
    bench: Bench, name: str, account: bytes, *, sender: str = "bob", nonce: int = 0
) -> EncodedTransaction:
    """A holder's claim for an account, for nothing."""
    return signed(
        bench.chain, key(sender), claim_of(name, account, bench.chain.id), nonce, max_fee=0
    )


def submit(bench: Bench, pending: EncodedTransaction) -> None:
    """As the node does it."""
    check_transaction(bench.chain, pending)
    bench.mempool.add(pending, next_nonce=0, next_height=1)


def refusal(bench: Bench, pending: EncodedTransaction) -> str:
    with pytest.raises(InvalidTransaction) as caught:
        submit(bench, pending)
    return caught.value.code


def produce(bench: Bench, slot: int = 1) -> tuple[bytes, ...]:
    """The ids of the transactions of the next block."""
    bench.at_slot(slot)
    made = bench.run(bench.engine.produce(slot))
    if made is None:
        raise AssertionError("no block")
    return made.transaction_ids


def test_a_preset_opens_a_migration_that_somebody_with_nothing_claims(bench: Bench) -> None:
    made = own(bench, "first", BOB.public)
    submit(bench, made)
    assert produce(bench) == (made.id,)
    state = bench.chain.state_of(bench.chain.fork.head)
    assert balance_of(state, BOB.public, "REEL") == 30
    assert len(bench.mempool) == 0
    assert refusal(bench, own(bench, "first", CAROL.public, sender="carol")) == (
        "claims.already-claimed"
    )


def test_one_claim_of_a_holder_waits_however_many_accounts_it_was_signed_for(bench: Bench) -> None:
    submit(bench, own(bench, "first", BOB.public))
    again = own(bench, "first", CAROL.public, sender="carol")
    assert refusal(bench, again) == "already-waiting"
    submit(bench, own(bench, "second", CAROL.public, sender="carol"))
    for_a_fee = signed(bench.chain, ALICE, claim_of("first", CAROL.public, bench.chain.id), 0)
    submit(bench, for_a_fee)
    assert len(bench.mempool) == 3


def test_what_another_was_paid_for_does_not_wait_for_nothing_any_more(bench: Bench) -> None:
    submit(bench, own(bench, "first", BOB.public))
    for_a_fee = signed(bench.chain, ALICE, claim_of("first", BOB.public, bench.chain.id), 0)
    submit(bench, for_a_fee)
    assert produce(bench) == (for_a_fee.id,)
    assert len(bench.mempool) == 0


def test_what_expires_lets_another_wait(bench: Bench) -> None:
    submit(bench, own(bench, "first", BOB.public))
    assert bench.mempool.prune(lambda _: 0, 1_001) == 1
    submit(bench, own(bench, "first", CAROL.public, sender="carol"))
    assert bench.mempool.prune(lambda _: 1, 1) == 1
    submit(bench, own(bench, "first", BOB.public))


def test_what_pays_a_fee_takes_the_place_of_a_claim_that_does_not(bench: Bench) -> None:
    submit(bench, own(bench, "first", BOB.public))
    for_a_fee = signed(
        bench.chain, BOB, claim_of("first", BOB.public, bench.chain.id), 0, max_fee=10
    )
    bench.mempool.add(for_a_fee, next_nonce=0, next_height=1)
    assert len(bench.mempool) == 1
    assert refusal(bench, own(bench, "first", BOB.public)) == "replacement-underpriced"
    submit(bench, own(bench, "first", CAROL.public, sender="carol"))
