"""`reelect video`: publish files, fetch them from any node, list them, like and comment."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.kinds import Json, JsonObject
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.social import comment, comments, like, unlike
from node.commands.video_publish import publish, reporter
from node.content_transfer import download_file
from node.output import print_fields, print_json, print_table, progress
from node.query.chain_view import Finality

app = App(name="video", help="Publish, fetch and list videos; like them and comment on them.")
for _command in (publish, like, unlike, comment, comments):
    app.command(_command)


@app.command
async def get(
    cid: str,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Fetch a file by its content id; every block is checked before it is written.

    If it is interrupted, run it again: it goes on where it was.

    Parameters
    ----------
    cid
        The file's content id.
    output
        The file to write; it must not exist.
    """
    root = argument("CID", parse_cid, cid)
    async with options.client() as client:
        known = await client.video(root, finality=Finality.HEAD)
        size = None if known is None else known.item.video.size_bytes
        done = await download_file(client, root, output, reporter(size))
    progress("")
    fields: JsonObject = {"cid": cid, "file": str(output), "size_bytes": done}
    if json:
        print_json(fields)
    else:
        print_fields(fields)


@app.command(name="list")
async def list_(
    *,
    owner: str | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List published videos.

    Parameters
    ----------
    owner
        Only those of this account: its address, @handle or name.
    """
    async with options.client() as client:
        account = None
        if owner is not None:
            account = await find_account(client, options.section, owner, "--owner")
        items = [item async for item in client.videos(account)]
    if json:
        found: list[Json] = [item.to_json() for item in items]
        print_json(found)
        return
    rows = [
        (
            item.cid,
            item.video.title,
            item.video.media_type,
            item.video.size_bytes,
            format_address(item.owner),
        )
        for item in items
    ]
    print_table(("CID", "TITLE", "TYPE", "BYTES", "OWNER"), rows)
