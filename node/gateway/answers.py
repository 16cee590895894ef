"""The gateway's answers: a block, a CAR, a file or part of one, a directory.

Sources: IPFS path gateway and trustless gateway specifications; RFC 9110 (conditional requests,
ranges).
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from consensus.car import car_header, car_section
from consensus.cid import DAG_CBOR, Cid
from consensus.dag_walk import EVERYTHING, DagWalk, Scope, Span, Visit
from consensus.errors import InvalidEncoding
from consensus.unixfs import DirectoryEntry
from node.api.problems import Broken, Problem, malformed
from node.gateway.asked import MEDIA_TYPES, Asked, Form
from node.gateway.block_source import BlockSource
from node.gateway.byte_ranges import Unsatisfiable, entity_span, ranged
from node.gateway.flow import Flow, pour
from node.gateway.listing import VERSION, listing
from node.gateway.media_type import (
    SNIFFED_BYTES,
    disposition,
    is_shown,
    sniffed_type,
    type_by_name,
)
from node.gateway.resolution import Resolved, entries_of, resolve, size_of
from node.query.chain_view import NotFound

IMMUTABLE = "public, max-age=29030400, immutable"
GENERATED = "public, max-age=604800"  # a page of ours, which may change with the program
# Nothing runs, whatever a browser takes it for; a media document still shows what it is of.
CONTENT_POLICY = (
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
)
LISTING_POLICY = (
    "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
INDEX = "index.html"
MAX_SNIFFED = 1024  # files whose sniffed types are remembered

# The empty block whose CID holds it (identity hash): clients ask for it to find a gateway.
PROBE = "bafkqaaa"
_PROBE_CAR = bytes.fromhex("19a265726f6f747381d82a4500015500006776657273696f6e01")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers, and a body at once or, if it is long, as it is read."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    flow: Flow | None = None


class Answers:
    """Answers what is asked, out of one source of blocks."""

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        self._sniffed: OrderedDict[Cid, str] = OrderedDict()

    async def answer(self, asked: Asked, root: Cid) -> Answer:
        """The answer to GET; raises Problem, Invalid or ContentError."""
        if asked.form in (Form.RAW, Form.DAG_CBOR) and asked.segments:
            raise malformed(
                f"a block is asked for by its own CID: format={asked.form.value} goes without a "
                "path",
                field="path",
            )
        resolved = await resolve(self._source, root, asked.segments, only_here=asked.only_here)
        if asked.form is Form.CAR:
            made = await self._car(asked, resolved)
        elif asked.form is Form.FILE:
            made = await self._deserialized(asked, resolved)
        else:
            made = self._block(asked, resolved)
        return _not_modified(made) if _is_known(asked, made) else made

    def _block(self, asked: Asked, resolved: Resolved) -> Answer:
        form = asked.form
        if form is Form.DAG_CBOR and resolved.cid.codec != DAG_CBOR:
            raise Problem(406, "not-acceptable", f"{resolved.cid} is no dag-cbor", field="format")
        suffix = ".cbor" if form is Form.DAG_CBOR else ".bin"
        answer = Answer(
            200,
            {
                **_verifiable(asked, f"{resolved.cid}{suffix}"),
                "content-type": MEDIA_TYPES[form],
                "etag": f'"{resolved.cid}.{form.value}"',
                "x-ipfs-roots": resolved.roots,
            },
        )
        span, made = _partial(asked, answer, len(resolved.data))
        return replace(made, body=resolved.data[span.start : span.stop])

    async def _car(self, asked: Asked, resolved: Resolved) -> Answer:
        scope, span = asked.scope, None
        size = None if scope is Scope.BLOCK else await size_of(self._source, resolved)
        if asked.entity_bytes is not None and size is not None:
            span = entity_span(*asked.entity_bytes, size)
            scope = Scope.BLOCK if span is None else Scope.ENTITY
        above = resolved.blocks[:-1] if asked.repeats else _distinct(resolved.blocks[:-1])
        walk = DagWalk(
            resolved.cid,
            scope,
            span or EVERYTHING,
            repeats=asked.repeats,
            visited=[cid for cid, _ in above],
        )
        head = car_header([resolved.blocks[0][0]]) + b"".join(car_section(*each) for each in above)
        dups = "y" if asked.repeats else "n"
        chosen = f"{asked.path.rstrip('/')} {span} {dups}"
        digest = hashlib.sha256(chosen.encode()).hexdigest()[:16]
        return Answer(
            200,
            {
                **_verifiable(asked, f"{resolved.cid}.car"),
                "content-type": f"{MEDIA_TYPES[Form.CAR]}; version=1; order=dfs; dups={dups}",
                "etag": f'"{scope.value}.{resolved.cid}.car.{digest}"',
                "accept-ranges": "none",
                "x-ipfs-roots": resolved.roots,
            },
            flow=Flow(walk, _section, {resolved.cid: resolved.data}, head, asked.only_here),
        )

    async def _deserialized(self, asked: Asked, resolved: Resolved) -> Answer:
        if resolved.cid.codec == DAG_CBOR:
            return self._block(replace(asked, form=Form.DAG_CBOR), resolved)
        entries = await entries_of(self._source, resolved.cid, resolved.data)
        if entries is None:
            return await self._file(asked, resolved)
        if not asked.has_slash:
            query = f"?{asked.query}" if asked.query else ""
            return Answer(301, {"location": f"{asked.path}/{query}", "cache-control": IMMUTABLE})
        index = next((entry for entry in entries if entry.name == INDEX), None)
        if index is None:
            return await self._directory(asked, resolved, entries)
        data = await self._source.get(index.cid, only_here=asked.only_here)
        below = Resolved((*resolved.blocks, (index.cid, data)))
        named = replace(asked, segments=(*asked.segments, INDEX))
        if await entries_of(self._source, below.cid, data) is not None:
            raise InvalidEncoding(f"{INDEX} is a directory: name a file in it", field="path")
        return await self._file(named, below)

    async def _file(self, asked: Asked, resolved: Resolved) -> Answer:
        size = await size_of(self._source, resolved) or 0
        media_type = type_by_name(asked.name) or await self._sniff(asked, resolved)
        answer = Answer(
            200,
            {
                "content-type": media_type,
                "etag": f'"{resolved.cid}"',
                "cache-control": IMMUTABLE,
                "content-security-policy": CONTENT_POLICY,
                "x-ipfs-path": asked.path,
                "x-ipfs-roots": resolved.roots,
                **_shown(asked, resolved.cid, media_type),
            },
        )
        span, made = _partial(asked, answer, size)
        walk = DagWalk(resolved.cid, Scope.ENTITY, span)
        known = {resolved.cid: resolved.data}
        return replace(made, flow=Flow(walk, _content, known, only_here=asked.only_here))

    async def _sniff(self, asked: Asked, resolved: Resolved) -> str:
        """The media type by the file's first bytes, remembered."""
        cid = resolved.cid
        if cid not in self._sniffed:
            walk = DagWalk(cid, Scope.ENTITY, Span(0, SNIFFED_BYTES))
            head = bytearray()

            async def put(piece: bytes) -> None:
                head.extend(piece)

            flow = Flow(walk, _content, {cid: resolved.data}, only_here=asked.only_here)
            try:
                await pour(self._source, flow, put)
            except Broken as error:
                raise NotFound(f"the file's first bytes are not here: {error}") from None
            self._sniffed[cid] = sniffed_type(bytes(head))
            if len(self._sniffed) > MAX_SNIFFED:
                self._sniffed.popitem(last=False)
        return self._sniffed[cid]

    async def _directory(
        self, asked: Asked, resolved: Resolved, entries: tuple[DirectoryEntry, ...]
    ) -> Answer:
        title = unquote(asked.path)
        has_parent = bool(asked.segments)
        body = await self._source.in_thread(
            lambda: listing(title, resolved.cid, entries, has_parent=has_parent)
        )
        return Answer(
            200,
            {
                "content-type": "text/html; charset=utf-8",
                "content-length": str(len(body)),
                "etag": f'"DirIndex-{VERSION}-{resolved.cid}"',
                "cache-control": GENERATED,
                "content-security-policy": LISTING_POLICY,
                "x-ipfs-path": asked.path,
                "x-ipfs-roots": resolved.roots,
            },
            body,
        )


