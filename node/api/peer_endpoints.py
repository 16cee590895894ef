"""Endpoints about peers: who is connected, who is banned; ban, pardon, add."""

from starlette.responses import Response

from consensus.errors import Invalid
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.problems import Problem
from node.query.answers import BannedItem, PeerItem, PeersAnswer
from node.query.chain_view import NotFound
from node.query.peer_forms import PeerAddition, PeerBan, PeerPardon
from node.services import PeersView
from p2p.limits import PEER_BYTES
from p2p.network import PeerInfo
from p2p.peeraddress import parse_peer_address

MAX_BODY_BYTES = 4_096
BAN_REASON = "by the operator"
PROBLEMS = (*ADMIN_PROBLEMS, 404, 413, 415, 422)


async def _peers(call: Call) -> Response:
    return _answer(call)


async def _ban(call: Call) -> Response:
    check_admin(call)
    form, network = PeerBan.from_json(call.json_body()), call.node.services.network
    _check_other(network, form.id, "id")
    network.ban(form.id, float(form.duration_s), form.reason or BAN_REASON)
    return _answer(call)


async def _unban(call: Call) -> Response:
    check_admin(call)
    form, network = PeerPardon.from_json(call.json_body()), call.node.services.network
    if form.id not in network.banned():
        raise NotFound(f"{form.id.hex()} is not banned here")
    network.unban(form.id)
    return _answer(call)


async def _add(call: Call) -> Response:
    check_admin(call)
    form, network = PeerAddition.from_json(call.json_body()), call.node.services.network
    try:
        address = parse_peer_address(form.address)
    except Invalid as error:
        raise error.within("address") from None
    _check_other(network, address.id, "address")
    if address.id in network.banned():
        raise Problem(
            422, "banned", f"{address.id.hex()} is banned here: unban it first", field="address"
        )
    network.add(address)
    return _answer(call)


def _check_other(network: PeersView, peer: bytes, field: str) -> None:
    if peer == network.id:
        raise Problem(422, "own-id", "that is the id of this node itself", field=field)


def _answer(call: Call) -> Response:
    network = call.node.services.network
    return json_response(
        PeersAnswer(
            items=tuple(map(_peer, network.peers())),
            banned=tuple(BannedItem(peer, int(left)) for peer, left in network.banned().items()),
            queued_bytes=network.budget.held_bytes,
            max_queued_bytes=network.budget.max_bytes,
            max_peer_bytes=PEER_BYTES,
        )
    )


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
        points=int(peer.points),
        queued_bytes=peer.held_bytes,
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/peers",
        "listPeers",
        "The nodes that this one is connected to, who is banned, and what waits for them.",
        _peers,
        json_answer(PeersAnswer),
    ),
    Endpoint(
        "POST",
        "/v1/admin/peers/ban",
        "banPeer",
        "Part from a node and keep it out for a while.",
        _ban,
        json_answer(PeersAnswer),
        bodies=(Content(record=PeerBan),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=PROBLEMS,
    ),
    Endpoint(
        "POST",
        "/v1/admin/peers/unban",
        "unbanPeer",
        "Let a banned node in again, and forget what it did.",
        _unban,
        json_answer(PeersAnswer),
        bodies=(Content(record=PeerPardon),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=PROBLEMS,
    ),
    Endpoint(
        "POST",
        "/v1/admin/peers/add",
        "addPeer",
        "Note a node that may be dialled; it is when there is need of peers.",
        _add,
        json_answer(PeersAnswer),
        bodies=(Content(record=PeerAddition),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=PROBLEMS,
    ),
)
