"""Transactions: what is signed, and what is refused before anything runs."""

import pytest

from consensus.codec import encode
from consensus.errors import InvalidEncoding, InvalidTransaction
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import replace
from consensus.transaction import (
    MAX_ACTIONS,
    MAX_SIGNATURES,
    MAX_TRANSACTION_BYTES,
    Authorization,
    Transaction,
    decode_transaction,
    transaction_id,
)
from tests.node.network import key

ALICE, BOB = key("alice"), key("bob")
DRAFT = Transaction(
    bytes(32), ALICE.public, None, 0, 10, "REEL", 5, (["token.transfer", 1, b"x", 2],), ()
)
SIGNED = DRAFT.signed(ALICE)


@pytest.mark.parametrize("count", [0, 1, 2, 23, 24, MAX_SIGNATURES])
def test_what_is_signed_is_cut_out_of_the_encoding(count: int) -> None:
    keys = [KeyPair.from_seed(bytes([i]) * 32) for i in range(count)]
    order = replace(SIGNED, signatures=()).signed(*keys)
    assert order.signing_bytes(order.encode()) == order.signing_bytes()
    order.check_signatures(order.encode())


def test_the_bytes_come_back_and_give_the_id() -> None:
    data = SIGNED.encode()
    assert decode_transaction(data) == SIGNED
    assert transaction_id(data) == sha256(data)


def test_a_signature_covers_every_field_but_the_signatures() -> None:
    SIGNED.check_signatures()
    changes = [
        replace(SIGNED, chain=b"x" * 32),
        replace(SIGNED, sender=BOB.public),
        replace(SIGNED, payer=BOB.public),
        replace(SIGNED, nonce=1),
        replace(SIGNED, valid_until_height=11),
        replace(SIGNED, fee_asset="USDT"),
        replace(SIGNED, max_fee=6),
        replace(SIGNED, actions=(["token.transfer", 1, b"x", 3],)),
        replace(SIGNED, actions=SIGNED.actions * 2),
    ]
    for changed in changes:
        with pytest.raises(InvalidTransaction) as caught:
            changed.check_signatures()
        assert (caught.value.code, caught.value.field) == ("invalid-signature", "signatures[0]")


def test_keys_are_distinct_and_in_order() -> None:
    both = DRAFT.signed(BOB, ALICE)
    both.check_signatures()
    assert both == DRAFT.signed(ALICE).signed(BOB)
    for signatures in (both.signatures[::-1], both.signatures[:1] * 2):
        with pytest.raises(InvalidTransaction) as caught:
            replace(both, signatures=signatures).check_signatures()
        assert caught.value.field == "signatures"


def test_a_malleated_signature_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    good = SIGNED.signatures[0].signature
    scalar = int.from_bytes(good[32:], "little") + order
    bad = Authorization(ALICE.public, good[:32] + scalar.to_bytes(32, "little"))
    with pytest.raises(InvalidTransaction, match="not a signature"):
        replace(SIGNED, signatures=(bad,)).check_signatures()


@pytest.mark.parametrize("actions", [(), (["a.b", 1],) * (MAX_ACTIONS + 1), (["a.b"],), ([1, 1],)])
def test_actions_are_one_to_sixteen_tagged_records(actions: tuple[list[object], ...]) -> None:
    wire = SIGNED.pack()
    wire[9] = list(actions)  # type: ignore[arg-type]
    with pytest.raises(InvalidEncoding) as caught:
        decode_transaction(encode(wire))
    assert caught.value.field.startswith("actions")


def test_oversized_and_truncated_transactions_are_refused() -> None:
    big = replace(SIGNED, actions=(["a.b", 1, bytes(MAX_TRANSACTION_BYTES)],))
    with pytest.raises(InvalidEncoding, match="at most"):
        decode_transaction(big.encode())
    data = SIGNED.encode()
    for size in range(len(data)):
        with pytest.raises(InvalidEncoding):
            decode_transaction(data[:size])
