"""Accounts care for their transfers until they are final."""

import time
from typing import cast

import trio

from consensus.keys import KeyPair
from consensus.transaction import Transaction
from node.client import Client
from node.failure import Refused, Unreachable
from tests.soak.transfers import PATIENCE_S, Counts, Sent, Wallet, resend, submit

KEY = KeyPair.from_seed(bytes(32))
TO = bytes(32)


class FakeNode:
    """Knows what it was sent, but for what it forgets."""

    def __init__(self) -> None:
        self.known: list[bytes] = []
        self.failure: Exception | None = None

    async def submit(self, raw: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.known.append(raw)

    async def transaction(self, transaction_id: bytes) -> object | None:
        known = (Sent(0, raw, 0).id for raw in self.known)
        return "known" if transaction_id in known else None


def sent_nonces(node: FakeNode) -> list[int]:
    return [Transaction.decode(raw).nonce for raw in node.known]


def wallet_with(count: int, age_s: float) -> Wallet:
    wallet = Wallet(bytes(32), KEY)
    for _ in range(count):
        wallet.sign(TO).tried_at = time.monotonic() - age_s
    return wallet


def test_each_nonce_is_signed_for_once_and_settled_once() -> None:
    wallet = wallet_with(4, 0)
    assert [sent.nonce for sent in wallet.waiting.values()] == [0, 1, 2, 3]
    wallet.settle(3)
    wallet.settle(1)  # a node that is behind
    assert list(wallet.waiting) == [3]
    assert (wallet.sent, wallet.final) == (4, 3)


def test_what_a_node_has_forgotten_is_sent_again_in_order() -> None:
    node, counts = FakeNode(), Counts()
    waiting = list(wallet_with(4, PATIENCE_S).waiting.values())
    for sent in waiting[:3]:
        trio.run(submit, cast(Client, node), sent, counts)
    del node.known[1:]
    trio.run(resend, cast(Client, node), waiting, counts)
    assert sent_nonces(node) == [0, 1, 2, 3]
    assert (counts.resent, counts.forgotten) == (3, 2)
    del node.known[:]
    trio.run(resend, cast(Client, node), waiting, counts)
    assert sent_nonces(node) == []  # it is too soon to ask again


def test_what_nodes_say_to_a_transfer_is_counted() -> None:
    node, counts = FakeNode(), Counts()
    (sent,) = wallet_with(1, 0).waiting.values()
    for failure in (Unreachable("no node"), Refused("used", code="nonce-used")):
        node.failure = failure
        trio.run(submit, cast(Client, node), sent, counts)
    assert not sent.is_accepted
    assert (counts.unanswered, counts.refused) == (1, {"nonce-used": 1})
