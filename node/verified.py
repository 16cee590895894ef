"""What has verified before, by its full bytes, so that nothing is verified twice."""

from collections import OrderedDict

from consensus.errors import Invalid
from consensus.keys import verifies
from consensus.transaction import Transaction

MAX_VERIFIED = 65_536


class Verified:
    """Votes and transactions whose signatures verified; the oldest are forgotten first."""

    def __init__(self, *, maximum: int = MAX_VERIFIED) -> None:
        self._maximum = maximum
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `key`'s over `message`."""
        item = key + signature + message
        if item in self._known:
            return True
        if not verifies(key, message, signature):
            return False
        self._add(item)
        return True

    def check_transaction(self, transaction: Transaction, identity: bytes, *, field: str) -> None:
        """Raise Invalid…, its field within `field`, unless all signatures verify.

        `identity` is the transaction's id, which covers its signatures.
        """
        if identity in self._known:
            return
        try:
            transaction.check_signatures()
        except Invalid as error:
            raise error.within(field) if field else error from None
        self._add(identity)

    def _add(self, item: bytes) -> None:
        self._known[item] = None
        while len(self._known) > self._maximum:
            self._known.popitem(last=False)
