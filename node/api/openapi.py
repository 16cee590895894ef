"""The OpenAPI 3.1 page, from the endpoints' declarations."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from consensus.kinds import JsonObject
from consensus.record import Record
from node.api import problems
from node.api.endpoint import JSON, Content, Endpoint
from node.api.parameters import Param
from node.version import VERSION
from vm.declare import sentence_of

# What any endpoint may answer.
COMMON_PROBLEMS = (400, 500, 503)
BODY_PROBLEMS = (408,)


def openapi(endpoints: Sequence[Endpoint]) -> JsonObject:
    """The whole page."""
    paths: dict[str, JsonObject] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reelect node",
            "version": VERSION,
            "description": "Lists take limit and cursor; state is read at the newest final "
            "block, or with finality=head at the head. Amounts are decimal strings in an "
            "asset's smallest unit, bytes are lower-case hex, accounts reel1…",
        },
        "paths": dict(paths),
        "components": {
            "schemas": {"Problem": problems.SCHEMA, **_record_schemas(endpoints)},
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
    }


def _contents(endpoints: Iterable[Endpoint]) -> Iterable[Content]:
    for endpoint in endpoints:
        yield from endpoint.bodies
        for contents in endpoint.answers.values():
            yield from contents


def _record_schemas(endpoints: Sequence[Endpoint]) -> JsonObject:
    records = {c.record.__name__: c.record for c in _contents(endpoints) if c.record is not None}
    return {
        name: {**record.schema(), "title": name, "description": sentence_of(record)}
        for name, record in sorted(records.items())
    }


def _operation(endpoint: Endpoint) -> JsonObject:
    headers: list[JsonObject] = [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": sentence,
            "schema": {"type": "string"},
        }
        for name, sentence in endpoint.headers.items()
    ]
    operation: JsonObject = {
        "operationId": endpoint.name,
        "summary": endpoint.sentence,
        "parameters": [*map(_parameter, endpoint.params), *headers],
        "responses": _responses(endpoint),
    }
    if endpoint.bodies:
        content: JsonObject = {body.media_type: _media(body) for body in endpoint.bodies}
        operation["requestBody"] = {"required": True, "content": content}
    if 401 in endpoint.problems:
        operation["security"] = [{}, {"admin": []}]
    return operation


def _parameter(param: Param[object]) -> JsonObject:
    return {
        "name": param.name,
        "in": "path" if param.in_path else "query",
        "required": param.in_path,
        "description": param.sentence,
        "schema": param.schema,
    }


def _responses(endpoint: Endpoint) -> JsonObject:
    body_problems = BODY_PROBLEMS if endpoint.bodies else ()
    refusals = {*COMMON_PROBLEMS, *body_problems, *endpoint.problems} - endpoint.answers.keys()
    found: JsonObject = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {content.media_type: _media(content) for content in contents},
        }
        for status, contents in endpoint.answers.items()
    }
    for status in sorted(refusals):
        found[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    # The server's own answer, before any of ours is asked.
    too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    found[str(int(too_large))] = {"description": too_large.phrase}
    return found


def _media(content: Content) -> JsonObject:
    if content.record is not None:
        return {"schema": _reference(content.record)}
    if content.schema is not None:
        return {"schema": content.schema}
    return {} if content.media_type == JSON else {"schema": {}}


def _reference(record: type[Record]) -> JsonObject:
    return {"$ref": f"#/components/schemas/{record.__name__}"}
