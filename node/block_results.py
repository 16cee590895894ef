"""What the chain keeps of a final block's run: receipts and events, under the header's roots."""

from typing import Annotated

from consensus.block import MAX_BLOCK_TRANSACTIONS
from consensus.record import AtMost, Record, record
from vm.receipt import Event, Receipt

MAX_EVENTS = 16 * MAX_BLOCK_TRANSACTIONS


@record("block-results")
class BlockResults(Record):
    """Receipts in the order of the block's transactions, and its events in order."""

    receipts: Annotated[tuple[Receipt, ...], AtMost(MAX_BLOCK_TRANSACTIONS)]
    events: Annotated[tuple[Event, ...], AtMost(MAX_EVENTS)]
