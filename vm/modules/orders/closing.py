"""How orders end without being paid: the fee goes back to the client, and the list is removed."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Text
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.orders.tables import (
    BATCHES,
    ESCROW_POT,
    LIST_AGENDA,
    LISTED,
    LISTINGS,
    ORDER_AGENDA,
    ORDERS,
    Batch,
    Order,
    order_row,
    orders,
)
from vm.modules.tokens import credit, drain_pot

CLOSED_A_BLOCK = 8
CANCELLED, TIMED_OUT, REFUSED, NOTHING_DUE = "cancelled", "timed-out", "refused", "nothing-due"


@orders.event
@record("orders.closed")
class Closed(Record):
    """An order is no more, and its client has its fee back: the client took it back, it was not
    approved in time, its batch was refused, or nothing would have been paid for it."""

    order: Counter
    client: AccountId
    asset: Asset
    fee: Amount
    why: Annotated[str, Text(16, 1)]


@orders.event
@record("orders.dissolved")
class Dissolved(Record):
    """A batch is no more; those of its orders that were not closed can be gathered anew."""

    batch: Counter


def close_order(context: Context, number: int, row: Order, why: str) -> None:
    """Give a fee that is in escrow back, and remove the order; the batch that it may be in is the
    caller's to dissolve."""
    state = context.state
    drain_pot(state, ESCROW_POT, row.asset, row.fee)
    credit(state, row.client, row.asset, row.fee)
    ORDER_AGENDA.remove(state, row.until_ms, number)
    if row.listing is not None:
        drop_listing(context, row.listing)
    ORDERS.delete(state, number)
    context.emit(Closed(number, row.client, row.asset, row.fee, why))


def drop_listing(context: Context, listing: int) -> None:
    """Remove a list, its entries in the blocks that follow."""
    LISTINGS.delete(context.state, listing)
    LIST_AGENDA.add(context.state, context.block.time_ms, listing)


def dissolve(context: Context, number: int, batch: Batch) -> None:
    """Let the orders of a batch be gathered anew."""
    state = context.state
    for order in batch.orders:
        row = order_row(state, order)
        ORDERS.put(state, replace(row, status=LISTED, batch=None), order)
    BATCHES.delete(state, number)
    context.emit(Dissolved(number))


@orders.begin_block
def close_due(context: Context) -> None:
    """Close orders that were not approved in time, a bounded number a block."""
    state = context.state
    for _, number in ORDER_AGENDA.take(state, context.block.time_ms, limit=CLOSED_A_BLOCK):
        row = order_row(state, number)
        batch = None if row.batch is None else BATCHES.get(state, row.batch)
        if row.batch is not None and batch is not None:
            dissolve(context, row.batch, batch)
        close_order(context, number, row, TIMED_OUT)
