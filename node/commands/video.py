"""`reelect video`: publish files, fetch them from any node, list them, like and comment."""

import mimetypes
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.kinds import Json, JsonObject
from consensus.unixfs import KUBO, Profile, Subtree, profile_named
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.keystore_options import read_first_line
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, draft, send
from node.commands.social import comment, comments, like, unlike
from node.content_transfer import (
    Report,
    download_file,
    measure,
    upload_and_pin,
    upload_tree,
)
from node.failure import Failure, Refused, Usage
from node.output import live_line, print_fields, print_json, print_table, progress
from node.query.answers import ContentItem
from node.query.chain_view import Finality
from node.query.store_forms import PinForm
from storage.content_pin import PinKind
from vm.modules.content import Publish

app = App(name="video", help="Publish, fetch and list videos; like them and comment on them.")
for _command in (like, unlike, comment, comments):
    app.command(_command)


@app.command
async def publish(
    file: Path,
    *,
    title: str | None = None,
    media_type: str | None = None,
    profile: str = KUBO.name,
    admin_token_file: Path | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Store a video on a node, which pins it, and register it; the sender becomes its owner.

    If it is interrupted, run it again: blocks that the node has are not sent again, nor is what
    the account has published already.

    Parameters
    ----------
    file
        The video.
    title
        Its title; else the file's name without its ending.
    media_type
        Such as video/mp4; else by the file's ending.
    profile
        How it is cut into blocks; only the default gives ownership.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    chosen = argument("--profile", profile_named, profile)
    made = await trio.to_thread.run_sync(measure, file, chosen)
    action = _action(file, made, chosen, title, media_type)
    token = None if admin_token_file is None else read_first_line(admin_token_file)
    async with Client(options.section.node, token=token) as client:
        known = await client.content(made.cid, finality=Finality.HEAD)
        owned = known is not None and known.item.video.owner == await options.sender(client)
        if not owned:
            await draft(client, options, [action])  # refused before anything is stored
        if not options.dry_run:
            form = PinForm(PinKind.CHAIN.value, action.title)
            await upload_and_pin(
                client,
                made.cid,
                form,
                lambda: upload_tree(client, file, chosen, made.cid, _reporter(made.size)),
            )
            progress("")
        if known is not None and owned:
            _show_owned(known.item, as_json=json)
            return
        try:
            await send(client, options, [action], as_json=json, about={"cid": str(made.cid)})
        except Refused:
            with suppress(Failure):  # it is not registered: the pin may go, and may be gone
                await client.unpin(made.cid, PinKind.CHAIN)
            raise


def _show_owned(item: ContentItem, *, as_json: bool) -> None:
    """Nothing is left to publish: the account owns the video, and the node has its blocks."""
    fields: JsonObject = {
        "cid": str(item.cid),
        "state": "published before",
        "height": item.video.height,
    }
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


def _action(
    file: Path, made: Subtree, profile: Profile, title: str | None, media_type: str | None
) -> Publish:
    kind = media_type or mimetypes.guess_type(file.name)[0]
    if kind is None:
        raise Usage("the file's ending says nothing; give the type", field="--media-type")
    action = Publish(made.cid, profile.name, made.size, kind, title or file.stem)
    check_action(action)
    return action


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
        known = await client.content(root, finality=Finality.HEAD)
        size = None if known is None else known.item.video.size_bytes
        done = await download_file(client, root, output, _reporter(size))
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
        items = [item async for item in client.contents(account)]
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
            format_address(item.video.owner),
        )
        for item in items
    ]
    print_table(("CID", "TITLE", "TYPE", "BYTES", "OWNER"), rows)


def _reporter(size: int | None) -> Report:
    """A line on the terminal with the bytes done, and the share of `size` if that is known."""

    def report(done: int) -> None:
        share = f" of {size} bytes, {100 * done // size} %" if size else " bytes"
        live_line(f"{done}{share}")

    return report
