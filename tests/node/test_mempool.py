"""The mempool: order, replacement, expiry and room."""

import dataclasses

import pytest

from consensus.errors import InvalidTransaction
from consensus.hashing import sha256
from consensus.record import replace
from consensus.transaction import EncodedTransaction, Transaction
from node.mempool import MAX_FREE_PER_SENDER, MAX_PER_SENDER, Mempool
from tests.node.network import key

ALICE, BOB, CAROL = (key(name).public for name in ("alice", "bob", "carol"))
SIZE = 200


def pending(
    sender: bytes, nonce: int, *, max_fee: int = 100, valid_until: int = 50
) -> EncodedTransaction:
    transaction = Transaction(
        bytes(32), sender, None, nonce, valid_until, "REEL", max_fee, (["a.b", 1],), ()
    )
    identity = sha256(repr((sender, nonce, max_fee, valid_until)).encode())
    return EncodedTransaction(identity, transaction, bytes(SIZE))


def add(
    pool: Mempool, item: EncodedTransaction, next_nonce: int = 0, next_height: int = 10
) -> None:
    pool.add(item, next_nonce=next_nonce, next_height=next_height)


def order(pool: Mempool) -> list[tuple[bytes, int]]:
    ready = pool.ready(lambda _: 0)
    return [(item.transaction.sender, item.transaction.nonce) for item in ready]


def refusal(pool: Mempool, item: EncodedTransaction, **at: int) -> str:
    before = (len(pool), pool.size_bytes, order(pool))
    with pytest.raises(InvalidTransaction) as caught:
        add(pool, item, **at)
    assert (len(pool), pool.size_bytes, order(pool)) == before
    return caught.value.code


def test_senders_take_turns_and_their_nonces_stay_in_order() -> None:
    pool = Mempool()
    for nonce in (2, 0, 1):
        add(pool, pending(ALICE, nonce))
    add(pool, pending(BOB, 0))
    add(pool, pending(CAROL, 1))  # its first is missing: it waits
    assert order(pool) == [(ALICE, 0), (BOB, 0), (ALICE, 1), (ALICE, 2)]
    assert len(pool) == 5
    assert pool.size_bytes == 5 * SIZE


def test_a_known_transaction_changes_nothing() -> None:
    pool = Mempool()
    item = pending(ALICE, 0)
    add(pool, item)
    add(pool, item)
    assert (len(pool), pool.size_bytes) == (1, SIZE)
    assert item.id in pool
    assert pool.get(item.id) is item


def test_nonces_that_are_used_or_too_far_ahead_are_refused() -> None:
    pool = Mempool()
    assert refusal(pool, pending(ALICE, 4), next_nonce=5) == "nonce-used"
    assert refusal(pool, pending(ALICE, 5 + MAX_PER_SENDER), next_nonce=5) == "nonce-too-high"
    add(pool, pending(ALICE, 5 + MAX_PER_SENDER - 1), next_nonce=5)


def test_what_no_later_block_may_hold_is_refused() -> None:
    pool = Mempool()
    assert refusal(pool, pending(ALICE, 0, valid_until=9), next_height=10) == "expired"
    add(pool, pending(ALICE, 0, valid_until=10), next_height=10)


@pytest.mark.parametrize(("old", "least"), [(100, 110), (101, 112), (0, 1)])
def test_a_replacement_offers_a_tenth_more(old: int, least: int) -> None:
    pool = Mempool()
    add(pool, pending(ALICE, 0, max_fee=old, valid_until=20))
    assert refusal(pool, pending(ALICE, 0, max_fee=least - 1)) == "replacement-underpriced"
    newer = pending(ALICE, 0, max_fee=least, valid_until=21)
    add(pool, newer)
    assert list(pool.ready(lambda _: 0)) == [newer]
    assert (len(pool), pool.size_bytes) == (1, SIZE)


def test_a_full_mempool_refuses_but_replaces() -> None:
    pool = Mempool(max_transactions=2)
    add(pool, pending(ALICE, 0))
    add(pool, pending(BOB, 0))
    assert refusal(pool, pending(CAROL, 0)) == "mempool-full"
    add(pool, pending(BOB, 0, max_fee=200))
    small = Mempool(max_bytes=2 * SIZE - 1)
    add(small, pending(ALICE, 0))
    assert refusal(small, pending(BOB, 0)) == "mempool-full"
    assert refusal(
        small, dataclasses.replace(pending(ALICE, 0, max_fee=200), data=bytes(2 * SIZE))
    ) == ("mempool-full")


def free(sender: bytes, nonce: int) -> EncodedTransaction:
    return pending(sender, nonce, max_fee=0)


