"""Answers about auctions of advertising slots, offers and vouchers. Any thread may call."""

from collections.abc import Callable
from typing import cast

from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.shop_answers import (
    OPEN,
    OVER,
    SHOWING,
    SOLD,
    UNSOLD,
    AuctionAnswer,
    AuctionItem,
    AuctionsAnswer,
    BidsAnswer,
    GivenItem,
    OfferAnswer,
    OfferItem,
    OffersAnswer,
    VoucherAnswer,
    VoucherItem,
    VouchersAnswer,
)
from node.query.state_queries import scan
from vm.modules.auctions import (
    AUCTIONS,
    GIVEN,
    SLOTS,
    UNKNOWN_AUCTION,
    Auction,
    Given,
    Slot,
    auction_row,
    needed,
    total_of,
)
from vm.modules.redemption import (
    HELD,
    ISSUED,
    OFFERS,
    UNKNOWN_OFFER,
    UNKNOWN_VOUCHER,
    VOUCHERS,
    Offer,
    Voucher,
    offer_row,
    price_now,
    voucher_row,
)

AHEAD = (OPEN, SOLD, SHOWING)


def state_of(auction: Auction, now_ms: int) -> str:
    """How it is with an auction (AuctionItem)."""
    if not auction.is_closed:
        return OPEN
    if auction.leader is None:
        return UNSOLD
    if now_ms < auction.terms.shows_from_ms:
        return SOLD
    return SHOWING if now_ms < auction.terms.shows_until_ms else OVER


def auctions(
    view: ChainView, place: str | None, *, past: bool, limit: int, cursor: str | None
) -> AuctionsAnswer:
    """The auctions, of this place if one is named, and also those whose slot is over or that
    nobody bid in if `past`; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, AUCTIONS.prefix(), limit, cursor)
    items = (
        _auction_item(view, cast(int, AUCTIONS.key_parts(key)[0]), Auction.decode(value))
        for key, value in found
    )
    wanted = tuple(
        item
        for item in items
        if place in (None, item.row.terms.place) and (past or item.state in AHEAD)
    )
    return AuctionsAnswer(wanted, following, place_of(view.block))


def auction(view: ChainView, number: int) -> AuctionAnswer:
    """An auction; raises NotFound."""
    row = AUCTIONS.get(view.state, number)
    if row is None:
        raise NotFound(f"there is no auction {number}", field="auction", code=UNKNOWN_AUCTION.code)
    return AuctionAnswer(_auction_item(view, number, row), place_of(view.block))


def bids(view: ChainView, number: int, limit: int, cursor: str | None) -> BidsAnswer:
    """Who has put how much into which bid; raises NotFound, InvalidEncoding (`cursor`)."""
    auction(view, number)
    found, following = scan(view, GIVEN.prefix(number), limit, cursor)
    items: list[GivenItem] = []
    for key, value in found:
        _, bidder, giver = cast(tuple[int, bytes, bytes], GIVEN.key_parts(key))
        total = total_of(view.state, number, bidder)
        items.append(GivenItem(bidder, total, giver, Given.decode(value).units))
    return BidsAnswer(tuple(items), following, place_of(view.block))


def slots(view: ChainView, place: str | None, limit: int, cursor: str | None) -> AuctionsAnswer:
    """The slots of a place, or of all, that are not over, by place and end; raises InvalidEncoding
    (`cursor`)."""
    now_ms = view.time_ms
    prefix = SLOTS.prefix() if place is None else SLOTS.prefix(place)
    first = None if place is None else SLOTS.state_key(place, now_ms + 1)
    found, following = scan(view, prefix, limit, cursor, first)
    numbers = [Slot.decode(value).auction for _, value in found]
    items = (_auction_item(view, n, auction_row(view.state, n)) for n in numbers)
    ahead = tuple(item for item in items if item.row.terms.shows_until_ms > now_ms)
    return AuctionsAnswer(ahead, following, place_of(view.block))


def offers(
    view: ChainView, is_wanted: Callable[[Offer], bool], limit: int, cursor: str | None
) -> OffersAnswer:
    """The offers that are wanted; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, OFFERS.prefix(), limit, cursor)
    items = tuple(
        _offer_item(view, cast(int, OFFERS.key_parts(key)[0]))
        for key, value in found
        if is_wanted(Offer.decode(value))
    )
    return OffersAnswer(items, following, place_of(view.block))


def offer(view: ChainView, number: int) -> OfferAnswer:
    """An offer; raises NotFound."""
    _check_offer(view, number)
    return OfferAnswer(_offer_item(view, number), place_of(view.block))


def vouchers_held(
    view: ChainView, account: bytes, limit: int, cursor: str | None
) -> VouchersAnswer:
    """The vouchers that an account holds; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, HELD.prefix(account), limit, cursor)
    numbers = [cast(int, HELD.key_parts(key)[1]) for key, _ in found]
    return _vouchers(view, numbers, following)


def vouchers_issued(view: ChainView, number: int, limit: int, cursor: str | None) -> VouchersAnswer:
    """The vouchers of an offer; raises NotFound, InvalidEncoding (`cursor`)."""
    _check_offer(view, number)
    found, following = scan(view, ISSUED.prefix(number), limit, cursor)
    numbers = [cast(int, ISSUED.key_parts(key)[1]) for key, _ in found]
    return _vouchers(view, numbers, following)


def voucher(view: ChainView, number: int) -> VoucherAnswer:
    """A voucher; raises NotFound."""
    row = VOUCHERS.get(view.state, number)
    if row is None:
        raise NotFound(UNKNOWN_VOUCHER.sentence, field="voucher", code=UNKNOWN_VOUCHER.code)
    return VoucherAnswer(_voucher_item(view, number, row), place_of(view.block))


def _auction_item(view: ChainView, number: int, row: Auction) -> AuctionItem:
    least = None if row.is_closed else needed(row, b"")
    return AuctionItem(number, state_of(row, view.time_ms), least, row)


def _check_offer(view: ChainView, number: int) -> None:
    if OFFERS.get(view.state, number) is None:
        raise NotFound(f"there is no offer {number}", field="offer", code=UNKNOWN_OFFER.code)


def _offer_item(view: ChainView, number: int) -> OfferItem:
    return OfferItem(number, price_now(view.state, number), offer_row(view.state, number))


def _vouchers(view: ChainView, numbers: list[int], following: str | None) -> VouchersAnswer:
    items = tuple(_voucher_item(view, n, voucher_row(view.state, n)) for n in numbers)
    return VouchersAnswer(items, following, place_of(view.block))


def _voucher_item(view: ChainView, number: int, row: Voucher) -> VoucherItem:
    return VoucherItem(number, row, _offer_item(view, row.offer))
