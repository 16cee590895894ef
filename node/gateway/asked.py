"""What a request asks of the gateway: content path, form and parameters.

Sources: IPFS path gateway and trustless gateway specifications; IPIP-0402 (CAR parameters),
IPIP-0412 (CAR negotiation), IPIP-0523 (`format` goes before Accept).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.datastructures import Headers
from starlette.types import Scope as HttpScope

from consensus.dag_walk import Scope
from consensus.errors import InvalidEncoding
from node.api.problems import Problem, malformed
from node.gateway.byte_ranges import parse_entity_bytes

MAX_SEGMENTS = 16
MAX_PATH_BYTES = 4096
MAX_FILENAME = 255
_PREFIX = "/ipfs/"


class Form(Enum):
    """How content is answered: as the file it is, or as blocks that prove themselves."""

    FILE = ""
    RAW = "raw"
    CAR = "car"
    DAG_CBOR = "dag-cbor"


MEDIA_TYPES = {
    Form.RAW: "application/vnd.ipld.raw",
    Form.CAR: "application/vnd.ipld.car",
    Form.DAG_CBOR: "application/vnd.ipld.dag-cbor",
}
_FORMS = {media_type: form for form, media_type in MEDIA_TYPES.items()}
# Forms of the specification that this node does not have: who accepts no other gets 406.
_OTHER_FORMS = {
    *("application/vnd.ipfs.ipns-record", "application/vnd.ipld.dag-json", "application/x-tar"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for `/ipfs/{root}/{segments}`.

    `path` is as it was sent. `entity_bytes` are a CAR's first and last byte (None: to the end).
    `content_location` is where this form has a URL of its own, if the request's was another.
    `range` and the conditions are as they were sent, empty where they mean nothing.
    """

    path: str
    root: str
    segments: tuple[str, ...]
    has_slash: bool
    query: str
    form: Form
    scope: Scope
    entity_bytes: tuple[int, int | None] | None
    repeats: bool
    filename: str
    is_download: bool
    only_here: bool
    content_location: str | None
    range: str
    if_range: str | None
    if_none_match: str

    @property
    def name(self) -> str:
        """What the file is called: by its reader, or else by the last segment of the path."""
        return self.filename or (self.segments[-1] if self.segments else "")


def read_request(request: HttpScope, headers: Headers) -> Asked:
    """Read a request's line and headers; raises Problem naming what is wrong."""
    path = bytes(request.get("raw_path") or request["path"].encode()).decode("latin-1")
    path = path.partition("?")[0]
    query_string = bytes(request["query_string"]).decode("latin-1")
    query = dict(reversed(parse_qsl(query_string, keep_blank_values=True)))  # the first counts
    root, segments, has_slash = _content_path(path)
    form, options = _negotiated(query, headers)
    filename = query.get("filename", "")
    if len(filename) > MAX_FILENAME:
        raise malformed(f"more than {MAX_FILENAME} characters", field="filename")
    scope, entity_bytes = _selection(query)
    repeats = _repeats(options) if form is Form.CAR else True
    return Asked(
        path=path,
        root=root,
        segments=segments,
        has_slash=has_slash,
        query=query_string,
        form=form,
        scope=scope,
        entity_bytes=entity_bytes,
        repeats=repeats,
        filename=filename,
        is_download=query.get("download") == "true",
        only_here="only-if-cached" in headers.get("cache-control", ""),
        content_location=_content_location(path, query, form, repeats=repeats),
        range=headers.get("range", "") if request["method"] == "GET" else "",
        if_range=headers.get("if-range"),
        if_none_match=headers.get("if-none-match", ""),
    )


def _content_path(path: str) -> tuple[str, tuple[str, ...], bool]:
    if len(path) > MAX_PATH_BYTES:
        raise malformed(f"a path of more than {MAX_PATH_BYTES} bytes", field="path")
    rest = path.removeprefix(_PREFIX)
    has_slash = rest.endswith("/")
    root, *spelled = rest.removesuffix("/").split("/")
    if len(spelled) > MAX_SEGMENTS:
        raise malformed(f"a path deeper than {MAX_SEGMENTS} names", field="path")
    try:
        segments = tuple(unquote(segment, errors="strict") for segment in spelled)
    except UnicodeDecodeError:
        raise malformed("a path that is not UTF-8", field="path") from None
    return root, segments, has_slash