def test_what_pays_a_fee_comes_before_what_does_not() -> None:
    pool = Mempool()
    for item in (free(ALICE, 0), pending(ALICE, 1), free(BOB, 0), pending(BOB, 1)):
        add(pool, item)
    for item in (pending(CAROL, 0), free(CAROL, 1), pending(CAROL, 2)):
        add(pool, item)
    assert order(pool) == [
        (CAROL, 0),
        *((ALICE, 0), (BOB, 0), (CAROL, 1)),
        *((ALICE, 1), (BOB, 1), (CAROL, 2)),
    ]


def test_in_a_full_mempool_the_newest_that_pay_no_fee_go_first() -> None:
    pool = Mempool(max_transactions=3)
    for nonce in range(2):
        add(pool, free(ALICE, nonce))
    add(pool, pending(BOB, 0))
    assert refusal(pool, free(CAROL, 0)) == "mempool-full"
    add(pool, pending(CAROL, 0))
    assert order(pool) == [(BOB, 0), (CAROL, 0), (ALICE, 0)]
    add(pool, pending(CAROL, 1))
    assert order(pool) == [(BOB, 0), (CAROL, 0), (CAROL, 1)]
    assert refusal(pool, pending(CAROL, 2)) == "mempool-full"
    assert (len(pool), pool.size_bytes) == (3, 3 * SIZE)


def test_as_many_go_as_a_larger_one_needs_or_none() -> None:
    pool = Mempool(max_bytes=4 * SIZE)
    add(pool, pending(BOB, 0))
    for nonce in range(3):
        add(pool, free(ALICE, nonce))
    large = dataclasses.replace(pending(CAROL, 0), data=bytes(4 * SIZE))
    assert refusal(pool, large) == "mempool-full"
    add(pool, dataclasses.replace(pending(CAROL, 0), data=bytes(2 * SIZE)))
    assert order(pool) == [(BOB, 0), (CAROL, 0), (ALICE, 0)]
    assert pool.size_bytes == 4 * SIZE
    add(
        pool, dataclasses.replace(pending(ALICE, 0), data=bytes(SIZE))
    )  # and one that is free is replaced
    assert order(pool) == [(BOB, 0), (CAROL, 0), (ALICE, 0)]
    assert refusal(pool, pending(ALICE, 1)) == "mempool-full"


def test_a_sender_has_only_so_many_that_pay_no_fee() -> None:
    pool = Mempool()
    add(pool, pending(ALICE, 0))
    for nonce in range(1, MAX_FREE_PER_SENDER + 1):
        add(pool, free(ALICE, nonce))
    assert refusal(pool, free(ALICE, MAX_FREE_PER_SENDER + 1)) == "too-many-free"
    add(pool, pending(ALICE, MAX_FREE_PER_SENDER + 1))
    add(pool, free(BOB, 0))
    pool.prune({ALICE: 2, BOB: 0}.__getitem__, 11)
    add(pool, free(ALICE, MAX_FREE_PER_SENDER + 2), next_nonce=2)


def test_a_new_head_drops_what_is_used_or_expired() -> None:
    pool = Mempool()
    for nonce in range(4):
        add(pool, pending(ALICE, nonce))
    add(pool, pending(BOB, 0, valid_until=10))
    assert pool.prune({ALICE: 2, BOB: 0}.__getitem__, 11) == 3
    assert [item.transaction.nonce for item in pool.ready(lambda _: 2)] == [2, 3]
    assert pool.size_bytes == 2 * SIZE
    pool.prune(lambda _: 9, 11)
    assert (len(pool), pool.size_bytes, order(pool)) == (0, 0, [])


def test_the_next_free_nonce_counts_what_waits() -> None:
    pool = Mempool()
    for nonce in (3, 4, 6):
        add(pool, pending(ALICE, nonce), next_nonce=3)
    assert pool.next_nonce(ALICE, 3) == 5
    assert pool.next_nonce(BOB, 3) == 3


def test_what_was_signed_by_keys_that_no_longer_act_is_dropped() -> None:
    pool = Mempool()
    paid = pending(BOB, 0)
    paid = dataclasses.replace(paid, transaction=replace(paid.transaction, payer=ALICE))
    for item in (pending(ALICE, 0), pending(ALICE, 1), paid, pending(CAROL, 0)):
        add(pool, item)
    asked: list[tuple[bytes, int]] = []

    def is_void(transaction: Transaction) -> bool:
        asked.append((transaction.sender, transaction.nonce))
        return transaction.nonce == 0

    assert pool.drop(frozenset({ALICE}), is_void) == 2
    assert asked == [(ALICE, 0), (ALICE, 1), (BOB, 0)]
    assert (len(pool), pool.size_bytes) == (2, 2 * SIZE)
