"""Endpoints about the order book: pairs, prices, trades, and the open orders of accounts."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged_of_account
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, PAIR, limit
from node.query import market_queries
from node.query.market_answers import (
    BookAnswer,
    OrdersAnswer,
    PairsAnswer,
    PriceAnswer,
    TradesAnswer,
)
from vm.modules.market import TRADES_KEPT

ORDERS_LIMIT = limit(100)
LEVELS_LIMIT = limit(20)
TRADES_LIMIT = limit(50, TRADES_KEPT)


async def _pairs(call: Call) -> Response:
    return json_response(market_queries.pairs(call.node.view(call.value(FINALITY))))


async def _book(call: Call) -> Response:
    view, pair = call.node.view(call.value(FINALITY)), call.value(PAIR)
    size = call.value(LEVELS_LIMIT)
    return await call.node.in_thread(lambda: json_response(market_queries.book(view, *pair, size)))


async def _trades(call: Call) -> Response:
    view, pair = call.node.view(call.value(FINALITY)), call.value(PAIR)
    size = call.value(TRADES_LIMIT)
    return await call.node.in_thread(
        lambda: json_response(market_queries.trades(view, *pair, size))
    )


async def _price(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(market_queries.price(view, *call.value(PAIR)))


async def _orders(call: Call) -> Response:
    return await paged_of_account(call, ORDERS_LIMIT, market_queries.orders)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/market",
        "listPairs",
        "The assets that are traded for each other, and their reference prices.",
        _pairs,
        json_answer(PairsAnswer),
        params=(FINALITY,),
    ),
    Endpoint(
        "GET",
        "/v1/market/{pair}/book",
        "getBook",
        "The best prices at which an asset is bought and sold, and how much of it.",
        _book,
        json_answer(BookAnswer),
        params=(PAIR, FINALITY, LEVELS_LIMIT),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/market/{pair}/trades",
        "listTrades",
        "The newest trades of a pair.",
        _trades,
        json_answer(TradesAnswer),
        params=(PAIR, FINALITY, TRADES_LIMIT),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/market/{pair}/price",
        "getPrice",
        "A pair's reference price, the seven days that it follows from, and what is traded today.",
        _price,
        json_answer(PriceAnswer),
        params=(PAIR, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/orders",
        "listOrders",
        "The open orders of an account.",
        _orders,
        json_answer(OrdersAnswer),
        params=(ACCOUNT, FINALITY, ORDERS_LIMIT, CURSOR),
        problems=(404,),
    ),
)