def _negotiated(query: Mapping[str, str], headers: Headers) -> tuple[Form, dict[str, str]]:
    """The form, and the parameters of a CAR: those in the query go before those in Accept."""
    accepted = list(_accepted(headers.getlist("accept")))
    spelled = query.get("format")
    if spelled is None:
        form, options = _accepted_form(accepted)
    else:
        forms = {form.value: form for form in _FORMS.values()}
        if spelled not in forms:
            raise malformed(f"one of {', '.join(forms)} is expected", field="format")
        form = forms[spelled]
        options = next((found for media, found in accepted if _FORMS.get(media) is form), {})
    named = {name: query[f"car-{name}"] for name in _CAR_VALUES if f"car-{name}" in query}
    return form, {**options, **named}


def _accepted(headers: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Media types with their parameters, those that the client likes best first."""
    found: list[tuple[float, str, dict[str, str]]] = []
    for item in ",".join(headers).split(","):
        media_type, *parameters = (part.strip() for part in item.lower().split(";"))
        options = {}
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            options[name.strip()] = value.strip().strip('"')
        try:
            weight = float(options.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if media_type and weight > 0:
            found.append((weight, media_type, options))
    found.sort(key=lambda each: -each[0])
    return ((media_type, options) for _, media_type, options in found)


def _accepted_form(accepted: list[tuple[str, dict[str, str]]]) -> tuple[Form, dict[str, str]]:
    refused: list[str] = []
    for media_type, options in accepted:
        form = _FORMS.get(media_type)
        if media_type in _OTHER_FORMS or (form is Form.CAR and not _is_known_car(options)):
            refused.append(media_type)
            continue
        return form or Form.FILE, options
    if refused:
        raise Problem(
            406,
            "not-acceptable",
            f"{refused[0]} is not given here, or not with these parameters; there are "
            f"{', '.join(_FORMS)} (version=1; order=dfs or unk; dups=y or n) and the file itself",
            field="accept",
        )
    return Form.FILE, {}


_CAR_VALUES = {"version": ("1",), "order": ("dfs", "unk", ""), "dups": ("y", "n", "")}


def _is_known_car(options: Mapping[str, str]) -> bool:
    return all(options.get(name, values[0]) in values for name, values in _CAR_VALUES.items())


def _repeats(options: Mapping[str, str]) -> bool:
    """Whether a CAR holds a block as often as it occurs; raises Problem for unknown parameters."""
    for name, values in _CAR_VALUES.items():
        if options.get(name, values[0]) not in values:
            known = ", ".join(value for value in values if value)
            raise malformed(f"one of {known} is expected", field=f"car-{name}")
    return options.get("dups") == "y"


def _selection(query: Mapping[str, str]) -> tuple[Scope, tuple[int, int | None] | None]:
    spelled, entity_bytes = query.get("dag-scope"), query.get("entity-bytes")
    scopes = {scope.value: scope for scope in Scope}
    if spelled is not None and spelled not in scopes:
        raise malformed(f"one of {', '.join(scopes)} is expected", field="dag-scope")
    if entity_bytes is None:
        return (Scope.ALL if spelled is None else scopes[spelled]), None
    if spelled not in (None, Scope.ENTITY.value):
        raise malformed("goes with dag-scope=entity only", field="entity-bytes")
    try:
        return Scope.ENTITY, parse_entity_bytes(entity_bytes)
    except InvalidEncoding as error:
        raise malformed(error.message, field=error.field) from None


def _content_location(
    path: str, query: Mapping[str, str], form: Form, *, repeats: bool
) -> str | None:
    named = {name for name in _CAR_VALUES if f"car-{name}" in query}
    if form is Form.FILE or (query.get("format") == form.value and not named):
        return None
    kept = {name: value for name, value in query.items() if not name.startswith("car-")}
    if form is Form.CAR:
        kept |= {"car-version": "1", "car-order": "dfs", "car-dups": "y" if repeats else "n"}
    return f"{path}?{urlencode({**kept, 'format': form.value})}"
