"""Endpoints about content: published videos, and the blocks that they are made of."""

import trio
from starlette.responses import Response

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import CID, CURSOR, FINALITY, OWNER, ROOT, limit
from node.api.problems import Problem, problem_of
from node.query import state_queries
from node.query.answers import ContentAnswer, ContentsAnswer, StoredBlockAnswer
from node.query.chain_view import NotFound
from storage.content import ContentStore

FETCH_TIMEOUT_S = 30.0
CONTENTS_LIMIT = limit(50)

RAW = "application/octet-stream"
# Cache-Control of requests that no peer shall be asked for (IPFS's trustless gateways take it).
ONLY_STORED = "only-if-cached"


async def _contents(call: Call) -> Response:
    view, owner, here = call.node.view(call.value(FINALITY)), call.value(OWNER), _here(call)
    size, cursor = call.value(CONTENTS_LIMIT), call.value(CURSOR)
    return await call.node.in_thread(
        lambda: json_response(state_queries.contents(view, owner, size, cursor, here))
    )


async def _content(call: Call) -> Response:
    view, cid = call.node.view(call.value(FINALITY)), call.value(CID)
    return json_response(state_queries.content(view, cid, _here(call)))


def _here(call: Call) -> state_queries.Holds:
    return call.node.services.content.has


async def _fetch_block(call: Call) -> Response:
    cid = call.value(CID)
    if ONLY_STORED in call.request.headers.get("cache-control", "") and not _here(call)(cid):
        raise Problem(412, "not-stored", f"this node does not store block {cid}")
    data: bytes | None = None
    with trio.move_on_after(FETCH_TIMEOUT_S) as scope:
        data = await call.node.services.fetch(cid, call.value(ROOT))
    if scope.cancelled_caught:
        raise Problem(
            504, "fetch-timeout", f"no peer has sent block {cid} within {FETCH_TIMEOUT_S:g} s"
        )
    if data is None:
        raise NotFound(f"neither this node nor a peer of it has block {cid}")
    headers = {"cache-control": "public, max-age=31536000, immutable", "etag": f'"{cid}"'}
    return Response(data, headers=headers, media_type=RAW)


async def _store_block(call: Call) -> Response:
    check_admin(call)
    cid, data, store = call.value(CID), call.body, call.node.services.content
    try:
        known = await call.node.in_thread(lambda: _put(store, cid, data))
    except Invalid as error:
        refused = problem_of(error)
        raise Problem(422, refused.code, refused.detail, field="body") from None
    answer = StoredBlockAnswer(cid, len(data))
    response = json_response(answer, 200 if known else 201)
    response.headers["location"] = f"/v1/content/blocks/{cid}"
    return response


def _put(store: ContentStore, cid: Cid, data: bytes) -> bool:
    """Store a block; whether it was stored before."""
    known = store.has(cid)
    store.put(cid, data)
    return known


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/content",
        "listContent",
        "Published videos: all in the order of their CIDs, or one owner's by height.",
        _contents,
        json_answer(ContentsAnswer),
        params=(FINALITY, OWNER, CONTENTS_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/content/{cid}",
        "getContent",
        "A published video.",
        _content,
        json_answer(ContentAnswer),
        params=(CID, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/content/blocks/{cid}",
        "fetchContentBlock",
        "A content block's bytes, from this node, its peers, or, if `root` is announced, whoever "
        "holds that; with cache-control: only-if-cached from this node's store, else 412.",
        _fetch_block,
        {200: (Content(RAW),)},
        params=(CID, ROOT),
        problems=(404, 412, 504),
    ),
    Endpoint(
        "PUT",
        "/v1/content/blocks/{cid}",
        "storeContentBlock",
        "Store a content block on this node: from its own machine, or with the admin token.",
        _store_block,
        {
            200: (Content(record=StoredBlockAnswer),),
            201: (Content(record=StoredBlockAnswer),),
        },
        params=(CID,),
        bodies=(Content(RAW),),
        max_body_bytes=MAX_CONTENT_BLOCK_BYTES,
        problems=(*ADMIN_PROBLEMS, 413, 415, 422, 507),
    ),
)
