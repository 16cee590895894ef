"""Endpoints about transactions: send, send many, try out, look up."""

import trio
from starlette.responses import Response

from consensus.codec import decode
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Json, JsonObject
from consensus.transaction import MAX_TRANSACTION_BYTES, Transaction, decode_transaction
from node.api.endpoint import CBOR, Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import FINALITY_OF_PLACE, TRANSACTION
from node.api.problems import malformed, problem_of
from node.events import place_of
from node.query.answers import (
    MAX_BATCH,
    MAX_FAILURE_LETTERS,
    BatchAnswer,
    BatchResult,
    FailureAnswer,
    SimulationAnswer,
    SubmittedAnswer,
    TransactionAnswer,
)
from node.query.chain_view import Finality
from node.trial import try_transaction
from vm.forms import event_to_json, transaction_from_json, transaction_schema
from vm.simulation import quote

# JSON takes several times the bytes of the encoding.
MAX_TRANSACTION_BODY_BYTES = 8 * MAX_TRANSACTION_BYTES
MAX_BATCH_BODY_BYTES = 4 * 1024 * 1024

_HEX: JsonObject = {"type": "string", "pattern": "^([0-9a-f]{2})+$"}
_TRANSACTION: JsonObject = {
    "anyOf": [
        {
            "type": "object",
            "description": "The transaction's encoding in hex.",
            "properties": {"transaction": {**_HEX, "maxLength": 2 * MAX_TRANSACTION_BYTES}},
            "required": ["transaction"],
            "additionalProperties": False,
        },
        transaction_schema(),
    ]
}
_BATCH: JsonObject = {
    "type": "array",
    "description": "Encodings in hex.",
    "items": {**_HEX, "maxLength": 2 * MAX_TRANSACTION_BYTES},
    "minItems": 1,
    "maxItems": MAX_BATCH,
}
_TRANSACTION_BODIES = (Content(schema=_TRANSACTION), Content(CBOR))


async def _submit(call: Call) -> Response:
    data = call.body if call.media_type == CBOR else _transaction(call).encode()
    answer = SubmittedAnswer(await call.node.services.submit(data))
    response = json_response(answer, 202)
    response.headers["location"] = f"/v1/transactions/{answer.id.hex()}"
    return response


async def _submit_batch(call: Call) -> Response:
    results: list[BatchResult] = []
    for data in _batch(call):
        try:
            results.append(BatchResult(await call.node.services.submit(data), None))
        except Invalid as error:
            results.append(BatchResult(None, problem_of(error).to_json()))
        await trio.lowlevel.checkpoint()
    return json_response(BatchAnswer(tuple(results)))


async def _simulate(call: Call) -> Response:
    chain = call.node.services.chain
    transaction, view = _transaction(call), call.node.view(Finality.HEAD)
    cost = quote(view.state, transaction)
    tried = try_transaction(chain, transaction)
    return json_response(
        SimulationAnswer(
            gas=cost.gas,
            fee=cost.fee,
            fee_asset=transaction.fee_asset,
            receipt=tried.receipt,
            events=tuple(event_to_json(event) for event in tried.events),
            failure=None if tried.failure is None else _failure(tried.failure),
            at=place_of(view.block),
        )
    )


def _failure(error: Invalid) -> FailureAnswer:
    return FailureAnswer(error.field, error.message[:MAX_FAILURE_LETTERS])


async def _transaction_by_id(call: Call) -> Response:
    transaction_id, blocks = call.value(TRANSACTION), call.node.blocks
    view = call.node.view(call.value(FINALITY_OF_PLACE))
    pending = call.node.services.mempool.get(transaction_id)
    return await call.node.in_thread(
        lambda: json_response(blocks.transaction(view, transaction_id, pending))
    )


def _transaction(call: Call) -> Transaction:
    if call.media_type == CBOR:
        return decode_transaction(call.body)
    form = call.json_body()
    if isinstance(form, dict) and form.keys() == {"transaction"}:
        return decode_transaction(_unhex(form["transaction"], "transaction"))
    return transaction_from_json(form)


def _batch(call: Call) -> list[bytes]:
    if call.media_type == CBOR:
        items = decode(call.body)
        found = [i for i in items if isinstance(i, bytes)] if isinstance(items, list) else []
        if not isinstance(items, list) or len(found) != len(items):
            raise InvalidEncoding("an array of byte strings is expected", field="body")
    else:
        form = call.json_body()
        if not isinstance(form, list):
            raise InvalidEncoding("an array of hex strings is expected", field="body")
        found = [_unhex(item, f"[{i}]") for i, item in enumerate(form)]
    if not 1 <= len(found) <= MAX_BATCH:
        raise malformed(f"a batch has 1 to {MAX_BATCH} transactions, not {len(found)}")
    return found


def _unhex(value: Json, field: str) -> bytes:
    try:
        if isinstance(value, str) and value == value.lower() and value.isalnum():
            return bytes.fromhex(value)
    except ValueError:
        pass
    raise InvalidEncoding("lower-case hex is expected", field=field)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/transactions",
        "submitTransaction",
        "Send a signed transaction: its encoding, or its JSON form. It then waits for a block.",
        _submit,
        {202: (Content(record=SubmittedAnswer),)},
        bodies=_TRANSACTION_BODIES,
        max_body_bytes=MAX_TRANSACTION_BODY_BYTES,
        problems=(413, 415, 422, 503),
    ),
    Endpoint(
        "POST",
        "/v1/transactions/batch",
        "submitBatch",
        "Send many signed transactions; each is taken or refused by itself, in order.",
        _submit_batch,
        json_answer(BatchAnswer),
        bodies=(Content(schema=_BATCH), Content(CBOR)),
        max_body_bytes=MAX_BATCH_BODY_BYTES,
        problems=(413, 415),
    ),
    Endpoint(
        "POST",
        "/v1/transactions/simulate",
        "simulateTransaction",
        "What a transaction would do in the next block, and cost. It need not be signed.",
        _simulate,
        json_answer(SimulationAnswer),
        bodies=_TRANSACTION_BODIES,
        max_body_bytes=MAX_TRANSACTION_BODY_BYTES,
        problems=(413, 415, 422),
    ),
    Endpoint(
        "GET",
        "/v1/transactions/{id}",
        "getTransaction",
        "Where a transaction is, and what it did.",
        _transaction_by_id,
        json_answer(TransactionAnswer),
        params=(TRANSACTION, FINALITY_OF_PLACE),
        problems=(404, 410),
    ),
)
