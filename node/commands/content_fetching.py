"""`reelect content fetch`: have a node fetch a whole file and keep it."""

from pathlib import Path

import trio

from consensus.cid import Cid, parse_cid
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.content.file_fetch import FetchState
from node.failure import Refused
from node.output import live_line, print_fields, print_json, progress
from node.query.answers import ContentFetchAnswer

ASK_EVERY_S = 0.5


async def fetch(
    cid: str,
    *,
    wait: bool = True,
    admin_token_file: Path | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Have a node fetch a whole file from others and keep it.

    Blocks that the node has are not fetched again: what was broken off goes on where it was.

    Parameters
    ----------
    cid
        The file's content id.
    wait
        Until the file is whole; else the node goes on by itself.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    root = argument("CID", parse_cid, cid)
    async with options.client(admin_token_file) as client:
        answer = await client.begin_fetch(root)
        if wait:
            answer = await _until_ended(client, root)
    if answer.state == FetchState.FAILED.value:
        raise Refused(answer.reason, field="CID", code="fetch-failed")
    fields: JsonObject = {
        "cid": cid,
        "state": answer.state,
        "done_bytes": answer.done_bytes,
        "size_bytes": answer.size_bytes,
        "sources": len(answer.sources),
    }
    if json:
        print_json(fields)
    else:
        print_fields(fields)


async def _until_ended(client: Client, root: Cid) -> ContentFetchAnswer:
    while (answer := await client.content_fetch(root)).state == FetchState.RUNNING.value:
        of = f" of {answer.size_bytes}" if answer.size_bytes else ""
        live_line(f"{answer.done_bytes}{of} bytes, from {len(answer.sources)} peers")
        await trio.sleep(ASK_EVERY_S)
    progress("")
    return answer
