"""Endpoints about live streams: a room's HLS playlist for players, and its next segment from its
host, who is this node's operator."""

from starlette.responses import Response

from consensus.address import format_address
from node.api.admin import ADMIN_PROBLEMS, check_admin
from node.api.endpoint import Call, Content, Endpoint, json_answer
from node.api.node_access import NodeAccess, json_response
from node.api.parameters import ACCOUNT
from node.api.problems import Problem, malformed
from node.live.feed import MAX_FEEDS, MEDIA_TYPE, Feed, Segment
from node.query import state_queries
from node.query.chain_view import Finality, NotFound
from node.query.feed_forms import FeedAnswer, FeedSegment
from vm.modules.live import ROOMS

MAX_BODY_BYTES = 4_096
# Players are pages of any origin; what they get is as old as a segment is long at most.
_HEADERS = {"access-control-allow-origin": "*", "cache-control": "no-cache"}


async def _playlist(call: Call) -> Response:
    view = call.node.view(Finality.HEAD)
    owner = state_queries.account_of(view, call.value(ACCOUNT))
    feed, show = call.node.feeds.by_owner.get(owner), _open_show(call.node, owner)
    if feed is None or show not in (None, feed.show):
        raise NotFound(f"{format_address(owner)} streams nothing by this node", field="address")
    body = feed.playlist(is_over=show is None)
    return Response(body, headers={**_HEADERS, "content-type": MEDIA_TYPE})


async def _add_segment(call: Call) -> Response:
    check_admin(call)
    form, node = FeedSegment.from_json(call.json_body()), call.node
    owner = state_queries.account_of(node.view(Finality.HEAD), call.value(ACCOUNT))
    show = _open_show(node, owner)
    if show is None:
        raise Problem(422, "live.not-open", "the account's live room is not open", field="address")
    missing = await node.in_turn(lambda: node.services.content.missing(form.cid, 1))
    if missing:
        raise Problem(
            422,
            "content-incomplete",
            f"{missing[0]} is not stored here: store it first",
            field="cid",
        )
    if not node.feeds.has_room(owner, lambda each, feed: _open_show(node, each) != feed.show):
        raise Problem(422, "too-many-feeds", f"{MAX_FEEDS} rooms stream by this node already")
    feed = node.feeds.by_owner.get(owner)
    if feed is None or feed.show != show:
        feed = Feed(show, form.target_s)
    feed = node.feeds.by_owner[owner] = _followed(feed, form)
    playlist = PLAYLIST_PATH.replace("{address}", format_address(owner))
    came = feed.gone + len(feed.segments)
    return json_response(FeedAnswer(show, came, len(feed.segments), playlist))


def _open_show(node: NodeAccess, owner: bytes) -> int | None:
    """The show that goes on in an account's live room, at the head."""
    room = ROOMS.get(node.view(Finality.HEAD).state, owner)
    return None if room is None else room.show


def _followed(feed: Feed, form: FeedSegment) -> Feed:
    """The feed with a segment; the same if it has it, as who was cut off may send it again."""
    if form.target_s != feed.target_s:
        raise malformed(f"this show was begun with {feed.target_s} s", field="target_s")
    if not feed.fits(form.duration_ms):
        raise malformed(f"longer than the {feed.target_s} s of target_s", field="duration_ms")
    if feed.holds(form.cid):
        return feed
    is_discontinuous = form.is_discontinuous and bool(feed.gone or feed.segments)
    return feed.followed_by(Segment(form.cid, form.duration_ms, is_discontinuous))


PLAYLIST_PATH = "/live/{address}/index.m3u8"
ENDPOINTS = (
    Endpoint(
        "GET",
        PLAYLIST_PATH,
        "getFeed",
        "An open live room's stream as an HLS media playlist (RFC 8216), if this node streams it.",
        _playlist,
        {200: (Content(MEDIA_TYPE),)},
        params=(ACCOUNT,),
        problems=(404,),
    ),
    Endpoint(
        "POST",
        "/v1/admin/live/{address}",
        "addSegment",
        "Stream the next segment of an account's open live room, which is stored here.",
        _add_segment,
        json_answer(FeedAnswer),
        params=(ACCOUNT,),
        bodies=(Content(record=FeedSegment),),
        max_body_bytes=MAX_BODY_BYTES,
        problems=(404, 422, 413, 415, *ADMIN_PROBLEMS),
    ),
)
