"""Answers about blocks and transactions. The calls may run in a thread."""

import re

from consensus.cid import Cid, parse_cid
from consensus.errors import Invalid, InvalidEncoding
from consensus.transaction import EncodedTransaction
from node.clock import SlotClock
from node.events import place_of
from node.query.answers import (
    FINAL,
    INCLUDED,
    PENDING,
    BlockAnswer,
    BlocksAnswer,
    BlockSummary,
    TransactionAnswer,
    TransactionsAnswer,
)
from node.query.block_reader import BlockReader, ReadBlock
from node.query.chain_view import ChainView, NotFound, Pruned
from node.query.cursor import make_cursor, read_number_cursor
from vm.forms import event_to_json, transaction_to_json

# A page ends early rather than decode more than this, beside its first item.
MAX_PAGE_BYTES = 4 * 1024 * 1024


def parse_block_name(text: str) -> int | Cid:
    """A block as people name it: by height or by id. Raises InvalidEncoding."""
    if re.fullmatch("0|[1-9][0-9]{0,14}", text, re.ASCII):
        return int(text)
    try:
        return parse_cid(text)
    except Invalid as error:
        raise InvalidEncoding(f"a block is named by its height or its id; {error}") from None


class BlockQueries:
    """Reads blocks and transactions in views of one chain."""

    def __init__(self, clock: SlotClock) -> None:
        self._clock = clock
        self._reader = BlockReader()

    def height_of(self, view: ChainView, name: int | Cid) -> int:
        """The height of a block of the view; raises NotFound."""
        height = view.height_of(name) if isinstance(name, Cid) else name
        if height is None:
            raise NotFound(
                f"no block {name} is on the chain up to height {view.block.height}"
                f"{_unless_pruned(view)}"
            )
        return height

    def read(self, view: ChainView, name: int | Cid) -> ReadBlock:
        """A block; raises NotFound, or Pruned for an old one."""
        return self._reader.read(view, self.height_of(view, name))

    def summary(self, view: ChainView, block: ReadBlock) -> BlockSummary:
        """A block in short."""
        header = block.header
        return BlockSummary(
            id=block.id,
            parent=header.parent,
            height=header.height,
            slot=header.slot,
            time_ms=self._clock.start_ms(header.slot),
            producer=header.producer,
            transactions=len(block.transaction_ids),
            size_bytes=len(block.raw),
            state=FINAL if view.is_final(header.height) else INCLUDED,
        )

    def block(self, view: ChainView, name: int | Cid) -> BlockAnswer:
        """A block with its header and the ids of its transactions; raises as `read` does."""
        block = self.read(view, name)
        return BlockAnswer(
            summary=self.summary(view, block),
            header=block.header,
            signature=block.signature,
            certificate=block.body.certificate,
            transaction_ids=block.transaction_ids,
        )

    def blocks(self, view: ChainView, limit: int, cursor: str | None) -> BlocksAnswer:
        """Blocks from the newest down to the first that is kept; raises InvalidEncoding for a bad
        cursor."""
        last = read_number_cursor("blocks", cursor)
        height = view.block.height if last is None else min(last - 1, view.block.height)
        items: list[BlockSummary] = []
        first, size = view.first_height, 0
        while height >= first and len(items) < limit and size < MAX_PAGE_BYTES:
            try:
                block = self._reader.read(view, height)
            except Pruned:  # dropped meanwhile
                first = height + 1
                break
            items.append(self.summary(view, block))
            size += len(block.raw)
            height -= 1
        following = make_cursor("blocks", height + 1) if height >= first else None
        return BlocksAnswer(tuple(items), following, place_of(view.block))

    def block_transactions(
        self, view: ChainView, name: int | Cid, limit: int, cursor: str | None
    ) -> TransactionsAnswer:
        """A block's transactions in order; raises as `read` does, InvalidEncoding for the
        cursor."""
        block = self.read(view, name)
        listing = f"transactions of {block.id}"
        first = read_number_cursor(listing, cursor) or 0
        end = min(first + limit, len(block.transaction_ids))
        items = tuple(self._in_block(view, block, index) for index in range(first, end))
        following = make_cursor(listing, end) if end < len(block.transaction_ids) else None
        return TransactionsAnswer(items, following, place_of(view.block))

    def transaction(
        self, view: ChainView, transaction_id: bytes, pending: EncodedTransaction | None
    ) -> TransactionAnswer:
        """A transaction of the view, or `pending` (of this id) in the mempool; raises NotFound."""
        place = view.transaction(transaction_id)
        if place is not None:
            return self._in_block(view, self._reader.read(view, place[0]), place[1])
        if pending is not None:
            return _pending(pending)
        raise NotFound(
            f"transaction {transaction_id.hex()} is neither on the chain nor waiting at this node"
            f"{_unless_pruned(view)}"
        )

    def _in_block(self, view: ChainView, block: ReadBlock, index: int) -> TransactionAnswer:
        receipt = block.results.receipts[index]
        events = block.results.events[receipt.first_event :][: receipt.event_count]
        return TransactionAnswer(
            id=block.transaction_ids[index],
            state=FINAL if view.is_final(block.header.height) else INCLUDED,
            block=block.id,
            height=block.header.height,
            index=index,
            transaction=transaction_to_json(block.body.transactions[index]),
            receipt=receipt,
            events=tuple(event_to_json(event) for event in events),
        )


def _unless_pruned(view: ChainView) -> str:
    """What to add where an index has nothing: it has nothing of blocks that were dropped."""
    first = view.first_height
    return f", unless it is below height {first}, where this node's blocks begin" if first else ""


def _pending(pending: EncodedTransaction) -> TransactionAnswer:
    return TransactionAnswer(
        id=pending.id,
        state=PENDING,
        block=None,
        height=None,
        index=None,
        transaction=transaction_to_json(pending.transaction),
        receipt=None,
        events=(),
    )
