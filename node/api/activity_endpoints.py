"""Endpoints about activity and the rewards for it."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, limit
from node.query import activity_queries, state_queries
from node.query.activity_answers import (
    AccountActivityAnswer,
    ActivityAnswer,
    ActivityDaysAnswer,
    PairingAnswer,
    StandingsAnswer,
)

ITEMS_LIMIT = limit(100)


async def _activity(call: Call) -> Response:
    return json_response(activity_queries.activity(call.node.view(call.value(FINALITY))))


async def _days(call: Call) -> Response:
    return await paged(call, ITEMS_LIMIT, activity_queries.days)


async def _account_activity(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    account = state_queries.account_of(view, call.value(ACCOUNT))
    return await call.node.in_thread(
        lambda: json_response(activity_queries.account_activity(view, account))
    )


async def _pairing(call: Call) -> Response:
    return json_response(activity_queries.pairing(call.node.view(call.value(FINALITY))))


async def _standings(call: Call) -> Response:
    return await paged(call, ITEMS_LIMIT, activity_queries.standings)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/activity",
        "getActivity",
        "How activity counts, what has counted today, and the reward pool that follows.",
        _activity,
        json_answer(ActivityAnswer),
        params=(FINALITY,),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/activity/days",
        "listActivityDays",
        "How active each day was, the reward pool that it made, and what is shared of it.",
        _days,
        json_answer(ActivityDaysAnswer),
        params=(FINALITY, ITEMS_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/activity",
        "getAccountActivity",
        "What an account has done each day and can claim for it, and how it stands as a creator.",
        _account_activity,
        json_answer(AccountActivityAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/poc",
        "getPairing",
        "By which rules creators are paired and promoted, and how far that is.",
        _pairing,
        json_answer(PairingAnswer),
        params=(FINALITY,),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/poc/standings",
        "listStandings",
        "Creators by rank.",
        _standings,
        json_answer(StandingsAnswer),
        params=(FINALITY, ITEMS_LIMIT, CURSOR),
    ),
)
