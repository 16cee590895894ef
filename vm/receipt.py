"""What a block leaves behind of its transactions: receipts and events."""

from typing import Annotated

from consensus.kinds import Amount, Counter, Digest, Text
from consensus.record import Record, record
from consensus.transaction import TaggedWire

OK = "ok"
Status = Annotated[str, Text(96, 1, r"[a-z0-9_.-]+")]


@record("receipt")
class Receipt(Record):
    """The outcome of a transaction: `status` is "ok" or the code of the error that stopped it
    at `failed_action`; its events are `event_count` of the block's from `first_event` on."""

    transaction: Digest
    status: Status
    failed_action: Counter | None
    gas: Counter
    fee: Amount
    first_event: Counter
    event_count: Counter


@record("event")
class Event(Record):
    """Something that happened in a block: `data` is an event record of its module, and
    `transaction` the place of its transaction in the block (null: the block itself)."""

    transaction: Counter | None
    data: TaggedWire
