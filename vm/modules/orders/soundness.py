"""What must hold between the rows of the module `orders`."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator

from vm.modules.orders.listing import share_units
from vm.modules.orders.tables import (
    BATCHES,
    ESCROW_POT,
    GATHERED,
    LIST_AGENDA,
    LISTINGS,
    OPEN,
    ORDER_AGENDA,
    ORDERS,
    PAID,
    PAYABLE_POT,
    SHARES,
    TERMS,
    UNPAID,
    USER,
    ShareRow,
    orders,
)
from vm.modules.tokens import POTS
from vm.view import View


def _held(view: View, pot: str) -> dict[str, int]:
    return {asset: row.amount for (name, asset), row in POTS.every(view) if name == pot}


@orders.invariant
def fees_are_kept(view: View) -> Iterator[str]:
    """The pot holds the fees of the orders that are not paid, which are listed by when they are
    closed."""
    fees: Tally[str] = Tally()
    waiting = {n: row for (n,), row in ORDERS.every(view) if row.status != PAID}
    for row in waiting.values():
        fees[row.asset] += row.fee
    if _held(view, ESCROW_POT) != fees:
        yield f"the pot {ESCROW_POT} holds {_held(view, ESCROW_POT)}, orders paid {dict(fees)}"
    yield from ORDER_AGENDA.disagreements(view, {(r.until_ms, n) for n, r in waiting.items()})


@orders.invariant
def shares_are_kept(view: View) -> Iterator[str]:
    """The pot holds what is still to be paid to who is listed; the scores of a list are those of
    its entries, and what it shares is the whole of what its order pays."""
    entries: dict[int, list[ShareRow]] = defaultdict(list)
    for (number, _), row in SHARES.every(view):
        entries[number].append(row)
    terms, owed = TERMS.get(view), 0
    for (number,), listing in LISTINGS.every(view):
        rows = entries.get(number, [])
        users = sum(row.score for row in rows if row.role == USER)
        if (len(rows), users) != (listing.entries, listing.user_score):
            yield f"list {number} has other entries than it says"
        if sum(row.score for row in rows) != users + listing.leader_score:
            yield f"list {number} has other scores of leaders than it says"
        owed += sum(share_units(listing, row) for row in rows[listing.paid :])
    held = _held(view, PAYABLE_POT)
    if held != ({terms.asset: owed} if terms is not None and owed else {}):
        yield f"the pot {PAYABLE_POT} holds {held}, {owed} are still to be paid"


@orders.invariant
def lists_are_gone_through(view: View) -> Iterator[str]:
    """Lists of orders that are paid and have entries to pay, and entries of lists that are dropped,
    are listed to be gone through."""
    known = {number: row for (number,), row in LISTINGS.every(view)}
    dropped = {number for (number, _), _ in SHARES.every(view)} - set(known)
    paying = {n for n, row in known.items() if row.user_units + row.leader_units}
    wanted = dropped | {n for n in paying if known[n].paid < known[n].entries}
    listed = [(at, n) for (at, n), _ in UNPAID.every(view)]
    if not wanted <= {n for _, n in listed}:
        yield f"lists {sorted(wanted)} are to be gone through, {listed} are listed"
    yield from LIST_AGENDA.disagreements(view, set(listed))
    named = {row.listing for _, row in ORDERS.every(view)} - {None}
    if named != set(known):
        yield "the lists are not those of the orders"


@orders.invariant
def batches_hold_their_orders(view: View) -> Iterator[str]:
    """An open batch has the orders that say so, and its fees are theirs."""
    gathered: dict[int, set[int]] = defaultdict(set)
    fees: Tally[int] = Tally()
    for (number,), row in ORDERS.every(view):
        if row.status == GATHERED and row.batch is not None:
            gathered[row.batch].add(number)
            fees[row.batch] += row.fee
    batches = {n: row for (n,), row in BATCHES.every(view) if row.status == OPEN}
    if {n: set(row.orders) for n, row in batches.items()} != gathered:
        yield "the open batches are not those of the orders"
    if {n: row.fees for n, row in batches.items()} != fees:
        yield "the fees of open batches are not those of their orders"
