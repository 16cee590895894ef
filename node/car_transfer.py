"""Content from a node to a CAR file, and from a CAR file to a node; every block is checked on the
way, and memory does not depend on the file."""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import trio

from consensus.car import CarReader, car_header, car_section
from consensus.cid import DAG_PB, Cid
from consensus.dagpb import decode_node
from consensus.errors import Invalid
from consensus.unixfs import ContentBlock, check_content_block
from node.client import Client
from node.content_transfer import INCOMPLETE, Report, name_whole, upload_block
from node.failure import Refused

MAX_WAITING = 1_000_000
MAX_SEEN = 65_536  # further blocks may be written to a CAR again, which readers take
_PIECE_BYTES = 256 * 1024


async def export_car(client: Client, root: Cid, file: Path, report: Report) -> int:
    """Write a root and all below it to a new file, parents before children; its bytes.

    Until it is whole it is called FILE.part. Raises Refused if `file` exists, and for a node that
    cannot be read.
    """
    if await trio.Path(file).exists():
        raise Refused("exists already and is not overwritten", field=str(file))
    part = file.with_name(f"{file.name}.part")
    done = 0
    async with await trio.open_file(part, "wb") as target:
        done += await target.write(car_header([root]))
        async for cid, data in _below(client, root):
            done += await target.write(car_section(cid, data))
            report(done)
        await target.flush()
        await trio.to_thread.run_sync(os.fsync, target.fileno())
    await trio.to_thread.run_sync(name_whole, part, file)
    return done


async def _below(client: Client, root: Cid) -> AsyncIterator[ContentBlock]:
    """A root and all below it, depth first in the order of the links, checked."""
    waiting, seen = [root], set[Cid]()
    while waiting:
        cid = waiting.pop()
        if cid in seen:
            continue
        data = await client.fetch_block(cid)
        check_content_block(cid, data)
        yield cid, data
        if len(seen) < MAX_SEEN:
            seen.add(cid)
        if cid.codec == DAG_PB:
            waiting.extend(reversed(_links(cid, data)))
        if len(waiting) > MAX_WAITING:
            raise Refused(f"more than {MAX_WAITING} blocks lie side by side", field=str(root))


def _links(cid: Cid, data: bytes) -> Sequence[Cid]:
    try:
        return list(dict.fromkeys(link.hash for link in decode_node(data).links))
    except Invalid as error:
        raise Refused(f"not a node of ours: {error}", field=str(cid), code=error.code) from error


async def import_car(client: Client, file: Path, report: Report) -> tuple[Cid, ...]:
    """Put the blocks of a CAR into a node's store, but those that it has; the CAR's roots.

    Raises Refused, naming the file, for what is no CAR of ours, and unless all below every root is
    in the store then. What was stored before that is garbage there.
    """
    reader = CarReader()
    async with await trio.open_file(file, "rb") as source:
        done = 0
        while piece := await source.read(_PIECE_BYTES):
            for cid, data in _fed(reader, piece, file):
                await upload_block(client, cid, data)
            done += len(piece)
            report(done)
    _fed(reader, None, file)
    roots = tuple(dict.fromkeys(reader.roots or ()))
    for root in roots:
        missing = (await client.stored_root(root)).missing
        if missing:
            raise Refused(
                f"not all of the root {root} is in the file or on the node, such as {missing[0]}; "
                "nothing is pinned",
                field=str(file),
                code=INCOMPLETE,
            )
    return roots


def _fed(reader: CarReader, piece: bytes | None, file: Path) -> list[ContentBlock]:
    """The next blocks of a file; None tells that it has ended."""
    try:
        if piece is not None:
            return reader.feed(piece)
        reader.finish()
    except Invalid as error:
        field = f"{file}: {error.field}" if error.field else str(file)
        raise Refused(error.message, field=field, code=error.code) from error
    return []
