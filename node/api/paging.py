"""Pages of lists: each is read from one view of the chain, beside the node's loop."""

from collections.abc import Callable
from typing import TypeVarTuple

from starlette.responses import Response

from consensus.record import Record
from node.api.endpoint import Call
from node.api.node_access import json_response
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, Param
from node.query.chain_view import ChainView
from node.query.state_queries import account_of

Ts = TypeVarTuple("Ts")


async def paged(
    call: Call,
    limit: Param[int],
    query: Callable[[ChainView, *Ts, int, str | None], Record],
    *arguments: *Ts,
) -> Response:
    """The page that is asked for: `query` gets the view, these arguments, how many items the page
    has at most, and the cursor."""
    view = call.node.view(call.value(FINALITY))
    size, cursor = call.value(limit), call.value(CURSOR)
    return await call.node.in_thread(lambda: json_response(query(view, *arguments, size, cursor)))


async def paged_of_account(
    call: Call, limit: Param[int], query: Callable[[ChainView, bytes, int, str | None], Record]
) -> Response:
    """The same, of what belongs to the account in the path."""
    named = call.value(ACCOUNT)
    return await paged(
        call,
        limit,
        lambda view, size, cursor: query(view, account_of(view, named), size, cursor),
    )