def probe(asked: Asked) -> Answer:
    """The answer to a client that looks for a gateway (trustless gateway, dedicated probe)."""
    media_type = MEDIA_TYPES.get(asked.form, "text/plain; charset=utf-8")
    if asked.form is Form.CAR:
        media_type += "; version=1; order=dfs; dups=n"
    body = _PROBE_CAR if asked.form is Form.CAR else b""
    headers = {"content-type": media_type, "cache-control": IMMUTABLE}
    if asked.form is not Form.FILE:
        suffix = "car" if asked.form is Form.CAR else "bin"
        headers |= {"content-disposition": disposition(f"{PROBE}.{suffix}", is_attachment=True)}
    return Answer(200, {**headers, "content-length": str(len(body))}, body)


def _distinct(blocks: tuple[tuple[Cid, bytes], ...]) -> tuple[tuple[Cid, bytes], ...]:
    return tuple(dict(blocks).items())


def _section(visit: Visit) -> bytes:
    return car_section(visit.cid, visit.data) if visit.is_new else b""


def _content(visit: Visit) -> bytes:
    return visit.content


def _verifiable(asked: Asked, filename: str) -> dict[str, str]:
    """The headers of an answer that proves itself, which a browser never shows."""
    headers = {
        "content-disposition": disposition(asked.filename or filename, is_attachment=True),
        "cache-control": IMMUTABLE,
        "content-security-policy": CONTENT_POLICY,
        "x-ipfs-path": asked.path,
    }
    if asked.content_location is not None:
        headers["content-location"] = asked.content_location
    return headers


