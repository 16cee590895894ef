"""Lists of who did an order's task and who completed it, and how each gets its share.

An entry's share is what the scores up to it come to, less what those before it come to, each
rounded down: shares differ from the exact ones by less than a unit, and are the whole together.
"""

from typing import Annotated

from consensus.codec import Wire, encode
from consensus.hashing import sha256
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import AtMost, Record, part, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.orders.closing import drop_listing
from vm.modules.orders.tables import (
    ACCEPTED,
    LEADER,
    LIST_AGENDA,
    LISTED,
    LISTINGS,
    MOST_SHARES,
    NOT_THE_LEADER,
    NUMBERING,
    ORDERS,
    PAYABLE_POT,
    SHARES,
    USER,
    Listing,
    Order,
    Role,
    Score,
    ShareRow,
    numbering_of,
    order_row,
    orders,
    terms_row,
)
from vm.modules.tokens import credit, drain_pot
from vm.view import State, View

SHARES_AT_ONCE = 64
SHARE_GAS = 3_000  # written now, and paid or removed later
LISTS_A_BLOCK = 4
ENTRIES_A_BLOCK = 32  # of each of these lists

NOT_ACCEPTED = orders.error("not-accepted", "The order is not accepted, or gathered already.")
OUT_OF_TURN = orders.error("out-of-turn", "Entries are listed one after the other, from 0 on.")
TOO_MANY = orders.error("too-many", "The list would have too many entries.")
INCOMPLETE = orders.error("incomplete", "A complete list names a user and a leader at least.")


@part
class Share(Record):
    """Who did the task or completed it, and the score of that contribution."""

    account: AccountId
    role: Role
    score: Score


@orders.event
@record("orders.shared")
class Shared(Record):
    """An entry of an order's list has got its share."""

    order: Counter
    account: AccountId
    role: Role
    asset: Asset
    units: Amount


@orders.action(gas=10_000)
@record("orders.score")
class ScoreShares(Action):
    """As who leads the order, list who did the task and who completed it, with scores; `first` is
    how many are listed already, or 0 to begin a new list. A `complete` list can be gathered in a
    batch, and until then begun anew (K2)."""

    order: Counter
    first: Counter
    shares: Annotated[tuple[Share, ...], AtMost(SHARES_AT_ONCE, 1)]
    complete: bool

    def derived_gas(self, view: View) -> int:
        return SHARE_GAS * len(self.shares)

    def apply(self, context: Context) -> None:
        state, row = context.state, order_row(context.state, self.order)
        if row.leader != context.sender:
            raise NOT_THE_LEADER.failed(field="order")
        if row.status not in (ACCEPTED, LISTED):
            raise NOT_ACCEPTED.failed(f"it is {row.status}", field="order")
        number, listing = self._begun(context, row)
        if listing.entries + len(self.shares) > MOST_SHARES:
            raise TOO_MANY.failed(f"{MOST_SHARES} are listed at most", field="shares")
        for share in self.shares:
            listing = _enter(state, number, listing, share)
        if self.complete and not (listing.user_score and listing.leader_score):
            raise INCOMPLETE.failed(field="complete")
        LISTINGS.put(state, listing, number)
        status = LISTED if self.complete else ACCEPTED
        ORDERS.put(state, replace(row, listing=number, status=status), self.order)

    def _begun(self, context: Context, row: Order) -> tuple[int, Listing]:
        """The list that is gone on with, or a new one, and its number."""
        state = context.state
        listing = None if row.listing is None else LISTINGS.get(state, row.listing)
        if self.first:
            entries = 0 if listing is None else listing.entries
            if row.listing is None or listing is None or self.first != entries:
                raise OUT_OF_TURN.failed(f"{entries} are listed", field="first")
            return row.listing, listing
        if row.listing is not None:
            drop_listing(context, row.listing)
        numbering = numbering_of(state)
        NUMBERING.put(state, replace(numbering, listing=numbering.listing + 1))
        return numbering.listing, Listing(self.order, 0, 0, 0, bytes(32), 0, 0, 0)


def _enter(state: State, number: int, listing: Listing, share: Share) -> Listing:
    """Write the next entry; returns the list with it."""
    before = listing.user_score if share.role == USER else listing.leader_score
    row = ShareRow(share.account, share.role, share.score, before)
    SHARES.put(state, row, number, listing.entries)
    chained: list[Wire] = ["orders-list", 1, listing.digest, share.pack()]
    after = before + share.score
    return replace(
        listing,
        entries=listing.entries + 1,
        user_score=after if share.role == USER else listing.user_score,
        leader_score=after if share.role == LEADER else listing.leader_score,
        digest=sha256(encode(chained)),
    )


def share_units(listing: Listing, share: ShareRow) -> int:
    """What an entry of a list gets of what its order pays (K2)."""
    if share.role == USER:
        units, whole = listing.user_units, listing.user_score
    else:
        units, whole = listing.leader_units, listing.leader_score
    return units * (share.before + share.score) // whole - units * share.before // whole


@orders.begin_block
def go_through_lists(context: Context) -> None:
    """Pay the entries of orders that were approved, and remove those of lists that are dropped, a
    bounded number of lists and entries a block."""
    state, now_ms = context.state, context.block.time_ms
    for _, number in LIST_AGENDA.take(state, now_ms, limit=LISTS_A_BLOCK):
        listing = LISTINGS.get(state, number)
        more = _sweep(state, number) if listing is None else _pay(context, number, listing)
        if more:
            LIST_AGENDA.add(state, now_ms, number)


def _pay(context: Context, number: int, listing: Listing) -> bool:
    """Pay the next entries; whether there are more."""
    state, asset = context.state, terms_row(context.state).asset
    start = SHARES.state_key(number, listing.paid)
    paid = listing.paid
    for _, share in SHARES.scan(state, number, start=start, limit=ENTRIES_A_BLOCK):
        units = share_units(listing, share)
        drain_pot(state, PAYABLE_POT, asset, units)
        credit(state, share.account, asset, units)
        context.emit(Shared(listing.order, share.account, share.role, asset, units))
        paid += 1
    LISTINGS.put(state, replace(listing, paid=paid), number)
    return paid < listing.entries


def _sweep(state: State, number: int) -> bool:
    """Remove entries of a list that is dropped; whether there are more."""
    rows = [key for key, _ in SHARES.scan(state, number, limit=ENTRIES_A_BLOCK + 1)]
    for key in rows[:ENTRIES_A_BLOCK]:
        SHARES.delete(state, *key)
    return len(rows) > ENTRIES_A_BLOCK
