"""What has verified before, so that nothing is verified twice."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import verifies
from consensus.transaction import EncodedTransaction
from node.mempool import MAX_TRANSACTIONS
from p2p.recent import RecentSet

# More than the votes of all members for as many unfinal blocks as carry transactions.
SIGNATURES_KEPT = 16_384
TRANSACTIONS_KEPT = MAX_TRANSACTIONS  # all that may wait for a block
PROCESSORS = os.cpu_count() or 1
# Fewer are verified sooner than a thread begins.
ORDERS_A_THREAD = 32
# What verified before so many newest final blocks is not asked about any more.
BLOCKS_KEPT = 256


class Verified:
    """Votes and transactions whose signatures verified, by the digests of their full bytes: those
    of the last BLOCKS_KEPT final blocks at least, and up to twice as many, if there is room."""

    def __init__(self) -> None:
        self._signatures = RecentSet(SIGNATURES_KEPT)
        self._transactions = RecentSet(TRANSACTIONS_KEPT)
        self._turn = 0

    def forget_old(self, final_height: int) -> None:
        """Forget what verified long before the block of this height became final."""
        turn = final_height // BLOCKS_KEPT
        if turn > self._turn:
            self._turn = turn
            self._signatures.age()
            self._transactions.age()

    def signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `key`'s over `message`."""
        item = sha256(key + signature + message)
        if item in self._signatures:
            return True
        if not verifies(key, message, signature):
            return False
        self._signatures.add(item)
        return True

    def check_transaction(self, encoded: EncodedTransaction) -> None:
        """Raise InvalidTransaction unless all signatures verify; the id covers them."""
        if encoded.id not in self._transactions:
            encoded.check_signatures()
            self._transactions.add(encoded.id)

    def check_transactions(self, transactions: Sequence[EncodedTransaction], *, field: str) -> None:
        """Raise InvalidTransaction, naming the first at fault within `field`, unless all signatures
        of all transactions verify; many are verified in as many threads as there are processors.
        """
        orders = [
            _Order(i, each)
            for i, each in enumerate(transactions)
            if each.id not in self._transactions
        ]
        threads = min(PROCESSORS, len(orders) // ORDERS_A_THREAD)
        if threads < 2:
            found = [_first_fault(orders)]
        else:
            shares = [orders[first::threads] for first in range(threads)]
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(_first_fault, shares))
        faults = [fault for fault in found if fault is not None]
        if faults:
            place, error = min(faults, key=lambda fault: fault[0])
            raise error.within(f"{field}[{place}]")
        for order in orders:
            self._transactions.add(order.encoded.id)


class _Order(NamedTuple):
    """A transaction of a block at its place, whose signatures are to be verified."""

    place: int
    encoded: EncodedTransaction


def _first_fault(orders: Sequence[_Order]) -> tuple[int, Invalid] | None:
    """The place of the first transaction with a signature that does not verify, and why.
    libsodium's calls let other threads run."""
    for order in orders:
        try:
            order.encoded.check_signatures()
        except Invalid as error:
            return order.place, error
    return None
