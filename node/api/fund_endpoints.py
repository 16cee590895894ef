"""Endpoints about token funds."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged, paged_of_account
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, FUND, limit
from node.query import fund_queries
from node.query.fund_answers import (
    FundAnswer,
    FundMembersAnswer,
    FundProposalsAnswer,
    FundsAnswer,
    OwnFundsAnswer,
)

LIMIT = limit(100)


async def _funds(call: Call) -> Response:
    return await paged(call, LIMIT, fund_queries.funds)


async def _fund(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(fund_queries.fund(view, call.value(FUND)))


async def _members(call: Call) -> Response:
    return await paged(call, LIMIT, fund_queries.members, call.value(FUND))


async def _proposals(call: Call) -> Response:
    return await paged(call, LIMIT, fund_queries.proposals, call.value(FUND))


async def _funds_of(call: Call) -> Response:
    return await paged_of_account(call, LIMIT, fund_queries.funds_of)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/funds",
        "listFunds",
        "Token funds: their terms, shares, and what they have to invest.",
        _funds,
        json_answer(FundsAnswer),
        params=(FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/funds/{fund}",
        "getFund",
        "A token fund.",
        _fund,
        json_answer(FundAnswer),
        params=(FUND, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/funds/{fund}/members",
        "listFundMembers",
        "The members of a fund: their shares, votes, and what they may take.",
        _members,
        json_answer(FundMembersAnswer),
        params=(FUND, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/funds/{fund}/proposals",
        "listFundProposals",
        "What members propose to invest in, and what became of it lately.",
        _proposals,
        json_answer(FundProposalsAnswer),
        params=(FUND, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/funds",
        "listAccountFunds",
        "The funds that an account is a member of, and what it has in each.",
        _funds_of,
        json_answer(OwnFundsAnswer),
        params=(ACCOUNT, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
)
