"""Endpoints about videos, spaces and names."""

from collections.abc import Callable

from starlette.responses import Response

from consensus.errors import InvalidEncoding
from consensus.record import Record
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import (
    CHANNEL,
    CID,
    CURSOR,
    FINALITY,
    OWNER,
    SPACE,
    SPACE_OWNER,
    VIDEO_NAME,
    limit,
)
from node.query import video_queries
from node.query.answers import (
    NameAnswer,
    NamesAnswer,
    SpaceAnswer,
    SpacesAnswer,
    VideoAnswer,
    VideosAnswer,
)
from node.query.chain_view import ChainView
from vm.modules.content import Place

PAGE_LIMIT = limit(50)
PAGE = (PAGE_LIMIT, CURSOR)


async def _videos(call: Call) -> Response:
    owner, size, cursor = call.value(OWNER), call.value(PAGE_LIMIT), call.value(CURSOR)
    return await _read(
        call, lambda view: video_queries.videos(view, owner, size, cursor, _here(call))
    )


async def _video(call: Call) -> Response:
    cid = call.value(CID)
    return await _read(call, lambda view: video_queries.video(view, cid, _here(call)))


async def _versions(call: Call) -> Response:
    cid, size, cursor = call.value(CID), call.value(PAGE_LIMIT), call.value(CURSOR)
    return await _read(
        call, lambda view: video_queries.versions(view, cid, size, cursor, _here(call))
    )


async def _clips(call: Call) -> Response:
    cid, size, cursor = call.value(CID), call.value(PAGE_LIMIT), call.value(CURSOR)
    return await _read(call, lambda view: video_queries.clips(view, cid, size, cursor, _here(call)))


async def _spaces(call: Call) -> Response:
    owner, channel = call.value(SPACE_OWNER), call.value(CHANNEL)
    size, cursor = call.value(PAGE_LIMIT), call.value(CURSOR)
    if owner is not None and channel is not None:
        raise InvalidEncoding("not beside `owner`: give one of them", field=CHANNEL.name)
    return await _read(call, lambda view: video_queries.spaces(view, owner, channel, size, cursor))


async def _space(call: Call) -> Response:
    space = call.value(SPACE)
    return await _read(call, lambda view: video_queries.space(view, space))


async def _names(call: Call) -> Response:
    space, size, cursor = call.value(SPACE), call.value(PAGE_LIMIT), call.value(CURSOR)
    return await _read(call, lambda view: video_queries.names(view, space, size, cursor))


async def _name(call: Call) -> Response:
    place = Place(call.value(SPACE), call.value(VIDEO_NAME))
    return await _read(call, lambda view: video_queries.resolved(view, place, _here(call)))


async def _read(call: Call, query: Callable[[ChainView], Record]) -> Response:
    view = call.node.view(call.value(FINALITY))
    return await call.node.in_thread(lambda: json_response(query(view)))


def _here(call: Call) -> video_queries.Holds:
    return call.node.services.content.has


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/videos",
        "listVideos",
        "Published videos: all versions in the order of their CIDs, or those of one owner, each by "
        "its first version, by height.",
        _videos,
        json_answer(VideosAnswer),
        params=(FINALITY, OWNER, *PAGE),
    ),
    Endpoint(
        "GET",
        "/v1/videos/{cid}",
        "getVideo",
        "A version of a published video.",
        _video,
        json_answer(VideoAnswer),
        params=(CID, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/videos/{cid}/versions",
        "listVersions",
        "All versions of the video of which this is one, the newest first.",
        _versions,
        json_answer(VideosAnswer),
        params=(CID, FINALITY, *PAGE),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/videos/{cid}/clips",
        "listClips",
        "The clips that name this version as their parent, in order of publication.",
        _clips,
        json_answer(VideosAnswer),
        params=(CID, FINALITY, *PAGE),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/spaces",
        "listSpaces",
        "Spaces in the order of their names: all, one owner's, or those in a channel.",
        _spaces,
        json_answer(SpacesAnswer),
        params=(FINALITY, SPACE_OWNER, CHANNEL, *PAGE),
    ),
    Endpoint(
        "GET",
        "/v1/spaces/{space}",
        "getSpace",
        "A space.",
        _space,
        json_answer(SpaceAnswer),
        params=(SPACE, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/spaces/{space}/names",
        "listNames",
        "The names in a space, and what each resolves to.",
        _names,
        json_answer(NamesAnswer),
        params=(SPACE, FINALITY, *PAGE),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/names/{space}/{name}",
        "resolveName",
        "The newest version of the video that a name stands for.",
        _name,
        json_answer(NameAnswer),
        params=(SPACE, VIDEO_NAME, FINALITY),
        problems=(404,),
    ),
)