def _shown(asked: Asked, cid: Cid, media_type: str) -> dict[str, str]:
    is_attachment = asked.is_download or not is_shown(media_type)
    if not is_attachment and not asked.filename:
        return {}
    filename = asked.name or (str(cid) if is_attachment else "")
    return {"content-disposition": disposition(filename, is_attachment=is_attachment)}


def _partial(asked: Asked, answer: Answer, size: int) -> tuple[Span, Answer]:
    """Which bytes are sent, and the answer that says so; raises Problem with 416."""
    span = None
    is_asked = asked.if_range in (None, answer.headers["etag"]) and not _is_known(asked, answer)
    if asked.range and is_asked:
        try:
            span = ranged(asked.range, size)
        except Unsatisfiable:
            raise Problem(
                416,
                "range-not-satisfiable",
                f"the range begins behind the end of {size} bytes",
                field="range",
                headers={"content-range": f"bytes */{size}"},
            ) from None
    more = {"accept-ranges": "bytes"}
    if span is None:
        more["content-length"] = str(size)
        return Span(0, size), replace(answer, headers=answer.headers | more)
    more["content-length"] = str(span.stop - span.start)
    more["content-range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    return span, replace(answer, status=206, headers=answer.headers | more)


def _is_known(asked: Asked, answer: Answer) -> bool:
    """Whether the client has the answer already (RFC 9110 section 13.1.2)."""
    etag = answer.headers.get("etag")
    tags = [tag.strip().removeprefix("W/") for tag in asked.if_none_match.split(",")]
    return etag is not None and (etag in tags or tags == ["*"])


def _not_modified(answer: Answer) -> Answer:
    kept = ("etag", "cache-control", "content-location", "x-ipfs-path", "x-ipfs-roots")
    return Answer(304, {name: answer.headers[name] for name in kept if name in answer.headers})
