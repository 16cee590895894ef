"""What the chain keeps of a final block's run: receipts and events, under the header's roots."""

from collections.abc import Sequence
from typing import Annotated

from consensus.block import MAX_BLOCK_TRANSACTIONS
from consensus.codec import array_head, encode
from consensus.record import AtMost, Record, record
from vm.receipt import Event, Receipt

MAX_EVENTS = 16 * MAX_BLOCK_TRANSACTIONS


@record("block-results")
class BlockResults(Record):
    """Receipts in the order of the block's transactions, and its events in order."""

    receipts: Annotated[tuple[Receipt, ...], AtMost(MAX_BLOCK_TRANSACTIONS)]
    events: Annotated[tuple[Event, ...], AtMost(MAX_EVENTS)]


_HEAD = (
    array_head(2 + len(BlockResults.fields))
    + encode(BlockResults.tag)
    + encode(BlockResults.version)
)


def encode_results(receipts: Sequence[bytes], events: Sequence[bytes]) -> bytes:
    """The encoding of the BlockResults of these encoded receipts and events."""
    parts = (_HEAD, array_head(len(receipts)), *receipts, array_head(len(events)), *events)
    return b"".join(parts)


NO_RESULTS = encode_results((), ())  # of an empty block
