"""The application: all endpoints of one node."""

import json
from collections.abc import Awaitable, Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api import (
    activity_endpoints,
    app_endpoints,
    chain_endpoints,
    content_endpoints,
    content_fetch_endpoints,
    economy_endpoints,
    event_endpoint,
    feed_endpoints,
    fund_endpoints,
    gift_endpoints,
    light_endpoint,
    link_endpoints,
    mail_endpoints,
    market_endpoints,
    operation_endpoints,
    order_endpoints,
    participation_endpoints,
    peer_endpoints,
    possession_endpoints,
    ranking_endpoints,
    rating_endpoints,
    session_endpoints,
    shop_endpoints,
    state_endpoints,
    statistics_endpoints,
    store_endpoints,
    transaction_endpoints,
    video_endpoints,
    viewing_endpoints,
)
from node.api.endpoint import Endpoint
from node.api.mail_stream import STREAM_PATH, mail_stream
from node.api.node_access import NodeAccess
from node.api.openapi import openapi
from node.api.parameters import ROW_KEY
from node.api.problems import Problem
from node.gateway.block_source import source_of
from node.gateway.gateway import Gateway
from node.loop_monitor import LoopMonitor
from node.services import Services

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPENAPI_PATH = "/v1/openapi.json"
ENDPOINTS: tuple[Endpoint, ...] = (
    *chain_endpoints.ENDPOINTS,
    *state_endpoints.ENDPOINTS,
    *transaction_endpoints.ENDPOINTS,
    *video_endpoints.ENDPOINTS,
    *content_endpoints.ENDPOINTS,
    *viewing_endpoints.ENDPOINTS,
    *market_endpoints.ENDPOINTS,
    *session_endpoints.ENDPOINTS,
    *rating_endpoints.ENDPOINTS,
    *economy_endpoints.ENDPOINTS,
    *activity_endpoints.ENDPOINTS,
    *app_endpoints.ENDPOINTS,
    *gift_endpoints.ENDPOINTS,
    *shop_endpoints.ENDPOINTS,
    *participation_endpoints.ENDPOINTS,
    *ranking_endpoints.ENDPOINTS,
    *feed_endpoints.ENDPOINTS,
    *order_endpoints.ENDPOINTS,
    *fund_endpoints.ENDPOINTS,
    *possession_endpoints.ENDPOINTS,
    *statistics_endpoints.ENDPOINTS,
    *store_endpoints.ENDPOINTS,
    *content_fetch_endpoints.ENDPOINTS,
    *mail_endpoints.ENDPOINTS,
    *light_endpoint.ENDPOINTS,
    *event_endpoint.ENDPOINTS,
    *link_endpoints.ENDPOINTS,
    *peer_endpoints.ENDPOINTS,
    *operation_endpoints.ENDPOINTS,
)
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def make_app(
    services: Services,
    *,
    monitor: LoopMonitor | None = None,
    admin_token: str | None = None,
    loopback: bool = False,
) -> Starlette:
    """The API of a running node, for one trio thread.

    `loopback` says that only this machine can reach it: then calls that change the node
    need no `admin_token`. `monitor`, if the node runs one, shows in the metrics.
    """
    node = NodeAccess(
        services, monitor or LoopMonitor(), admin_token=admin_token, loopback=loopback
    )
    return Starlette(
        routes=[
            *_routes(node),
            WebSocketRoute(STREAM_PATH, mail_stream(node)),
            Route(OPENAPI_PATH, _page(openapi(ENDPOINTS))),
            Route("/ipfs/{path:path}", Gateway(source_of(services))),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: _no_route, Exception: _bug},
    )


def _routes(node: NodeAccess) -> Iterable[Route]:
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    for path, methods in by_path.items():
        # Only a row's key may hold slashes: it comes last.
        pattern = path.replace(f"{{{ROW_KEY.name}}}", f"{{{ROW_KEY.name}:path}}")
        # All methods, so that a path whose own methods are others is not taken for a parameter.
        yield Route(pattern, _dispatch(node, methods), methods=METHODS)


def _dispatch(
    node: NodeAccess, endpoints: dict[str, Endpoint]
) -> Callable[[Request], Awaitable[Response]]:
    allowed = ", ".join([*endpoints, *(["HEAD"] if "GET" in endpoints else [])])

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method not in endpoints:
            raise HTTPException(405, headers={"allow": allowed})
        return await endpoints[method].answer(node, request)

    return answer


def _page(page: object) -> Callable[[Request], Awaitable[Response]]:
    body = json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()

    async def answer(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return answer


async def _no_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        detail = f"{request.method} is not a method of {request.scope['path']}"
        return Problem(405, "method-not-allowed", detail, headers=error.headers).response()
    detail = f"nothing is at {request.scope['path']}; see {OPENAPI_PATH}"
    return Problem(error.status_code, "no-such-path", detail, headers=error.headers).response()


async def _bug(request: Request, error: Exception) -> Response:
    return Problem(500, "bug", "a bug of this node; its log has the details").response()


class SecurityHeaders:
    """Adds SECURITY_HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)
