"""What has verified before, so that nothing is verified twice."""

from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import verifies
from consensus.transaction import Transaction
from node.mempool import MAX_TRANSACTIONS
from p2p.recent import RecentSet

# More than the votes of all members for as many unfinal blocks as carry transactions.
SIGNATURES_KEPT = 16_384
TRANSACTIONS_KEPT = MAX_TRANSACTIONS  # nothing that waits is verified again for its block


class Verified:
    """Votes and transactions whose signatures verified, by the digests of their full bytes; the
    oldest are forgotten first."""

    def __init__(self) -> None:
        self._signatures = RecentSet(SIGNATURES_KEPT)
        self._transactions = RecentSet(TRANSACTIONS_KEPT)

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
