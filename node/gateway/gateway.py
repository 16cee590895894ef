"""The IPFS HTTP gateway of a node: /ipfs/{cid}[/path] for clients that nobody here wrote.

Sources: IPFS path gateway and trustless gateway specifications. docs/gateway.md is its manual.
"""

from collections.abc import Mapping

import trio
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from consensus.errors import Invalid
from node.api.problems import Broken, Problem, busy, content_problem, malformed, problem_of
from node.gateway.answers import PROBE, Answer, Answers, probe
from node.gateway.asked import Asked, read_request
from node.gateway.block_source import BlockSource
from node.gateway.cid_spelling import read_cid
from node.gateway.flow import PIECE_BYTES, pour
from storage.content import ContentError

MAX_DOWNLOADS = 64

# Any page may read content here: it is public, and says itself whether it is what was asked for.
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
    "access-control-allow-headers": "Accept, Cache-Control, Content-Type, If-None-Match, "
    "If-Range, Range, User-Agent, X-Requested-With",
    "access-control-expose-headers": "Accept-Ranges, Content-Disposition, Content-Length, "
    "Content-Location, Content-Range, ETag, Retry-After, X-Ipfs-Path, X-Ipfs-Roots",
    "cross-origin-resource-policy": "cross-origin",
    "vary": "Accept",
}
_ALLOWED = ("GET", "HEAD", "OPTIONS")


class Gateway:
    """The ASGI application at /ipfs/. At most MAX_DOWNLOADS are answered at once."""

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        self._answers = Answers(self._source)
        self._downloads = trio.CapacityLimiter(MAX_DOWNLOADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Broken if what was begun cannot be brought to its end."""
        broken: list[Broken] = []

        async def serve() -> None:
            try:
                await self._serve(scope, send)
            except Broken as error:
                broken.append(error)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            while (await receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()
        if broken:
            raise broken[0]

    async def _serve(self, scope: Scope, send: Send) -> None:
        try:
            await self._handle(scope, send)
        except Problem as problem:
            await _refuse(problem, send)
        except Invalid as error:
            await _refuse(problem_of(error), send)
        except ContentError as error:
            await _refuse(content_problem(error), send)

    async def _handle(self, scope: Scope, send: Send) -> None:
        method = scope["method"]
        if method not in _ALLOWED:
            detail = f"{method} is not a method of content"
            headers = {"allow": ", ".join(_ALLOWED)}
            raise Problem(405, "method-not-allowed", detail, headers=headers)
        if method == "OPTIONS":
            await self._send(Answer(204, {"access-control-max-age": "86400"}), send)
            return
        if not self._downloads.available_tokens:
            raise busy(f"{MAX_DOWNLOADS} downloads are under way; try again")
        async with self._downloads:
            answer = await self._answer(scope)
            await self._send(answer, send, has_body=method == "GET")

    async def _answer(self, scope: Scope) -> Answer:
        headers = Headers(scope=scope)
        if "service-worker" in headers:
            raise malformed("content is never a script of this origin", field="service-worker")
        asked = read_request(scope, headers)
        if asked.root == PROBE and not asked.segments:
            return probe(asked)
        root = read_cid(asked.root)
        if str(root) != asked.root:
            return Answer(301, {"location": _respelled(asked, str(root))})
        return await self._answers.answer(asked, root)

    async def _send(self, answer: Answer, send: Send, *, has_body: bool = False) -> None:
        async def put(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await _begin(send, answer.status, answer.headers)
        if has_body and answer.flow is not None:
            await pour(self._source, answer.flow, put)
        elif has_body:
            for start in range(0, len(answer.body), PIECE_BYTES):
                await put(answer.body[start : start + PIECE_BYTES])
        await _end(send)


def _respelled(asked: Asked, root: str) -> str:
    rest = asked.path.removeprefix(f"/ipfs/{asked.root}")
    return f"/ipfs/{root}{rest}" + (f"?{asked.query}" if asked.query else "")


async def _begin(send: Send, status: int, headers: Mapping[str, str]) -> None:
    fields = {**_CORS, **headers}.items()
    lines = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": lines})


async def _refuse(problem: Problem, send: Send) -> None:
    response = problem.response()
    await _begin(send, response.status_code, response.headers)
    await _end(send, bytes(response.body))


async def _end(send: Send, body: bytes = b"") -> None:
    """Send the last of an answer. The server tells us within it that the request is over, and has
    still to make its connection ready for the next."""
    with trio.CancelScope(shield=True):
        await send({"type": "http.response.body", "body": body})
