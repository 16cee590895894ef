"""Endpoints about the chain: status, blocks, producers, finality, genesis, declarations."""

from starlette.responses import Response

from node.api.endpoint import CBOR, Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import AFTER_HEIGHT, BLOCK, CURSOR, FINALITY, FORMAT, limit
from node.query.answers import (
    BlockAnswer,
    BlocksAnswer,
    FinalityAnswer,
    FinalityItem,
    ModulesAnswer,
    ParametersAnswer,
    ProducersAnswer,
    StatusAnswer,
    TransactionsAnswer,
)
from node.query.module_forms import module_forms
from node.query.producer_queries import producers
from node.query.state_queries import parameters
from node.query.status_query import status

BLOCKS_LIMIT = limit(20, maximum=100)
TRANSACTIONS_LIMIT = limit(50)
FINALITY_LIMIT = limit(100)


async def _status(call: Call) -> Response:
    return json_response(status(call.node.services))


async def _blocks(call: Call) -> Response:
    return await paged(call, BLOCKS_LIMIT, call.node.blocks.blocks)


async def _block(call: Call) -> Response:
    view, name, blocks = call.node.view(call.value(FINALITY)), call.value(BLOCK), call.node.blocks
    if call.value(FORMAT) == "cbor" or call.request.headers.get("accept") == CBOR:
        block = await call.node.in_thread(lambda: blocks.read(view, name))
        return Response(block.raw, media_type=CBOR)
    return await call.node.in_thread(lambda: json_response(blocks.block(view, name)))


async def _block_transactions(call: Call) -> Response:
    return await paged(
        call, TRANSACTIONS_LIMIT, call.node.blocks.block_transactions, call.value(BLOCK)
    )


async def _producers(call: Call) -> Response:
    services, blocks = call.node.services, call.node.blocks
    view, chain = call.node.view(call.value(FINALITY)), call.node.services.chain
    slot = chain.clock.slot_at(services.now_ms())
    return await call.node.in_thread(
        lambda: json_response(
            producers(view, blocks, chain.rules, chain.clock, slot=slot, seats=services.seats)
        )
    )


async def _parameters(call: Call) -> Response:
    return json_response(parameters(call.node.view(call.value(FINALITY))))


async def _finality(call: Call) -> Response:
    log = call.node.services.finality_log
    entries = log.after(call.value(AFTER_HEIGHT), call.value(FINALITY_LIMIT))
    items = tuple(FinalityItem(e.height, e.slot, e.transactions, e.finality_ms) for e in entries)
    return json_response(FinalityAnswer(items))


async def _genesis(call: Call) -> Response:
    data = await call.node.in_thread(call.node.services.genesis_file)
    return Response(data, media_type=CBOR)


async def _modules(call: Call) -> Response:
    return json_response(ModulesAnswer(module_forms()))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/status",
        "getStatus",
        "The node and its chain now.",
        _status,
        json_answer(StatusAnswer),
    ),
    Endpoint(
        "GET",
        "/v1/blocks",
        "listBlocks",
        "Blocks from the newest down.",
        _blocks,
        json_answer(BlocksAnswer),
        params=(FINALITY, BLOCKS_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/blocks/{block}",
        "getBlock",
        "A block by height or id: in JSON, or its bytes (DAG-CBOR).",
        _block,
        {200: (Content(record=BlockAnswer), Content(CBOR))},
        params=(BLOCK, FINALITY, FORMAT),
        problems=(404, 410),
    ),
    Endpoint(
        "GET",
        "/v1/blocks/{block}/transactions",
        "listBlockTransactions",
        "A block's transactions in order, with receipts and events.",
        _block_transactions,
        json_answer(TransactionsAnswer),
        params=(BLOCK, FINALITY, TRANSACTIONS_LIMIT, CURSOR),
        problems=(404, 410),
    ),
    Endpoint(
        "GET",
        "/v1/producers",
        "getProducers",
        "The producer set, its schedule, and who made and missed blocks.",
        _producers,
        json_answer(ProducersAnswer),
        params=(FINALITY,),
    ),
    Endpoint(
        "GET",
        "/v1/parameters",
        "getParameters",
        "All parameters with their bounds.",
        _parameters,
        json_answer(ParametersAnswer),
        params=(FINALITY,),
    ),
    Endpoint(
        "GET",
        "/v1/finality",
        "listFinality",
        "How long blocks took to become final on this node.",
        _finality,
        json_answer(FinalityAnswer),
        params=(AFTER_HEIGHT, FINALITY_LIMIT),
    ),
    Endpoint(
        "GET",
        "/v1/genesis",
        "getGenesis",
        "The genesis file's bytes. Trust them only if you know the chain's digest.",
        _genesis,
        {200: (Content(CBOR),)},
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/modules",
        "getModules",
        "What the modules declare: actions, events, tables, errors, parameters.",
        _modules,
        json_answer(ModulesAnswer),
    ),
)
