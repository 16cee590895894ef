"""Endpoints about the community's economy: its days, the platform's revenue, and rewards."""

from starlette.responses import Response

from consensus.kinds import JSON_INTEGER_MAX
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, integer, limit
from node.query import economy_queries, state_queries
from node.query.economy_answers import (
    AccountRebateAnswer,
    EconomyAnswer,
    RebateAnswer,
    RevenueAnswer,
)

ACCOUNTS_LIMIT = limit(100)
FROM_DAY = integer("from_day", "Only accounts of this day and later ones.", 0, JSON_INTEGER_MAX, 0)


async def _economy(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return await call.node.in_thread(lambda: json_response(economy_queries.economy(view)))


async def _revenue(call: Call) -> Response:
    return await paged(call, ACCOUNTS_LIMIT, economy_queries.revenue, call.value(FROM_DAY))


async def _rebate(call: Call) -> Response:
    return json_response(economy_queries.rebate(call.node.view(call.value(FINALITY))))


async def _account_rebate(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    account = state_queries.account_of(view, call.value(ACCOUNT))
    return json_response(economy_queries.account_rebate(view, account))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/economy",
        "getEconomy",
        "The community's day, what circulates of each asset, and how far reserves are released.",
        _economy,
        json_answer(EconomyAnswer),
        params=(FINALITY,),
    ),
    Endpoint(
        "GET",
        "/v1/revenue",
        "listRevenue",
        "What the platform took each day, by asset and source, and what became of it.",
        _revenue,
        json_answer(RevenueAnswer),
        params=(FINALITY, FROM_DAY, ACCOUNTS_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/rebate",
        "getRebate",
        "How consumption is rewarded, and what was consumed today.",
        _rebate,
        json_answer(RebateAnswer),
        params=(FINALITY,),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/rebate",
        "getAccountRebate",
        "What an account has consumed, what it is due for that, and what it has got.",
        _account_rebate,
        json_answer(AccountRebateAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
)
