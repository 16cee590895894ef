"""Light answers over HTTP: rows of the final state that prove themselves."""

import re

import trio
from starlette.responses import Response

from consensus.errors import InvalidEncoding
from consensus.kinds import JsonObject
from consensus.light import MAX_KEY_BYTES
from node.api.endpoint import CBOR, Call, Content, Endpoint
from node.api.parameters import Param
from node.api.problems import RETRY_AFTER_S, Problem
from node.light_answers import NOT_YET_FINAL, Unprovable, light_answer

TRIES = 5
TRY_AGAIN_S = 0.02  # a block's batch is written in about this time

_HEX = f"([0-9a-f]{{2}}){{1,{MAX_KEY_BYTES}}}"
_KEY_SCHEMA: JsonObject = {"type": "string", "pattern": f"^{_HEX}$"}


def _state_key(text: str) -> bytes:
    if not re.fullmatch(_HEX, text, re.ASCII):
        raise InvalidEncoding(f"1 to {MAX_KEY_BYTES} bytes in lower-case hex are expected")
    return bytes.fromhex(text)


STATE_KEY: Param[bytes] = Param(
    "state_key",
    "In hex: DAG-CBOR of a table's name and all key parts of a row.",
    _KEY_SCHEMA,
    _state_key,
    b"",
    in_path=True,
)


async def _prove_row(call: Call) -> Response:
    chain, key = call.node.services.chain, call.value(STATE_KEY)
    tries_left = TRIES
    while True:
        try:
            answer = await call.node.in_thread(lambda: light_answer(chain, key).encode())
            return Response(answer, media_type=CBOR)
        except Unprovable as error:
            tries_left -= 1
            if error.code != NOT_YET_FINAL or not tries_left:
                raise _problem(error) from None
        await trio.sleep(TRY_AGAIN_S)


def _problem(error: Unprovable) -> Problem:
    passes = error.code == NOT_YET_FINAL
    headers = {"retry-after": str(RETRY_AFTER_S)} if passes else {}
    return Problem(503, error.code, error.message, headers=headers)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/light/rows/{state_key}",
        "proveRow",
        "A row of the final state, or its absence, with what proves it from genesis on.",
        _prove_row,
        {200: (Content(CBOR),)},
        params=(STATE_KEY,),
    ),
)
