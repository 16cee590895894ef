"""The mempool: valid transactions that wait for a block, in each sender's order of nonces.

Pure and bounded: by transactions, by bytes and by sender. Signatures, fees and mana are checked by
the caller; here only order, room, replacement and expiry matter. What pays a fee goes before what
does not, and takes its room when there is no other. Of transactions that are exempt from both one
waits for each row that they write: else one claim, signed for many accounts, could fill it.
"""

from collections.abc import Callable, Generator, Iterator, Set

from consensus.compact import short_transaction_id
from consensus.errors import InvalidTransaction
from consensus.transaction import MAX_TRANSACTION_BYTES, EncodedTransaction, Transaction
from vm.exemption import exemptions_of

MAX_TRANSACTIONS = 20_000
MAX_BYTES = 32 * 1024 * 1024
MAX_PER_SENDER = 64
MAX_FREE_PER_SENDER = 16  # the sender's mana is tried for each alone
# A replacement must be worth the gossip: it offers at least a tenth more, and more than nothing,
# so that duties, which are free, cannot replace one another.
REPLACEMENT_PERCENT = 110
if MAX_BYTES < MAX_PER_SENDER * MAX_TRANSACTION_BYTES:
    raise ValueError("one sender's transactions must fit the mempool")


class Mempool:
    """Transactions by id, by short id and, for each sender, by nonce."""

    def __init__(self, *, max_transactions: int = MAX_TRANSACTIONS, max_bytes: int = MAX_BYTES):
        self._max_transactions = max_transactions
        self._max_bytes = max_bytes
        self._by_id: dict[bytes, EncodedTransaction] = {}
        self._by_short_id: dict[bytes, tuple[EncodedTransaction, ...]] = {}
        self._by_sender: dict[bytes, dict[int, EncodedTransaction]] = {}
        self._free: dict[bytes, EncodedTransaction] = {}  # by id, as they came
        self._exempt: dict[bytes, EncodedTransaction] = {}  # by keys of rows they write
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, transaction_id: bytes) -> bool:
        return transaction_id in self._by_id

    def get(self, transaction_id: bytes) -> EncodedTransaction | None:
        """The waiting transaction of this id."""
        return self._by_id.get(transaction_id)

    def by_short_id(self, short_id: bytes) -> EncodedTransaction | None:
        """The one waiting transaction of this short id; None if there are several."""
        found = self._by_short_id.get(short_id, ())
        return found[0] if len(found) == 1 else None

    def add(self, pending: EncodedTransaction, *, next_nonce: int, next_height: int) -> None:
        """Let a checked transaction wait; known ones change nothing.

        `next_nonce` is the sender's at the head, `next_height` the next block's. Raises
        InvalidTransaction: nonce-used, nonce-too-high, expired, replacement-underpriced,
        too-many-free, already-waiting or mempool-full (to be tried again later). In a full mempool
        the newest that pay no fee go for one that does.
        """
        transaction = pending.transaction
        if pending.id in self._by_id:
            return
        self._check_nonce(transaction.nonce, next_nonce)
        if transaction.valid_until_height < next_height:
            raise InvalidTransaction(
                f"expired: the next block has height {next_height}",
                field="valid_until_height",
                code="expired",
            )
        waiting = self._by_sender.get(transaction.sender, {})
        replaced = waiting.get(transaction.nonce)
        if replaced is not None:
            self._check_replacement(replaced, transaction)
        exempt = exemptions_of(transaction)
        if pending.is_free:
            self._check_free(waiting)
        self._check_exempt(exempt)
        for gone in self._makes_room(pending, replaced):
            self._remove(gone)
        self._by_id[pending.id] = pending
        if pending.is_free:
            self._free[pending.id] = pending
        self._exempt |= dict.fromkeys(exempt, pending)
        short_id = short_transaction_id(pending.id)
        self._by_short_id[short_id] = (*self._by_short_id.get(short_id, ()), pending)
        self._by_sender.setdefault(transaction.sender, {})[transaction.nonce] = pending
        self.size_bytes += pending.size_bytes

    def _check_nonce(self, nonce: int, next_nonce: int) -> None:
        if nonce < next_nonce:
            raise InvalidTransaction(
                f"nonce {nonce} is used; the sender's next is {next_nonce}",
                field="nonce",
                code="nonce-used",
            )
        if nonce >= next_nonce + MAX_PER_SENDER:
            raise InvalidTransaction(
                f"nonce {nonce} is more than {MAX_PER_SENDER} ahead of the sender's {next_nonce}",
                field="nonce",
                code="nonce-too-high",
            )

    def _check_replacement(self, replaced: EncodedTransaction, transaction: Transaction) -> None:
        least = max(1, -(-replaced.transaction.max_fee * REPLACEMENT_PERCENT // 100))
        if transaction.max_fee < least:
            raise InvalidTransaction(
                f"nonce {transaction.nonce} is taken by a waiting transaction; to replace it "
                f"offer a max_fee of at least {least}",
                field="max_fee",
                code="replacement-underpriced",
            )

    def _check_free(self, waiting: dict[int, EncodedTransaction]) -> None:
        if sum(one.is_free for one in waiting.values()) >= MAX_FREE_PER_SENDER:
            raise InvalidTransaction(
                f"{MAX_FREE_PER_SENDER} transactions of the sender that pay no fee wait already; "
                "try again later, or pay a fee",
                field="max_fee",
                code="too-many-free",
            )

    def _check_exempt(self, exempt: tuple[bytes, ...]) -> None:
        if any(key in self._exempt for key in exempt):
            raise InvalidTransaction(
                "another transaction that pays no fee does the same and waits already; try again "
                "later, or pay a fee",
                field="actions",
                code="already-waiting",
            )

    def _makes_room(
        self, pending: EncodedTransaction, replaced: EncodedTransaction | None
    ) -> list[EncodedTransaction]:
        """What has to go for it: what it replaces, and of what pays no fee the newest."""
        gone = [] if replaced is None else [replaced]
        count = len(self._by_id) + 1 - len(gone)
        size_bytes = self.size_bytes + pending.size_bytes - sum(one.size_bytes for one in gone)
        others = (one for one in reversed(self._free.values()) if one is not replaced)
        while count > self._max_transactions or size_bytes > self._max_bytes:
            other = None if pending.is_free else next(others, None)
            if other is None:
                raise InvalidTransaction(
                    f"the mempool is full ({len(self._by_id)} transactions); try again later",
                    code="mempool-full",
                )
            gone.append(other)
            count -= 1
            size_bytes -= other.size_bytes
        return gone

    def next_nonce(self, sender: bytes, next_nonce: int) -> int:
        """The first nonce from `next_nonce` on that no waiting transaction of `sender` uses."""
        waiting = self._by_sender.get(sender, {})
        while next_nonce in waiting:
            next_nonce += 1
        return next_nonce

    def ready(self, next_nonce_of: Callable[[bytes], int]) -> Iterator[EncodedTransaction]:
        """Transactions in an order that blocks may include: senders in turn, nonces in order, and
        those that pay a fee first, as far as their nonces let them.

        Every sender gets one place a round, so that nobody crowds the others out. May run in a
        thread while transactions come and go: what comes after the call may be passed over.
        """
        turns = [(sender, next_nonce_of(sender)) for sender in list(self._by_sender)]
        turns = yield from self._rounds(turns, free=False)
        yield from self._rounds(turns, free=True)

    def _rounds(
        self, turns: list[tuple[bytes, int]], *, free: bool
    ) -> Generator[EncodedTransaction, None, list[tuple[bytes, int]]]:
        """Rounds of all that wait, or up to each sender's first that is free; where those are."""
        stopped: list[tuple[bytes, int]] = []
        while turns:
            following: list[tuple[bytes, int]] = []
            for sender, nonce in turns:
                pending = self._by_sender.get(sender, {}).get(nonce)
                if pending is None:
                    continue
                if pending.is_free and not free:
                    stopped.append((sender, nonce))
                    continue
                yield pending
                following.append((sender, nonce + 1))
            turns = following
        return stopped

    def prune(self, next_nonce_of: Callable[[bytes], int], next_height: int) -> int:
        """Drop what a new head has used up or let expire; returns how many."""
        before = len(self._by_id)
        for sender in list(self._by_sender):
            next_nonce = next_nonce_of(sender)
            for pending in list(self._by_sender[sender].values()):
                transaction = pending.transaction
                if transaction.nonce < next_nonce or transaction.valid_until_height < next_height:
                    self._remove(pending)
        return before - len(self._by_id)

    def drop_exempt(self, is_written: Callable[[bytes], bool]) -> int:
        """Drop those that are exempt of which a row is there already, by its key: how many."""
        void = {one.id: one for key, one in self._exempt.items() if is_written(key)}
        for pending in void.values():
            self._remove(pending)
        return len(void)

    def drop(self, accounts: Set[bytes], is_void: Callable[[Transaction], bool]) -> int:
        """Drop those that are void of which one of these accounts is sender or payer: how many."""
        void = [
            pending
            for pending in self._by_id.values()
            if not accounts.isdisjoint((pending.transaction.sender, pending.transaction.fee_payer))
            and is_void(pending.transaction)
        ]
        for pending in void:
            self._remove(pending)
        return len(void)

    def _remove(self, pending: EncodedTransaction) -> None:
        del self._by_id[pending.id]
        if self._free.pop(pending.id, None) is not None:
            for key in exemptions_of(pending.transaction):
                del self._exempt[key]
        short_id = short_transaction_id(pending.id)
        others = tuple(one for one in self._by_short_id.pop(short_id) if one is not pending)
        if others:
            self._by_short_id[short_id] = others
        waiting = self._by_sender[pending.transaction.sender]
        del waiting[pending.transaction.nonce]
        if not waiting:
            del self._by_sender[pending.transaction.sender]
        self.size_bytes -= pending.size_bytes
