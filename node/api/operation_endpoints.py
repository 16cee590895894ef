"""Endpoints for those who run nodes: peers, health, metrics, and the OpenAPI page."""

from starlette.responses import Response

from node import metrics
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.query.answers import PeerItem, PeersAnswer, ReadyAnswer
from p2p.network import PeerInfo


async def _peers(call: Call) -> Response:
    return json_response(PeersAnswer(tuple(map(_peer, call.node.services.network.peers()))))


def _peer(peer: PeerInfo) -> PeerItem:
    status, round_trip_s = peer.status, peer.round_trip_s
    return PeerItem(
        id=peer.id,
        address=peer.address,
        direction=peer.direction,
        connected_ms=int(peer.connected_s * 1000),
        head_height=None if status is None else status.head_height,
        final_height=None if status is None else status.final_height,
        round_trip_ms=None if round_trip_s is None else int(round_trip_s * 1000),
        clock_offset_ms=peer.clock_offset_ms,
    )


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
        "/v1/peers",
        "listPeers",
        "The nodes that this one is connected to.",
        _peers,
        json_answer(PeersAnswer),
    ),
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
