"""Endpoints about the ranking, recommendation slots and live rooms."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged
from node.api.parameters import ACCOUNT, CURSOR, FINALITY, SUBJECT_KIND, VIEWER, limit
from node.query import ranking_queries, state_queries
from node.query.ranking_answers import LiveAnswer, RankingAnswer, RoomsAnswer, SlotsAnswer

RANKING_LIMIT = limit(50)
ROOMS_LIMIT = limit(50)


async def _ranking(call: Call) -> Response:
    return await paged(call, RANKING_LIMIT, ranking_queries.ranking, call.value(SUBJECT_KIND))


async def _slots(call: Call) -> Response:
    view, kind = call.node.view(call.value(FINALITY)), call.value(SUBJECT_KIND)
    viewer = call.value(VIEWER)
    return await call.node.in_thread(
        lambda: json_response(ranking_queries.slots(view, kind, viewer))
    )


async def _rooms(call: Call) -> Response:
    return await paged(call, ROOMS_LIMIT, ranking_queries.rooms)


async def _live(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    owner = state_queries.account_of(view, call.value(ACCOUNT))
    return json_response(ranking_queries.live(view, owner))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/ranking/{kind}",
        "listRanking",
        "The ranking of videos, creators or open live rooms, the highest score first.",
        _ranking,
        json_answer(RankingAnswer),
        params=(SUBJECT_KIND, FINALITY, RANKING_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/ranking/{kind}/slots",
        "listSlots",
        "What is recommended now, by the balancing policy that the community has chosen.",
        _slots,
        json_answer(SlotsAnswer),
        params=(SUBJECT_KIND, VIEWER, FINALITY),
    ),
    Endpoint(
        "GET",
        "/v1/live",
        "listRooms",
        "The open live rooms: streams, audience, packets used and the points of these.",
        _rooms,
        json_answer(RoomsAnswer),
        params=(FINALITY, ROOMS_LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/live",
        "getLive",
        "An account's live room, and the data packets that it holds.",
        _live,
        json_answer(LiveAnswer),
        params=(ACCOUNT, FINALITY),
        problems=(404,),
    ),
)
