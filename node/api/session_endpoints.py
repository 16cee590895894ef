"""Endpoints about one-to-one sessions: profiles, matches, and the sessions on their way."""

from starlette.responses import Response

from consensus.errors import InvalidEncoding
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged_of_account
from node.api.parameters import (
    ACCOUNT,
    ASSET,
    CALLER,
    CURSOR,
    FINALITY,
    INTEREST,
    MOST_PRICE_OF_SESSION,
    SESSION,
    SESSION_KIND,
    SESSION_LANGUAGE,
    limit,
)
from node.query import session_queries, state_queries
from node.query.session_answers import MatchAnswer, ProfileAnswer, SessionAnswer, SessionsAnswer
from vm.modules.sessions import MOST_INTERESTS, Wish

SESSIONS_LIMIT = limit(100)


async def _profile(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    account = state_queries.account_of(view, call.value(ACCOUNT))
    return json_response(session_queries.profile(view, account))


async def _match(call: Call) -> Response:
    view, caller = call.node.view(call.value(FINALITY)), call.value(CALLER)
    interests = tuple(sorted(set(call.value(INTEREST))))
    if len(interests) > MOST_INTERESTS:
        raise InvalidEncoding(f"at most {MOST_INTERESTS} interests", field=INTEREST.name)
    wish = Wish(
        call.value(SESSION_KIND),
        call.value(SESSION_LANGUAGE),
        interests,
        call.value(ASSET),
        call.value(MOST_PRICE_OF_SESSION),
    )
    return await call.node.in_thread(
        lambda: json_response(session_queries.match(view, caller, wish))
    )


async def _session(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(session_queries.session(view, call.value(SESSION)))


async def _sessions(call: Call) -> Response:
    return await paged_of_account(call, SESSIONS_LIMIT, session_queries.sessions)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/accounts/{address}/profile",
        "getProfile",
        "Which sessions an account offers, at which price, and how it is rated.",
        _profile,
        json_answer(ProfileAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/sessions/match/{kind}/{language}/{asset}",
        "matchSession",
        "Who fits wishes for a session, the best first: what asking would come to, without asking.",
        _match,
        json_answer(MatchAnswer),
        params=(
            SESSION_KIND,
            SESSION_LANGUAGE,
            ASSET,
            INTEREST,
            MOST_PRICE_OF_SESSION,
            CALLER,
            FINALITY,
        ),
    ),
    Endpoint(
        "GET",
        "/v1/sessions/{session}",
        "getSession",
        "A session on its way.",
        _session,
        json_answer(SessionAnswer),
        params=(SESSION, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/sessions",
        "listSessions",
        "The sessions of an account that are on their way, on either side.",
        _sessions,
        json_answer(SessionsAnswer),
        params=(ACCOUNT, FINALITY, SESSIONS_LIMIT, CURSOR),
        problems=(404,),
    ),
)
