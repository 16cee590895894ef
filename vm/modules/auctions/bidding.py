"""Bidding, with one's own units and with others' donations.

What is put into the leading bid stays there; out of any other it can be taken back at any time, and
comes back by itself when the auction is closed. So who is outbid has nothing to wait for, and
nobody leads by units that can vanish.
"""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.auctions.tables import (
    AGENDA,
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    GIVEN,
    IS_CLOSED,
    Auction,
    BidRow,
    Given,
    auction_row,
    auctions,
)
from vm.modules.tokens import PositiveAmount, credit, debit, drain_pot, fill_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

TOO_LOW = auctions.error("too-low", "The bid does not top the one that leads.")
NO_BID = auctions.error("no-bid", "The account that is donated to has not bid.")
NOTHING_GIVEN = auctions.error("nothing-given", "The sender has put nothing into this bid.")
LEADS = auctions.error("leads", "What is in the leading bid stays there.")


@auctions.event
@record("auctions.raised")
class Raised(Record):
    """An account has put units into a bid, which is so much by now, and leads or not."""

    auction: Counter
    bidder: AccountId
    giver: AccountId
    units: Amount
    total: Amount
    leads: bool


@auctions.event
@record("auctions.returned")
class Returned(Record):
    """An account has again what it had put into a bid: it has taken it back, or the bid has
    lost."""

    auction: Counter
    bidder: AccountId
    giver: AccountId
    units: Amount


@auctions.action(gas=5_000)
@record("auctions.bid")
class Bid(Action):
    """Put so many units more into one's own bid, which must lead then (W6): it tops the bid that
    leads by its step, rounded up, and by a unit at least; the first is no less than the reserve."""

    auction: Counter
    units: PositiveAmount

    def apply(self, context: Context) -> None:
        row, sender = _open_auction(context.state, self.auction), context.sender
        total = total_of(context.state, self.auction, sender) + self.units
        least = needed(row, sender)
        if total < least:
            raise TOO_LOW.failed(f"{total} in all; {least} are needed", field="units")
        _put_in(context, self.auction, sender, self.units)


@auctions.action(gas=5_000)
@record("auctions.donate")
class Donate(Action):
    """Put units into another account's bid, which leads then if it tops the one that did (W6)."""

    auction: Counter
    bidder: AccountId
    units: PositiveAmount

    def apply(self, context: Context) -> None:
        _open_auction(context.state, self.auction)
        if BIDS.get(context.state, self.auction, self.bidder) is None:
            raise NO_BID.failed(field="bidder")
        _put_in(context, self.auction, self.bidder, self.units)


@auctions.action(gas=4_000)
@record("auctions.take_back")
class TakeBack(Action):
    """Take back all that the sender has put into a bid which does not lead (W6). After the close
    it comes back by itself."""

    auction: Counter
    bidder: AccountId

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = _open_auction(state, self.auction)
        given = GIVEN.get(state, self.auction, self.bidder, sender)
        if given is None:
            raise NOTHING_GIVEN.failed(field="bidder")
        if row.leader == self.bidder:
            raise LEADS.failed(field="bidder")
        give_back(context, self.auction, self.bidder, sender, given.units)


def give_back(context: Context, number: int, bidder: bytes, giver: bytes, units: int) -> None:
    """Let an account have what it has put into a bid, which is all it has put into it."""
    state, asset = context.state, auction_row(context.state, number).terms.asset
    drain_pot(state, ESCROW_POT, asset, units)
    credit(state, giver, asset, units)
    GIVEN.delete(state, number, bidder, giver)
    left = total_of(state, number, bidder) - units
    if left:
        BIDS.put(state, BidRow(left), number, bidder)
    else:
        BIDS.delete(state, number, bidder)
    context.emit(Returned(number, bidder, giver, units))


def total_of(view: View, auction: int, bidder: bytes) -> int:
    """All that is bid for an account."""
    row = BIDS.get(view, auction, bidder)
    return 0 if row is None else row.total


def needed(auction: Auction, bidder: bytes) -> int:
    """The least total by which this account leads."""
    if auction.leader is None:
        return auction.terms.reserve
    if auction.leader == bidder:
        return auction.top + 1
    step = -(-auction.top * auction.terms.step_ppm // PARTS_PER_MILLION)
    return auction.top + max(step, 1)


def _open_auction(view: View, number: int) -> Auction:
    row = auction_row(view, number)
    if row.is_closed:
        raise IS_CLOSED.failed(field="auction")
    return row


def _put_in(context: Context, number: int, bidder: bytes, units: int) -> None:
    state, row = context.state, auction_row(context.state, number)
    debit(state, context.sender, row.terms.asset, units, field="units")
    fill_pot(state, ESCROW_POT, row.terms.asset, units)
    before = GIVEN.get(state, number, bidder, context.sender)
    given = units if before is None else before.units + units
    GIVEN.put(state, Given(given), number, bidder, context.sender)
    total = total_of(state, number, bidder) + units
    BIDS.put(state, BidRow(total), number, bidder)
    leads = total >= needed(row, bidder)
    if leads:
        _lead(context, number, row, bidder, total)
    context.emit(Raised(number, bidder, context.sender, units, total, leads))


def _lead(context: Context, number: int, row: Auction, bidder: bytes, total: int) -> None:
    state, terms = context.state, row.terms
    put_off = min(context.block.time_ms + 1000 * terms.extension_s, terms.hard_close_ms)
    if row.leader != bidder and put_off > terms.closes_ms:
        AGENDA.remove(state, terms.closes_ms, number)
        AGENDA.add(state, put_off, number)
        terms = replace(terms, closes_ms=put_off)
    AUCTIONS.put(state, replace(row, terms=terms, leader=bidder, top=total), number)
