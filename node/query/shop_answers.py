"""What a node answers about what is for sale: advertising slots, and what the token buys."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Text
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.auctions import Auction
from vm.modules.redemption import Offer, Voucher
from vm.modules.tokens import PositiveAmount

OPEN, UNSOLD, SOLD, SHOWING, OVER = "open", "unsold", "sold", "showing", "over"
AuctionState = Annotated[str, Text(8, 1, f"{OPEN}|{UNSOLD}|{SOLD}|{SHOWING}|{OVER}")]


@part
class AuctionItem(Record):
    """An auction and how it is with it: bids are taken (`open`), nobody bid (`unsold`), its slot is
    yet to show (`sold`), `showing`, or `over`; and while it is open the least total by which who
    does not lead gets the lead (W6)."""

    auction: Counter
    state: AuctionState
    needed: Amount | None
    row: Auction


@part
class AuctionAnswer(Record):
    """An auction."""

    item: AuctionItem
    at: Place


@part
class AuctionsAnswer(Record):
    """A page of auctions, by number, or of slots, by place and time. Those that were not asked for
    are left out: a page may be short, and another may follow."""

    items: Annotated[tuple[AuctionItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class GivenItem(Record):
    """What an account has put into a bid of its own or of another, and that bid in all."""

    bidder: AccountId
    total: PositiveAmount
    giver: AccountId
    units: PositiveAmount


@part
class BidsAnswer(Record):
    """A page of what is given to the bids of an auction, by bidder and giver."""

    items: Annotated[tuple[GivenItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class OfferItem(Record):
    """What a provider gives for the token, and what a voucher for it costs now: its price times the
    step that prices have reached (W3, W8)."""

    offer: Counter
    price_now: Amount
    row: Offer


@part
class OfferAnswer(Record):
    """An offer."""

    item: OfferItem
    at: Place


@part
class OffersAnswer(Record):
    """A page of the catalogue, by number. Those that were not asked for are left out: a page may be
    short, and another may follow."""

    items: Annotated[tuple[OfferItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class VoucherItem(Record):
    """A voucher, what for, and who honours it."""

    voucher: Counter
    row: Voucher
    of: OfferItem


@part
class VoucherAnswer(Record):
    """A voucher that is still good, or to be given back."""

    item: VoucherItem
    at: Place


@part
class VouchersAnswer(Record):
    """A page of vouchers, by number."""

    items: Annotated[tuple[VoucherItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
