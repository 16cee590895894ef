"""Closing auctions: the pool is paid, and what was put into bids that lost goes back by itself, in
bounded batches."""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.auctions.bidding import give_back
from vm.modules.auctions.tables import (
    AGENDA,
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    GIVEN,
    SLOTS,
    Auction,
    auction_row,
    auctions,
)
from vm.modules.tokens import drain_pot, fill_pot
from vm.view import View

AUCTIONS_A_BLOCK = 16
RETURNED_A_BLOCK = 16  # for each of them


@auctions.event
@record("auctions.ended")
class Ended(Record):
    """An auction is closed: who has won it for how much; null: nobody has bid."""

    auction: Counter
    winner: AccountId | None
    paid: Amount


@auctions.begin_block
def close_due(context: Context) -> None:
    """Close the auctions whose time has come, and give back what was put into bids that lost: a
    bounded number a block (W6)."""
    state, now_ms = context.state, context.block.time_ms
    for _, number in AGENDA.take(state, now_ms, limit=AUCTIONS_A_BLOCK):
        row = auction_row(state, number)
        if not row.is_closed:
            _close(context, number, row)
        bidder = _losing(state, number, row)
        if bidder is not None:
            for (*_, giver), given in list(
                GIVEN.scan(state, number, bidder, limit=RETURNED_A_BLOCK)
            ):
                give_back(context, number, bidder, giver, given.units)
        if _losing(state, number, row) is not None:
            AGENDA.add(state, now_ms, number)


def _close(context: Context, number: int, row: Auction) -> None:
    state, asset = context.state, row.terms.asset
    if row.leader is None:
        SLOTS.delete(state, row.terms.place, row.terms.shows_until_ms)
    else:
        drain_pot(state, ESCROW_POT, asset, row.top)
        fill_pot(state, row.terms.pot, asset, row.top)
    AUCTIONS.put(state, replace(row, is_closed=True), number)
    context.emit(Ended(number, row.leader, row.top))


def _losing(view: View, number: int, row: Auction) -> bytes | None:
    """The first who has bid and not won."""
    bidders = [bidder for (_, bidder), _ in BIDS.scan(view, number, limit=2)]
    return next((bidder for bidder in bidders if bidder != row.leader), None)
