"""Endpoints of the mailbox (K9, T13): envelopes are sent, fetched and deleted, and none opened."""

import re

from starlette.responses import Response

from consensus.errors import InvalidEncoding
from consensus.mail import (
    MAX_DELETION_BYTES,
    MAX_ENVELOPE_BYTES,
    Deletion,
    Envelope,
    SignedFetch,
)
from node.api.endpoint import CBOR, Call, Content, Endpoint, json_answer
from node.api.mail_stream import STREAM_PATH
from node.api.node_access import json_response
from node.api.parameters import Param, digest_in_path
from node.api.problems import Problem
from node.mail.mailroom import Mailroom
from node.query.chain_view import NotFound
from node.query.mail_answers import (
    DELETED,
    HELD,
    MAX_FETCHED,
    MailAnswer,
    MailEvent,
    MailStateAnswer,
)

MAX_FETCH_BYTES = 512
ENVELOPE = digest_in_path("id", "An envelope's id.")


def _hex_fetch(text: str) -> SignedFetch:
    if len(text) > 2 * MAX_FETCH_BYTES or not re.fullmatch("([0-9a-f]{2})+", text, re.ASCII):
        raise InvalidEncoding("a signed fetch in lower-case hex is expected")
    return SignedFetch.decode(bytes.fromhex(text))


FETCH: Param[SignedFetch | None] = Param(
    "fetch",
    "A signed fetch, in hex: whose mail to tell, and after which envelope.",
    {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": 2 * MAX_FETCH_BYTES},
    _hex_fetch,
    None,
)


async def _send(call: Call) -> Response:
    envelope = Envelope.decode(call.body)
    call.node.services.mail.send(envelope)
    return json_response(state_of(call.node.services.mail.room, envelope.id), 202)


async def _delete(call: Call) -> Response:
    deletion = Deletion.decode(call.body)
    call.node.services.mail.delete(deletion)
    return json_response(state_of(call.node.services.mail.room, deletion.id), 202)


async def _state(call: Call) -> Response:
    return json_response(state_of(call.node.services.mail.room, call.value(ENVELOPE)))


async def _fetch(call: Call) -> Response:
    room, signed = call.node.services.mail.room, SignedFetch.decode(call.body)
    signed.check(room.chain, room.now_ms())
    fetch = signed.fetch
    found = room.in_mailbox(fetch.mailboxes, fetch.after, MAX_FETCHED)
    following = found[-1].id if found else None
    return json_response(MailAnswer(tuple(item.encode() for item in found), following))


async def _stream_without_upgrade(call: Call) -> Response:
    raise Problem(
        426,
        "upgrade-required",
        "this is a WebSocket (RFC 6455): open it as one",
        headers={"upgrade": "websocket", "connection": "upgrade"},
    )


def state_of(room: Mailroom, identity: bytes) -> MailStateAnswer:
    """What is here under an id; raises NotFound."""
    found = room.find(identity)
    if found is None:
        raise NotFound(f"no envelope {identity.hex()} is here: it never came, or has expired")
    deletion = found.encode() if isinstance(found, Deletion) else None
    state = HELD if deletion is None else DELETED
    return MailStateAnswer(identity, state, found.head.expires_ms, deletion)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/mail/envelopes",
        "sendMail",
        "Have an envelope held for its mailbox, and passed on to all nodes (K9, T13).",
        _send,
        {202: (Content(record=MailStateAnswer),)},
        bodies=(Content(CBOR),),
        max_body_bytes=MAX_ENVELOPE_BYTES,
        problems=(413, 415, 422),
    ),
    Endpoint(
        "GET",
        "/v1/mail/envelopes/{id}",
        "getMailState",
        "Whether an envelope is held, or was deleted, and by whom.",
        _state,
        json_answer(MailStateAnswer),
        params=(ENVELOPE,),
        problems=(404,),
    ),
    Endpoint(
        "POST",
        "/v1/mail/deletions",
        "deleteMail",
        "Have an envelope dropped by all nodes, as its receiver or sender signs.",
        _delete,
        {202: (Content(record=MailStateAnswer),)},
        bodies=(Content(CBOR),),
        max_body_bytes=MAX_DELETION_BYTES,
        problems=(413, 415, 422),
    ),
    Endpoint(
        "POST",
        "/v1/mail/fetch",
        "fetchMail",
        "The envelopes in the mailboxes of a key, as the key asks for them by its signature "
        "(K9, T13).",
        _fetch,
        json_answer(MailAnswer),
        bodies=(Content(CBOR),),
        max_body_bytes=MAX_FETCH_BYTES,
        problems=(413, 415, 422),
    ),
    Endpoint(
        "GET",
        STREAM_PATH,
        "followMail",
        "The same as a WebSocket that stays open: a MailEvent in each text message, first what is "
        "held and an empty one, then what comes in, and the deletions of what the key has received "
        "or sent.",
        _stream_without_upgrade,
        {101: (Content(record=MailEvent),)},
        params=(FETCH,),
        problems=(404, 422, 426),
    ),
)
