"""What has verified is not verified again, and takes little memory."""

import dataclasses
import tracemalloc

import pytest

from consensus.errors import InvalidTransaction
from consensus.keys import KeyPair
from consensus.record import replace
from consensus.transaction import Authorization, EncodedTransaction, Transaction
from node import verified
from node.verified import BLOCKS_KEPT, SIGNATURES_KEPT, Verified
from vm.modules.tokens import Transfer

KEY = KeyPair.from_seed(bytes(32))
PAY = Transfer(bytes(32), "REEL", 1, "").pack()


def signed(nonce: int) -> Transaction:
    return Transaction(bytes(32), KEY.public, None, nonce, 9, "REEL", 0, (PAY,), ()).signed(KEY)


def test_a_signature_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = Verified(), 0

    def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
        nonlocal asked
        asked += 1
        return signature == b"good"

    monkeypatch.setattr(verified, "verifies", verifies)
    assert known.signature(b"key", b"message", b"good")
    assert known.signature(b"key", b"message", b"good")
    assert asked == 1
    for _ in range(2):
        assert not known.signature(b"key", b"message", b"bad")
    assert asked == 3
    assert known.signature(b"key", b"another", b"good")
    assert asked == 4


def test_a_transaction_is_verified_once_and_a_bad_one_is_refused_each_time() -> None:
    known, good = Verified(), signed(1)
    encoded = EncodedTransaction.of(good)
    known.check_transaction(encoded)
    known.check_transaction(dataclasses.replace(encoded, transaction=signed(2)))
    bad = Authorization(KEY.public, bytes(64))
    forged = replace(good, nonce=3, signatures=(bad,))
    for _ in range(2):
        with pytest.raises(InvalidTransaction, match="not a signature"):
            known.check_transaction(EncodedTransaction.of(forged))


@pytest.mark.parametrize("bad", [(), (0,), (3,), (150, 37), (199,)])
def test_the_first_bad_transaction_of_a_block_is_named_whatever_thread_finds_one(
    bad: tuple[int, ...],
) -> None:
    known = Verified()
    orders = [
        replace(order, signatures=(Authorization(KEY.public, bytes(64)),)) if i in bad else order
        for i, order in ((i, signed(i)) for i in range(200))
    ]
    encoded = list(map(EncodedTransaction.of, orders))
    if not bad:
        known.check_transactions(encoded, field="body.transactions")
    for _ in range(2):
        if bad:
            with pytest.raises(InvalidTransaction) as caught:
                known.check_transactions(encoded, field="body.transactions")
            place = min(bad)
            assert caught.value.field == f"body.transactions[{place}].signatures[0]"
            assert caught.value.code == "invalid-signature"


def test_a_block_of_verified_transactions_verifies_none_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, orders = Verified(), [EncodedTransaction.of(signed(i)) for i in range(100)]
    for order in orders[:50]:
        known.check_transaction(order)
    known.check_transactions(orders[50:], field="")
    monkeypatch.setattr("consensus.transaction.verifies", lambda *_: False)
    known.check_transactions(orders, field="")


def test_what_verified_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = Verified(), 0

    def verifies(*_: bytes) -> bool:
        nonlocal asked
        asked += 1
        return True

    monkeypatch.setattr(verified, "verifies", verifies)
    for height in (0, 1, BLOCKS_KEPT - 1, BLOCKS_KEPT, BLOCKS_KEPT + 1, 2 * BLOCKS_KEPT - 1):
        known.forget_old(height)
        known.signature(b"key", b"message", b"good")
    assert asked == 1
    known.forget_old(2 * BLOCKS_KEPT)
    known.signature(b"key", b"message", b"good")
    assert asked == 2


def test_a_full_memory_of_signatures_takes_a_few_megabytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verified, "verifies", lambda *_: True)
    known = Verified()
    tracemalloc.start()
    for number in range(3 * SIGNATURES_KEPT):
        known.signature(KEY.public, number.to_bytes(100, "big"), bytes(64))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held <= peak < 2 * SIGNATURES_KEPT * 200
