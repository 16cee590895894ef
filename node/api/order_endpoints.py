"""Endpoints about service orders and the foundation's finances; their rows are in `/v1/tables`."""

from starlette.responses import Response

from consensus.kinds import JSON_INTEGER_MAX
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import FINALITY, integer, limit
from node.query import order_queries
from node.query.order_answers import OrderTermsAnswer, PeriodsAnswer

PERIODS_LIMIT = limit(100)
BEFORE = integer("before", "Only periods of lower numbers.", 0, JSON_INTEGER_MAX, JSON_INTEGER_MAX)


async def _terms(call: Call) -> Response:
    return json_response(order_queries.order_terms(call.node.view(call.value(FINALITY))))


async def _periods(call: Call) -> Response:
    view, before = call.node.view(call.value(FINALITY)), call.value(BEFORE)
    size = call.value(PERIODS_LIMIT)
    return await call.node.in_thread(
        lambda: json_response(order_queries.periods(view, before, size))
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/orders/terms",
        "getOrderTerms",
        "On which terms service orders are placed now, and what is left to issue for them.",
        _terms,
        json_answer(OrderTermsAnswer),
        params=(FINALITY,),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/finance/periods",
        "listFinancePeriods",
        "Periods that are over, the newest first: reports, audits, and which are overdue.",
        _periods,
        json_answer(PeriodsAnswer),
        params=(FINALITY, BEFORE, PERIODS_LIMIT),
    ),
)
