"""Endpoints about what is for sale: auctions of advertising slots, offers, and vouchers."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged, paged_of_account
from node.api.parameters import (
    ACCOUNT,
    AUCTION,
    AUCTION_PLACE,
    CURSOR,
    FINALITY,
    OFFER,
    OFFER_PROVIDER,
    OFFER_STATUS,
    PAST,
    VOUCHER,
    limit,
)
from node.query import shop_queries
from node.query.shop_answers import (
    AuctionAnswer,
    AuctionsAnswer,
    BidsAnswer,
    OfferAnswer,
    OffersAnswer,
    VoucherAnswer,
    VouchersAnswer,
)

LIMIT = limit(100)


async def _auctions(call: Call) -> Response:
    view, place = call.node.view(call.value(FINALITY)), call.value(AUCTION_PLACE)
    past, size, cursor = call.value(PAST), call.value(LIMIT), call.value(CURSOR)
    return await call.node.in_thread(
        lambda: json_response(
            shop_queries.auctions(view, place, past=past, limit=size, cursor=cursor)
        )
    )


async def _auction(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(shop_queries.auction(view, call.value(AUCTION)))


async def _bids(call: Call) -> Response:
    return await paged(call, LIMIT, shop_queries.bids, call.value(AUCTION))


async def _slots(call: Call) -> Response:
    return await paged(call, LIMIT, shop_queries.slots, call.value(AUCTION_PLACE))


async def _offers(call: Call) -> Response:
    view, status = call.node.view(call.value(FINALITY)), call.value(OFFER_STATUS)
    provider = call.value(OFFER_PROVIDER)
    size, cursor = call.value(LIMIT), call.value(CURSOR)
    return await call.node.in_thread(
        lambda: json_response(
            shop_queries.offers(
                view,
                lambda row: status in (None, row.status) and provider in (None, row.provider),
                size,
                cursor,
            )
        )
    )


async def _offer(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(shop_queries.offer(view, call.value(OFFER)))


async def _vouchers_issued(call: Call) -> Response:
    return await paged(call, LIMIT, shop_queries.vouchers_issued, call.value(OFFER))


async def _vouchers_held(call: Call) -> Response:
    return await paged_of_account(call, LIMIT, shop_queries.vouchers_held)


async def _voucher(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(shop_queries.voucher(view, call.value(VOUCHER)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/auctions",
        "listAuctions",
        "Auctions of advertising slots that are open, or whose slot is to show or showing.",
        _auctions,
        json_answer(AuctionsAnswer),
        params=(AUCTION_PLACE, PAST, FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/auctions/{auction}",
        "getAuction",
        "An auction: its terms, who leads or has won, and what the winner shows.",
        _auction,
        json_answer(AuctionAnswer),
        params=(AUCTION, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/auctions/{auction}/bids",
        "listBids",
        "Who has put how much into which bid of an auction.",
        _bids,
        json_answer(BidsAnswer),
        params=(AUCTION, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/slots",
        "listAuctionSlots",
        "What places show now, and their advertising slots ahead.",
        _slots,
        json_answer(AuctionsAnswer),
        params=(AUCTION_PLACE, FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/offers",
        "listOffers",
        "The catalogue of what the token buys, at the prices of now.",
        _offers,
        json_answer(OffersAnswer),
        params=(OFFER_STATUS, OFFER_PROVIDER, FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/offers/{offer}",
        "getOffer",
        "An offer: what it costs, how much is left, and what became of its vouchers.",
        _offer,
        json_answer(OfferAnswer),
        params=(OFFER, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/offers/{offer}/vouchers",
        "listOfferVouchers",
        "The vouchers of an offer that are good, or to be given back.",
        _vouchers_issued,
        json_answer(VouchersAnswer),
        params=(OFFER, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/vouchers",
        "listVouchers",
        "The vouchers that an account holds.",
        _vouchers_held,
        json_answer(VouchersAnswer),
        params=(ACCOUNT, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/vouchers/{voucher}",
        "getVoucher",
        "A voucher: what for, whose it is, and until when it is good.",
        _voucher,
        json_answer(VoucherAnswer),
        params=(VOUCHER, FINALITY),
        problems=(404,),
    ),
)
