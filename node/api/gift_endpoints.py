"""Endpoints about gifts: the catalogue, and who gave what to whom."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import CURSOR, FINALITY, GIFT, limit
from node.query import gift_queries
from node.query.gift_answers import GiftAnswer, GiftsAnswer, GivingsAnswer
from vm.modules.gifts import GIVINGS_KEPT

GIFTS_LIMIT = limit(100)
GIVINGS_LIMIT = limit(50, GIVINGS_KEPT)


async def _gifts(call: Call) -> Response:
    return await paged(call, GIFTS_LIMIT, gift_queries.gifts)


async def _gift(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(gift_queries.gift(view, call.value(GIFT)))


async def _givings(call: Call) -> Response:
    view, size = call.node.view(call.value(FINALITY)), call.value(GIVINGS_LIMIT)
    return await call.node.in_thread(lambda: json_response(gift_queries.givings(view, size)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/gifts",
        "listGifts",
        "The catalogue of gifts: prices, animations, and what the receiver gets.",
        _gifts,
        json_answer(GiftsAnswer),
        params=(FINALITY, GIFTS_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/gifts/{gift}",
        "getGift",
        "A gift of the catalogue.",
        _gift,
        json_answer(GiftAnswer),
        params=(GIFT, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/givings",
        "listGivings",
        "Who gave which gift to whom, the newest first.",
        _givings,
        json_answer(GivingsAnswer),
        params=(FINALITY, GIVINGS_LIMIT),
    ),
)
