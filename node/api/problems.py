"""Problems: how the API says no (RFC 9457, application/problem+json).

`type` is `urn:reelect:problem:` and a stable code: the code of an `Invalid…`, of a module's
declared error, or one of those below.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import JsonObject
from node.query.answers import PROBLEM_PREFIX
from node.query.chain_view import NotFound, Pruned
from node.served import ContentTakenDown
from storage.content import ContentError, ContentStoreFull
from vm.registry import REGISTRY

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
FULL = ("mempool-full", "mail-full")

SCHEMA: JsonObject = {
    "type": "object",
    "title": "Problem",
    "description": "Why a call was refused (RFC 9457).",
    "properties": {
        "type": {"type": "string", "pattern": f"^{PROBLEM_PREFIX}[a-z0-9._-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong here, and what to do."},
        "field": {"type": "string", "description": "The path of the offending field, if any."},
    },
    "required": ["type", "title", "status", "detail", "field"],
    "additionalProperties": False,
}


class Problem(Exception):
    """An answer that is not the one asked for."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})

    def to_json(self) -> JsonObject:
        """The problem's JSON form."""
        declared = REGISTRY.errors.get(self.code)
        return {
            "type": f"{PROBLEM_PREFIX}{self.code}",
            "title": HTTPStatus(self.status).phrase if declared is None else declared.sentence,
            "status": self.status,
            "detail": self.detail,
            "field": self.field,
        }

    def response(self) -> Response:
        """The HTTP response."""
        body = json.dumps(self.to_json(), ensure_ascii=False).encode()
        return Response(body, self.status, self.headers, MEDIA_TYPE)


class Broken(Exception):
    """An answer that was begun and cannot be brought to its end: the connection is reset, so that
    nobody takes what was sent of it for the whole."""


def problem_of(error: Invalid) -> Problem:
    """The problem that a rejection stands for: 404 for what is not there, 410 for a block that is
    not kept, 451 for content that was taken down (RFC 7725), 400 for input that is malformed, 503
    where trying again helps, 422 for what the rules refuse."""
    status, headers = 422, {}
    if isinstance(error, NotFound):
        status = 404
    elif isinstance(error, Pruned):
        status = 410
    elif isinstance(error, ContentTakenDown):
        status = 451
    elif isinstance(error, InvalidEncoding):
        status = 400
    elif error.code in FULL:
        status, headers = 503, {"retry-after": str(RETRY_AFTER_S)}
    return Problem(status, error.code, error.message, field=error.field, headers=headers)


def content_problem(error: ContentError) -> Problem:
    """The problem of a content store that cannot do what it should."""
    if isinstance(error, ContentStoreFull):
        return Problem(507, "content-store-full", str(error))
    return Problem(500, "content-store-failed", str(error))


def malformed(detail: str, *, field: str = "", code: str = "malformed") -> Problem:
    """A request that means nothing."""
    return Problem(400, code, detail, field=field)


def busy(detail: str) -> Problem:
    """More work than the node takes at once."""
    return Problem(503, "node-busy", detail, headers={"retry-after": str(RETRY_AFTER_S)})
