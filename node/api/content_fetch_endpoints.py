"""Endpoints about the node's fetches of whole files."""

from starlette.responses import Response

from consensus.kinds import JSON_INTEGER_MAX
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import CID
from node.api.problems import busy
from node.content.file_fetch import FileFetch, TooManyFetches
from node.query.answers import MAX_FETCH_SOURCES, ContentFetchAnswer
from node.query.chain_view import NotFound
from node.served import check_served


async def _begin(call: Call) -> Response:
    check_admin(call)
    services, root = call.node.services, call.value(CID)
    check_served(services.chain.state.view(), root)
    try:
        fetch = services.content_exchange.fetches.begin(root, JSON_INTEGER_MAX)
    except TooManyFetches as error:
        raise busy(error.message) from None
    return json_response(_answer(fetch), 202)


async def _progress(call: Call) -> Response:
    root = call.value(CID)
    found = call.node.services.content_exchange.fetches.of(root)
    if found is None:
        raise NotFound(f"this node has not begun to fetch {root} since it started")
    return json_response(_answer(found))


def _answer(fetch: FileFetch) -> ContentFetchAnswer:
    session = fetch.session
    return ContentFetchAnswer(
        session.root,
        fetch.state.value,
        fetch.reason,
        session.done_bytes,
        session.size,
        tuple(sorted(session.sources)[:MAX_FETCH_SOURCES]),
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/content/{cid}/fetch",
        "beginContentFetch",
        "Have the node fetch a whole file from its peers, unless it does so already, and keep it.",
        _begin,
        {202: json_answer(ContentFetchAnswer)[200]},
        params=(CID,),
        problems=(*ADMIN_PROBLEMS, 451, 503),
    ),
    Endpoint(
        "GET",
        "/v1/content/{cid}/fetch",
        "getContentFetch",
        "How far the node's fetch of a file is, or how it ended.",
        _progress,
        json_answer(ContentFetchAnswer),
        params=(CID,),
        problems=(404,),
    ),
)
