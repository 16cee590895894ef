"""Endpoints about the content store itself: pins, garbage collection, verification. All are for its
operator."""

from starlette.responses import Response

from consensus.cid import Cid
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import CID, CURSOR, choice, limit
from node.api.problems import Problem
from node.query.chain_view import NotFound
from node.query.cursor import make_cursor, read_key_cursor
from node.query.store_forms import (
    MAX_MISSING,
    CollectedAnswer,
    Collection,
    PinForm,
    PinsAnswer,
    RootAnswer,
    StoreAnswer,
    Verification,
    VerifiedAnswer,
)
from storage.content import ContentStore
from storage.content_pin import Pin, PinKind

INCOMPLETE = "content-incomplete"
MAX_BODY_BYTES = 4_096
PINS_LIMIT = limit(100)
PIN_KIND = choice(
    "kind",
    "Which pin: that of this node's user, or that of what is registered on the chain.",
    {kind.value: kind for kind in PinKind},
    PinKind.USER,
)
_PINS = "pins"


async def _store(call: Call) -> Response:
    check_admin(call)
    store = call.node.services.content
    counts = store.counts
    return json_response(
        StoreAnswer(
            blocks=counts.blocks,
            size_bytes=counts.size_bytes,
            loose_blocks=counts.loose_blocks,
            loose_bytes=counts.loose_bytes,
            pins=counts.pins,
            quota_bytes=store.quota_bytes,
        )
    )


async def _pins(call: Call) -> Response:
    check_admin(call)
    size = call.value(PINS_LIMIT)
    after = read_key_cursor(_PINS, call.value(CURSOR))
    store = call.node.services.content
    found = await call.node.in_thread(lambda: store.pins(after, size + 1))
    following = make_cursor(_PINS, found[size - 1].key) if len(found) > size else None
    return json_response(PinsAnswer(tuple(found[:size]), following))


async def _root(call: Call) -> Response:
    check_admin(call)
    cid, store = call.value(CID), call.node.services.content
    return json_response(await call.node.in_turn(lambda: _answer(store, cid)))


async def _pin(call: Call) -> Response:
    check_admin(call)
    cid, form = call.value(CID), PinForm.from_json(call.json_body())
    store, kind = call.node.services.content, PinKind(form.kind)
    return json_response(await call.node.in_turn(lambda: _pin_whole(store, cid, kind, form.name)))


def _pin_whole(store: ContentStore, cid: Cid, kind: PinKind, name: str) -> Pin:
    """Pin what is here with all below it; raises Problem, and changes nothing, if it is not."""
    _check_whole(store, cid)
    was_pinned = any(pin.kind == kind.value for pin in store.pins_of(cid))
    pin = store.pin(cid, kind, name)
    try:
        _check_whole(store, cid)  # some of it may have been collected before it was pinned
    except Problem:
        if not was_pinned:
            store.unpin(cid, kind)
        raise
    return pin


def _check_whole(store: ContentStore, cid: Cid) -> None:
    missing = store.missing(cid, 1)
    if missing:
        raise Problem(
            409,
            INCOMPLETE,
            f"not all of {cid} is stored here, such as {missing[0]}: fetch or store it first",
            field="cid",
        )


async def _unpin(call: Call) -> Response:
    check_admin(call)
    cid, kind, store = call.value(CID), call.value(PIN_KIND), call.node.services.content
    if not await call.node.in_turn(lambda: store.unpin(cid, kind)):
        raise NotFound(f"{cid} has no pin of the kind {kind.value} here")
    return json_response(await call.node.in_turn(lambda: _answer(store, cid)))


def _answer(store: ContentStore, cid: Cid) -> RootAnswer:
    entry = store.entry(cid)
    return RootAnswer(
        cid=cid,
        references=0 if entry is None else entry.references,
        pins=tuple(store.pins_of(cid)),
        missing=tuple(store.missing(cid, MAX_MISSING)),
    )


async def _collect(call: Call) -> Response:
    check_admin(call)
    form = Collection.from_json(call.json_body())
    store = call.node.services.content
    done = await call.node.in_turn(
        lambda: store.collect(form.target_bytes, min_age_ms=1000 * form.min_age_s, start=form.start)
    )
    return json_response(CollectedAnswer(done.blocks, done.size_bytes, done.next))


async def _verify(call: Call) -> Response:
    check_admin(call)
    form = Verification.from_json(call.json_body())
    store = call.node.services.content
    done = await call.node.in_turn(lambda: store.verify(form.after))
    return json_response(VerifiedAnswer(done.blocks, done.size_bytes, done.lost, done.next))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/admin/store",
        "getStore",
        "How much content this node stores, and how much of it nothing holds.",
        _store,
        json_answer(StoreAnswer),
        problems=ADMIN_PROBLEMS,
    ),
    Endpoint(
        "GET",
        "/v1/admin/store/pins",
        "listPins",
        "What is pinned, in the order of the CIDs.",
        _pins,
        json_answer(PinsAnswer),
        params=(PINS_LIMIT, CURSOR),
        problems=ADMIN_PROBLEMS,
    ),
    Endpoint(
        "GET",
        "/v1/admin/store/pins/{cid}",
        "getStoredRoot",
        "What holds a block, and whether all below it is stored here.",
        _root,
        json_answer(RootAnswer),
        params=(CID,),
        problems=(*ADMIN_PROBLEMS, 422),
    ),
    Endpoint(
        "PUT",
        "/v1/admin/store/pins/{cid}",
        "pinContent",
        "Keep content that is stored here with all below it, until it is unpinned.",
        _pin,
        json_answer(Pin),
        params=(CID,),
        bodies=(Content(record=PinForm),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=(*ADMIN_PROBLEMS, 409, 413, 415, 422, 507),
    ),
    Endpoint(
        "DELETE",
        "/v1/admin/store/pins/{cid}",
        "unpinContent",
        "Let garbage collection take content that nothing else holds.",
        _unpin,
        json_answer(RootAnswer),
        params=(CID, PIN_KIND),
        problems=(*ADMIN_PROBLEMS, 404, 422, 507),
    ),
    Endpoint(
        "POST",
        "/v1/admin/store/collect",
        "collectGarbage",
        "One step of a garbage collection: remove the oldest blocks that nothing holds.",
        _collect,
        json_answer(CollectedAnswer),
        bodies=(Content(record=Collection),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=(*ADMIN_PROBLEMS, 413, 415, 422, 507),
    ),
    Endpoint(
        "POST",
        "/v1/admin/store/verify",
        "verifyStore",
        "One step of a verification: read stored blocks; those that are corrupt are removed.",
        _verify,
        json_answer(VerifiedAnswer),
        bodies=(Content(record=Verification),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=(*ADMIN_PROBLEMS, 413, 415, 422),
    ),
)
