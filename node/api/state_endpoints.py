"""Endpoints about the state: accounts and rows of tables."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, KEY_PARTS, ROW_KEY, TABLE, limit
from node.query import state_queries
from node.query.answers import AccountAnswer, RowAnswer, RowsAnswer, TablesAnswer
from node.trial import nonce_at_head

ROWS_LIMIT = limit(100)


async def _account(call: Call) -> Response:
    services = call.node.services

    def waiting_nonce(account_id: bytes) -> int:
        nonce = nonce_at_head(services.chain, account_id)
        return services.mempool.next_nonce(account_id, nonce)

    view = call.node.view(call.value(FINALITY))
    account_id = state_queries.account_of(view, call.value(ACCOUNT))
    return json_response(state_queries.account(view, account_id, waiting_nonce))


async def _tables(call: Call) -> Response:
    return json_response(state_queries.tables())


async def _rows(call: Call) -> Response:
    return await paged(
        call, ROWS_LIMIT, state_queries.rows, call.value(TABLE), call.value(KEY_PARTS)
    )


async def _row(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    parts = call.value(ROW_KEY).split("/")
    return json_response(state_queries.row(view, call.value(TABLE), parts))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/accounts/{address}",
        "getAccount",
        "An account's balances, nonces, authority and handle; every address has an account.",
        _account,
        json_answer(AccountAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/tables",
        "listTables",
        "The tables of the state.",
        _tables,
        json_answer(TablesAnswer),
    ),
    Endpoint(
        "GET",
        "/v1/tables/{table}/rows",
        "listRows",
        "Rows of a table in the order of their keys.",
        _rows,
        json_answer(RowsAnswer),
        params=(TABLE, FINALITY, KEY_PARTS, ROWS_LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/tables/{table}/rows/{key}",
        "getRow",
        "One row of a table.",
        _row,
        json_answer(RowAnswer),
        params=(TABLE, ROW_KEY, FINALITY),
        problems=(404,),
    ),
)
