"""Endpoints about paid and private viewing: offers, purchases in escrow, and who has which keys."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged, paged_of_account
from node.api.parameters import ACCOUNT, CID, CURSOR, FINALITY, limit
from node.query import viewing_queries
from node.query.viewing_answers import AccessesAnswer, PurchasesAnswer, ViewingAnswer

VIEWING_LIMIT = limit(100)


async def _viewing(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(viewing_queries.viewing(view, call.value(CID)))


async def _purchases(call: Call) -> Response:
    return await paged(call, VIEWING_LIMIT, viewing_queries.purchases, call.value(CID))


async def _accesses(call: Call) -> Response:
    return await paged_of_account(call, VIEWING_LIMIT, viewing_queries.accesses)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/videos/{cid}/viewing",
        "getViewing",
        "How a video can be viewed: whether it is sealed, what its key costs, what was paid.",
        _viewing,
        json_answer(ViewingAnswer),
        params=(CID, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/videos/{cid}/purchases",
        "listPurchases",
        "The purchases of a video whose price is in escrow; those without a seller wait for the "
        "key.",
        _purchases,
        json_answer(PurchasesAnswer),
        params=(CID, FINALITY, VIEWING_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/viewing",
        "listAccesses",
        "The videos that an account has bought or was granted, with their sealed keys.",
        _accesses,
        json_answer(AccessesAnswer),
        params=(ACCOUNT, FINALITY, VIEWING_LIMIT, CURSOR),
        problems=(404,),
    ),
)
