"""Endpoints for those who run nodes: health and metrics."""

from starlette.responses import Response

from node import metrics
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.query.answers import ReadyAnswer


async def _live(call: Call) -> Response:
    return json_response(ReadyAnswer(ready=True, reasons=()))


async def _ready(call: Call) -> Response:
    health = call.node.services.health()
    return json_response(ReadyAnswer(health.ready, health.reasons), 200 if health.ready else 503)


async def _metrics(call: Call) -> Response:
    page = call.node.metrics.page()
    return Response(page, headers={"content-type": metrics.MEDIA_TYPE})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/livez",
        "isAlive",
        "Whether the node's loop runs: any answer says so.",
        _live,
        json_answer(ReadyAnswer),
    ),
    Endpoint(
        "GET",
        "/readyz",
        "isReady",
        "Whether the node follows the chain; 503 with the reasons if it does not.",
        _ready,
        {200: (Content(record=ReadyAnswer),), 503: (Content(record=ReadyAnswer),)},
    ),
    Endpoint(
        "GET",
        "/metrics",
        "getMetrics",
        "Metrics for Prometheus.",
        _metrics,
        {200: (Content("text/plain"),)},
    ),
)
