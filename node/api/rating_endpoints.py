"""Endpoints about ratings: public records, and what an account may rate."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged_of_account
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, limit
from node.query import rating_queries, state_queries
from node.query.rating_answers import InvitationsAnswer, StandingAnswer

INVITATIONS_LIMIT = limit(100)


async def _standing(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    account = state_queries.account_of(view, call.value(ACCOUNT))
    return json_response(rating_queries.standing(view, account))


async def _invitations(call: Call) -> Response:
    return await paged_of_account(call, INVITATIONS_LIMIT, rating_queries.invitations)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/accounts/{address}/standing",
        "getStanding",
        "An account's public record: how many gave it which stars, and the average.",
        _standing,
        json_answer(StandingAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/invitations",
        "listInvitations",
        "The sessions that an account may rate, or has rated, while the time for that lasts.",
        _invitations,
        json_answer(InvitationsAnswer),
        params=(ACCOUNT, FINALITY, INVITATIONS_LIMIT, CURSOR),
        problems=(404,),
    ),
)
