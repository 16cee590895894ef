"""Endpoints about possession: who stores what, and proofs out of this node's own store."""

import re

from starlette.responses import Response

from consensus.errors import InvalidEncoding
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged_of_account
from node.api.parameters import ACCOUNT, CID, CURSOR, FINALITY, Param, limit
from node.api.problems import malformed
from node.query import possession_queries
from node.query.possession_queries import (
    HashedAnswer,
    ProviderAnswer,
    ProvidersAnswer,
    SegmentsAnswer,
)
from vm.modules.possession import MAX_SEGMENTS

PLEDGES_LIMIT = limit(50)


def _index(text: str) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,12}", text, re.ASCII):
        raise InvalidEncoding("a segment's index is expected, in digits")
    return int(text)


INDEX: Param[tuple[int, ...]] = Param(
    "index",
    f"Indexes of segments, 1 to {MAX_SEGMENTS}; one may come twice.",
    {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": 10**13 - 1},
        "minItems": 1,
        "maxItems": MAX_SEGMENTS,
    },
    _index,
    (),
    many=True,
)


async def _providers(call: Call) -> Response:
    view, cid = call.node.view(call.value(FINALITY)), call.value(CID)
    return await call.node.in_thread(lambda: json_response(possession_queries.providers(view, cid)))


async def _provider(call: Call) -> Response:
    return await paged_of_account(call, PLEDGES_LIMIT, possession_queries.provider)


async def _hash_more(call: Call) -> Response:
    check_admin(call)
    cid = call.value(CID)
    hashed = await call.node.services.segments.hash_more(cid)
    return json_response(HashedAnswer(cid, hashed.size, hashed.root))


async def _segments(call: Call) -> Response:
    check_admin(call)
    cid, indexes = call.value(CID), call.value(INDEX)
    if not 1 <= len(indexes) <= MAX_SEGMENTS:
        raise malformed(f"1 to {MAX_SEGMENTS} indexes are expected", field="index")
    return json_response(SegmentsAnswer(cid, await call.node.services.segments.prove(cid, indexes)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/possession/{cid}",
        "getProviders",
        "Who pledges to hold a video, and its segment root.",
        _providers,
        json_answer(ProvidersAnswer),
        params=(CID, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/possession/providers/{address}",
        "getProvider",
        "What an account pledges to hold, its open challenges, and what it has done.",
        _provider,
        json_answer(ProviderAnswer),
        params=(ACCOUNT, FINALITY, PLEDGES_LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "POST",
        "/v1/possession/{cid}/root",
        "hashSegments",
        "Go on computing the segment root of a file that this node stores: from its own machine, "
        "or with the admin token. Ask until the root is there.",
        _hash_more,
        json_answer(HashedAnswer),
        params=(CID,),
        problems=(*ADMIN_PROBLEMS, 404, 422, 507),
    ),
    Endpoint(
        "GET",
        "/v1/possession/{cid}/segments",
        "proveSegments",
        "Segments, with their paths, of a file whose root this node has computed: from its own "
        "machine, or with the admin token.",
        _segments,
        json_answer(SegmentsAnswer),
        params=(CID, INDEX),
        problems=(*ADMIN_PROBLEMS, 404, 422),
    ),
)
