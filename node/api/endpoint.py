"""Endpoints: one declaration each, from which the routes and the OpenAPI page follow."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Json, JsonObject
from consensus.record import Record
from node.api.node_access import NodeAccess
from node.api.parameters import Param
from node.api.problems import Problem, busy, content_problem, malformed, problem_of
from storage.content import ContentError

JSON = "application/json"
CBOR = "application/cbor"
BODY_TIMEOUT_S = 30.0
MAX_DROPPED_BYTES = 8 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Content:
    """A body of a media type. An answer's record, or a schema, says what it is."""

    media_type: str = JSON
    record: type[Record] | None = None
    schema: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an endpoint, its parameters read."""

    node: NodeAccess
    request: Request
    values: Mapping[str, object]
    body: bytes
    media_type: str

    def value(self, param: Param[T]) -> T:
        """The value of a parameter that the endpoint declares."""
        return cast(T, self.values[param.name])

    def json_body(self) -> Json:
        """The body's JSON; raises Problem."""
        try:
            form: Json = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise malformed(f"the body is not JSON: {error}", field="body") from None
        return form


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method on a path.

    `answers` are the successes by status; `problems` the statuses with which it can refuse,
    beside those of every endpoint. `bodies` are the media types that it takes, up to
    `max_body_bytes`.
    """

    method: str
    path: str
    name: str
    sentence: str
    handler: Handler
    answers: Mapping[int, tuple[Content, ...]]
    params: tuple[Param[object], ...] = ()
    bodies: tuple[Content, ...] = ()
    max_body_bytes: int = 0
    problems: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, node: NodeAccess, request: Request) -> Response:
        """Read the request, run the handler; what is refused becomes a problem."""
        try:
            if not node.requests.available_tokens:
                raise busy("too many requests at once; try again")
            async with node.requests:
                return await self._run(node, request)
        except Problem as problem:
            return problem.response()
        except Invalid as error:
            return problem_of(error).response()
        except ContentError as error:
            return content_problem(error).response()

    async def _run(self, node: NodeAccess, request: Request) -> Response:
        values = self._values(request)
        body, media_type = b"", ""
        if self.bodies:
            media_type = self._media_type(request)
            body = await self._read_body(request)
        return await self.handler(Call(node, request, values, body, media_type))

    def _values(self, request: Request) -> dict[str, object]:
        known = {param.name: param for param in self.params if not param.in_path}
        for name in request.query_params:
            if name not in known:
                raise malformed(
                    f"unknown parameter; known are {sorted(known)}",
                    field=name[:80],
                    code="unknown-parameter",
                )
        return {param.name: _read(param, request) for param in self.params}

    def _media_type(self, request: Request) -> str:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        known = [body.media_type for body in self.bodies]
        if media_type not in known:
            raise Problem(
                415,
                "unsupported-media-type",
                f"the body must be {' or '.join(known)}, not {media_type[:80] or 'unlabelled'}",
                field="content-type",
                headers={"accept": ", ".join(known)},
            )
        return media_type

    async def _read_body(self, request: Request) -> bytes:
        """The whole body. What is more than the endpoint takes is dropped as it comes, up to
        MAX_DROPPED_BYTES, as a client that is still sending would not hear the answer."""
        received, total = bytearray(), 0
        with trio.move_on_after(BODY_TIMEOUT_S) as scope:
            async for piece in _Pieces(request.receive):
                total += len(piece)
                if total <= self.max_body_bytes:
                    received += piece
                elif total > self.max_body_bytes + MAX_DROPPED_BYTES:
                    break
        if total > self.max_body_bytes:
            raise Problem(
                413,
                "body-too-large",
                f"the body has more than {self.max_body_bytes} bytes",
                field="body",
            )
        if scope.cancelled_caught:
            raise Problem(408, "body-timeout", f"the body did not come within {BODY_TIMEOUT_S:g} s")
        return bytes(received)


class _Pieces:
    """The pieces of a request's body. No generator: it may be left in the middle."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        if not self._more:
            raise StopAsyncIteration
        message = await self._receive()
        if message["type"] != "http.request":
            raise malformed("the connection ended inside the body", field="body")
        self._more = message.get("more_body", False)
        return bytes(message.get("body", b""))


def _read(param: Param[object], request: Request) -> object:
    if param.in_path:
        spellings = [str(request.path_params[param.name])]
    else:
        spellings = request.query_params.getlist(param.name)
    if not spellings:
        return param.default
    if len(spellings) > 1 and not param.many:
        raise malformed("given more than once", field=param.name)
    try:
        values = tuple(param.parse(spelling) for spelling in spellings)
    except InvalidEncoding as error:
        raise malformed(error.message, field=param.name, code=error.code) from None
    return values if param.many else values[0]


def json_answer(record: type[Record]) -> Mapping[int, tuple[Content, ...]]:
    """The answers of an endpoint that answers 200 with this record."""
    return {200: (Content(record=record),)}
