"""A block put together from its compact form, in which each transaction is named by a short id.

Pure. What comes out is bound to the header: its certificate and its transactions are those that
the header names.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from consensus.block import MAX_BLOCK_BYTES, Block, Body
from consensus.compact import CompactBlock, block_bytes, short_transaction_id
from consensus.errors import InvalidBlock
from consensus.headers import check_certificate_bound, names_transactions
from consensus.transaction import EncodedTransaction, decode_transaction, transaction_id
from node.candidate import Candidate

# The one known transaction of a short id; None if there is none, or more than one.
Find: TypeAlias = Callable[[bytes], EncodedTransaction | None]


class Puzzle:
    """A compact block and what is known of its transactions."""

    def __init__(self, compact: CompactBlock, find: Find) -> None:
        """Raises InvalidEncoding or InvalidBlock for what no node would send on."""
        check_certificate_bound(compact.header, compact.certificate)
        self._compact = compact
        self._short_ids = compact.split_ids()
        self._parts = [find(short_id) for short_id in self._short_ids]

    def __len__(self) -> int:
        """How many transactions the block has."""
        return len(self._parts)

    @property
    def missing(self) -> tuple[int, ...]:
        """The places of the transactions that are not known."""
        return tuple(place for place, part in enumerate(self._parts) if part is None)

    def fill(self, places: Sequence[int], transactions: Sequence[bytes]) -> None:
        """Put encoded transactions in the first of these places.

        Raises InvalidBlock or InvalidEncoding for what the compact block does not name there.
        """
        if len(transactions) > len(places):
            raise InvalidBlock("more transactions than were asked for", code="body-mismatch")
        for place, data in zip(places, transactions, strict=False):
            identity = transaction_id(data)
            if short_transaction_id(identity) != self._short_ids[place]:
                raise InvalidBlock(
                    f"transaction {place} is not the one announced", code="body-mismatch"
                )
            self._parts[place] = EncodedTransaction(identity, decode_transaction(data), data)

    def solve(self) -> Candidate | None:
        """The block; None if a transaction is missing, or is another one of the same short id.

        Raises InvalidBlock if it is larger than any that goes round.
        """
        parts = tuple(part for part in self._parts if part is not None)
        header = self._compact.header
        complete = len(parts) == len(self._parts)
        if not complete or not names_transactions(header, [part.id for part in parts]):
            return None
        encoded = tuple(part.data for part in parts)
        if sum(map(len, encoded)) > MAX_BLOCK_BYTES:  # it may name one transaction many times
            raise InvalidBlock(f"its transactions exceed {MAX_BLOCK_BYTES} bytes", code="too-large")
        body = Body(self._compact.certificate, tuple(part.transaction for part in parts))
        block = Block(header, self._compact.signature, body)
        return Candidate(header.id(), block, block_bytes(self._compact, encoded), parts)
