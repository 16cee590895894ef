"""Endpoints about content: the blocks that it is made of."""

import trio
from starlette.responses import Response

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Content, Endpoint
from node.api.node_access import json_response
from node.api.parameters import CID, ROOT
from node.api.problems import Problem, problem_of
from node.query.answers import StoredBlockAnswer
from node.query.chain_view import NotFound
from storage.content import ContentStore

FETCH_TIMEOUT_S = 30.0

RAW = "application/octet-stream"
# Cache-Control of requests that no peer shall be asked for (IPFS's trustless gateways take it).
ONLY_STORED = "only-if-cached"


async def _fetch_block(call: Call) -> Response:
    cid = call.value(CID)
    only_stored = ONLY_STORED in call.request.headers.get("cache-control", "")
    if only_stored and not call.node.services.content.has(cid):
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
        "/v1/content/blocks/{cid}",
        "fetchContentBlock",
        "A content block's bytes, from this node, its peers, or, if `root` is announced, whoever "
        "holds that, unless it was taken down; with cache-control: only-if-cached from this node's "
        "store, else 412.",
        _fetch_block,
        {200: (Content(RAW),)},
        params=(CID, ROOT),
        problems=(404, 412, 451, 504),
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
