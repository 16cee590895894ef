"""Endpoints of link faults: for nodes of a network on one machine."""

from starlette.responses import Response

from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.problems import Problem
from p2p.links import LinkFaults

PATH = "/v1/admin/links"
MAX_BODY_BYTES = 16_384


async def _show(call: Call) -> Response:
    check_admin(call)
    return json_response(_faults(call))


async def _change(call: Call) -> Response:
    check_admin(call)
    _faults(call)
    call.node.services.network.set_link_faults(LinkFaults.from_json(call.json_body()))
    return json_response(_faults(call))


def _faults(call: Call) -> LinkFaults:
    faults = call.node.services.network.link_faults
    if faults is None:
        raise Problem(
            409, "not-on-loopback", "links have faults only where p2p.host is on loopback"
        )
    return faults


ENDPOINTS = (
    Endpoint(
        "GET",
        PATH,
        "getLinkFaults",
        "The faults of this node's links: latency, jitter, loss, and whom nothing passes to.",
        _show,
        json_answer(LinkFaults),
        problems=(*ADMIN_PROBLEMS, 409),
    ),
    Endpoint(
        "PUT",
        PATH,
        "setLinkFaults",
        "Give this node's links these faults from now on, and no others.",
        _change,
        json_answer(LinkFaults),
        bodies=(Content(record=LinkFaults),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=(*ADMIN_PROBLEMS, 409, 413, 415),
    ),
)
