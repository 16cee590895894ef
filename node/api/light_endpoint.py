"""Light answers over HTTP: facts about the final state that prove themselves."""

import re
from collections.abc import Callable

import trio
from starlette.responses import Response

from consensus.cid import Cid, parse_cid
from consensus.errors import InvalidEncoding
from consensus.kinds import JSON_INTEGER_MAX, JsonObject, Link
from consensus.light_answer import MAX_FACT_BYTES, MAX_KEY_BYTES, LightAnswer
from consensus.record import Record
from consensus.tree_proof import MAX_PROVED_ROWS
from node.api.endpoint import CBOR, Call, Content, Endpoint
from node.api.parameters import TRANSACTION, Param, integer, number_in_path
from node.api.problems import RETRY_AFTER_S, Problem
from node.light.answers import (
    NOT_YET_FINAL,
    TOO_MANY_STEPS,
    LightAnswers,
    Unprovable,
)

TRIES = 5
TRY_AGAIN_S = 0.02  # a block's batch is written in about this time

_HEX = f"([0-9a-f]{{2}}){{1,{MAX_KEY_BYTES}}}"
_KEY_SCHEMA: JsonObject = {"type": "string", "pattern": f"^{_HEX}$"}


def _state_key(text: str) -> bytes:
    if not re.fullmatch(_HEX, text, re.ASCII):
        raise InvalidEncoding(f"1 to {MAX_KEY_BYTES} bytes in lower-case hex are expected")
    return bytes.fromhex(text)


KEYS: Param[tuple[bytes, ...]] = Param(
    "key",
    "In hex: DAG-CBOR of a table's name and all key parts of a row. May be repeated.",
    {"type": "array", "items": _KEY_SCHEMA, "maxItems": MAX_PROVED_ROWS},
    _state_key,
    (),
    many=True,
)
DYNASTY = integer(
    "dynasty",
    "The dynasty that the client has come to: the answer begins with its change.",
    0,
    JSON_INTEGER_MAX,
    default=0,
)
HEIGHT = number_in_path("height", "A block's height.")
INDEX = number_in_path("index", "An event's number in its block.")
BLOCK_ID: Param[Cid | None] = Param(
    "block_id", "A block's id.", Link().schema(), parse_cid, None, in_path=True
)


async def _final(call: Call) -> Response:
    return await _answer(call, lambda light, dynasty: light.final(dynasty))


async def _rows(call: Call) -> Response:
    keys = call.value(KEYS)
    if len(keys) > MAX_PROVED_ROWS:
        raise InvalidEncoding(f"at most {MAX_PROVED_ROWS} keys", field=KEYS.name)
    return await _answer(call, lambda light, dynasty: light.rows(keys, dynasty))


async def _block(call: Call) -> Response:
    height = call.value(HEIGHT)
    return await _answer(call, lambda light, dynasty: light.block(height, dynasty))


async def _transaction(call: Call) -> Response:
    identity = call.value(TRANSACTION)
    return await _answer(call, lambda light, dynasty: light.transaction(identity, dynasty))


async def _event(call: Call) -> Response:
    height, index = call.value(HEIGHT), call.value(INDEX)
    return await _answer(call, lambda light, dynasty: light.event(height, index, dynasty))


async def _steps(call: Call) -> Response:
    light, dynasty = call.node.light, call.value(DYNASTY)
    return await _patiently(call, lambda: light.steps(dynasty))


async def _anchor(call: Call) -> Response:
    light, block_id = call.node.light, call.value(BLOCK_ID)
    if block_id is None:
        raise InvalidEncoding("missing", field=BLOCK_ID.name)
    return await _patiently(call, lambda: light.anchor(block_id))


async def _answer(call: Call, make: Callable[[LightAnswers, int], LightAnswer]) -> Response:
    light, dynasty = call.node.light, call.value(DYNASTY)

    def bounded() -> LightAnswer:
        answer = make(light, dynasty)
        size = sum(len(row.value or b"") for row in answer.rows)
        if size > MAX_FACT_BYTES // 2:
            raise InvalidEncoding(f"{size} bytes of rows: ask for fewer at once", field=KEYS.name)
        return answer

    return await _patiently(call, bounded)


async def _patiently(call: Call, make: Callable[[], Record]) -> Response:
    """What `make` makes in a thread, tried again while a block is becoming final."""
    tries_left = TRIES
    while True:
        try:
            data = await call.node.in_thread(lambda: make().encode())
            return Response(data, media_type=CBOR)
        except Unprovable as error:
            tries_left -= 1
            if error.code != NOT_YET_FINAL or not tries_left:
                raise _problem(error) from None
        await trio.sleep(TRY_AGAIN_S)


def _problem(error: Unprovable) -> Problem:
    passes = error.code == NOT_YET_FINAL
    headers = {"retry-after": str(RETRY_AFTER_S)} if passes else {}
    status = 422 if error.code == TOO_MANY_STEPS else 503
    return Problem(status, error.code, error.message, headers=headers)


ANSWER = {200: (Content(CBOR),)}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/light/final",
        "proveFinal",
        "The newest final block, with what proves it.",
        _final,
        ANSWER,
        params=(DYNASTY,),
        problems=(422,),
    ),
    Endpoint(
        "GET",
        "/v1/light/rows",
        "proveRows",
        "Rows of the final state, or their absence, with what proves them.",
        _rows,
        ANSWER,
        params=(KEYS, DYNASTY),
        problems=(422,),
    ),
    Endpoint(
        "GET",
        "/v1/light/blocks/{height}",
        "proveBlock",
        "The header of a final block of any age, with what proves it.",
        _block,
        ANSWER,
        params=(HEIGHT, DYNASTY),
        problems=(404, 410, 422),
    ),
    Endpoint(
        "GET",
        "/v1/light/transactions/{id}",
        "proveTransaction",
        "That a transaction is in a final block, and its receipt, with what proves them.",
        _transaction,
        ANSWER,
        params=(TRANSACTION, DYNASTY),
        problems=(404, 410, 422),
    ),
    Endpoint(
        "GET",
        "/v1/light/events/{height}/{index}",
        "proveEvent",
        "An event of a final block, with what proves it.",
        _event,
        ANSWER,
        params=(HEIGHT, INDEX, DYNASTY),
        problems=(404, 410, 422),
    ),
    Endpoint(
        "GET",
        "/v1/light/steps",
        "listDynastySteps",
        "A page of proofs that producer sets handed over, from a dynasty on.",
        _steps,
        ANSWER,
        params=(DYNASTY,),
    ),
    Endpoint(
        "GET",
        "/v1/light/anchors/{block_id}",
        "getAnchor",
        "What a client needs to begin with a final block whose id it trusts.",
        _anchor,
        ANSWER,
        params=(BLOCK_ID,),
        problems=(404,),
    ),
)
