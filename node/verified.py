"""What has verified before, so that nothing is verified twice."""

from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import verifies
from consensus.transaction import Transaction
from node.mempool import MAX_TRANSACTIONS
from p2p.recent import RecentSet

# More than the votes of all members for as many unfinal blocks as carry transactions.
SIGNATURES_KEPT = 16_384
TRANSACTIONS_KEPT = MAX_TRANSACTIONS  # all that may wait for a block
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

    def check_transaction(self, transaction: Transaction, identity: bytes, *, field: str) -> None:
        """Raise Invalid…, its field within `field`, unless all signatures verify.

        `identity` is the transaction's id, which covers its signatures.
        """
        if identity in self._transactions:
            return
        try:
            transaction.check_signatures()
        except Invalid as error:
            raise error.within(field) if field else error from None
        self._transactions.add(identity)
