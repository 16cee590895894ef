"""The stream of events (server-sent events, WHATWG HTML section 9.2)."""

import json

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from node.api.endpoint import Call, Content, Endpoint
from node.api.node_access import MAX_STREAMS
from node.api.parameters import EVENT_KINDS
from node.api.problems import busy
from node.hub import GAP, HubEvent, Subscription

KEEP_ALIVE_S = 15.0
RETRY_MS = 1000
MEDIA_TYPE = "text/event-stream"


async def _events(call: Call) -> Response:
    streams = call.node.streams
    if not streams.available_tokens:
        raise busy(f"{MAX_STREAMS} clients follow the events already")
    after_id = call.request.headers.get("last-event-id") or None
    subscription = call.node.services.hub.subscribe(after_id)
    kinds = frozenset(call.value(EVENT_KINDS)) | {GAP}
    return EventResponse(subscription, kinds, streams)


class EventResponse(Response):
    """The events of a subscription that are of these kinds, until the client goes.

    `streams` bounds how many listen.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, subscription: Subscription, kinds: frozenset[str], streams: trio.CapacityLimiter
    ) -> None:
        self._subscription = subscription
        self._kinds = kinds
        self._streams = streams
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream."""
        async with self._streams, trio.open_nursery() as nursery:
            nursery.start_soon(_watch, receive, nursery.cancel_scope)
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._send_events(send)

    async def _send_events(self, send: Send) -> None:
        frames = f"retry: {RETRY_MS}\n\n".encode()
        while True:
            await send({"type": "http.response.body", "body": frames, "more_body": True})
            frames = b": nothing new\n\n"
            with trio.move_on_after(KEEP_ALIVE_S):
                frames = frame(await self._next())

    async def _next(self) -> HubEvent:
        async for event in self._subscription:
            if event.kind in self._kinds:
                return event
        raise RuntimeError("a subscription has no end")


async def _watch(receive: Receive, serving: trio.CancelScope) -> None:
    """End the stream when its client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    serving.cancel()


def frame(event: HubEvent) -> bytes:
    """An event as it is sent."""
    data = json.dumps(event.data.to_json(), ensure_ascii=False)
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/events",
        "followEvents",
        "What happens on the node, as server-sent events; see node/events.py for the kinds. "
        "A client that resumes after an event that is no longer kept gets a gap event first.",
        _events,
        {200: (Content(MEDIA_TYPE),)},
        params=(EVENT_KINDS,),
        headers={"last-event-id": "The id of the event to resume after."},
        problems=(503,),
    ),
)
