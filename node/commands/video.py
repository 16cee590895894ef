"""`reelect video`: publish files, fetch them from any node, list them, like and comment; seal, sell
and buy them."""

import mimetypes
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.kinds import Json, JsonObject
from consensus.unixfs import KUBO, Profile, Subtree, profile_named
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.delivering import deliver
from node.commands.keystore_options import read_first_line
from node.commands.sealing import NO_READER_OPTIONS, ReaderOptions, seal_file, sealing_for
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, draft, send
from node.commands.social import comment, comments, like, unlike
from node.commands.viewing import (
    NO_OFFER_OPTIONS,
    OfferOptions,
    appoint,
    buy,
    dispute,
    grant,
    offer,
    purchases,
    viewing_key,
)
from node.content_transfer import Report, download_file, measure, upload_file
from node.failure import Usage
from node.output import live_line, print_fields, print_json, print_table, progress, warn
from node.query.answers import ContentItem
from node.query.chain_view import Finality
from vm.modules.content import Publish
from vm.modules.viewing import COMMITMENTS

app = App(
    name="video",
    help="Publish, fetch and list videos; like and comment; seal, sell and buy them.",
)
app.command(like)
app.command(unlike)
app.command(comment)
app.command(comments)
app.command(offer)
app.command(buy)
app.command(deliver)
app.command(dispute)
app.command(grant)
app.command(viewing_key)
app.command(appoint)
app.command(purchases)


@app.command
async def publish(
    file: Path,
    *,
    title: str | None = None,
    media_type: str | None = None,
    profile: str = KUBO.name,
    encrypt: Annotated[bool, Parameter(negative=())] = False,
    edition: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
    terms: OfferOptions = NO_OFFER_OPTIONS,
    admin_token_file: Path | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Store a video on a node and register it; the sender becomes its owner.

    With --encrypt it is sealed on the way, so that only those read it who buy the key or are
    granted it. The key follows from the account's own: nothing else is to be kept.

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
    encrypt
        Seal it; the type is then that of the video inside.
    edition
        Another number seals the same file with another key.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    chosen = argument("--profile", profile_named, profile)
    if edition and not encrypt:
        raise Usage("only what is encrypted has editions", field="--encrypt")
    token = None if admin_token_file is None else read_first_line(admin_token_file)
    async with Client(options.section.node, token=token) as client:
        sealing = await seal_file(client, options, file, edition) if encrypt else None
        made = await trio.to_thread.run_sync(measure, file, chosen, sealing)
        publication = _action(file, made, chosen, title, media_type)
        actions = [publication, *await terms.actions(client, options, made.cid, sealing)]
        known = await client.content(made.cid, finality=Finality.HEAD)
        owned = known is not None and known.item.video.owner == await options.sender(client)
        if not owned:
            await draft(client, options, actions)  # refused before anything is stored
        if not options.dry_run:
            report = _reporter(made.size)
            await upload_file(client, file, chosen, made.cid, report, sealing=sealing)
            progress("")
        if known is not None and owned:
            if terms != NO_OFFER_OPTIONS:
                warn("published before; `reelect video offer` sets what it costs")
            _show_owned(known.item, as_json=json)
            return
        await send(client, options, actions, as_json=json, about={"cid": str(made.cid)})


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
    sealed: Annotated[bool, Parameter(negative=())] = False,
    options: ReaderOptions = NO_READER_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Fetch a file by its content id; every block is checked before it is written. A sealed video
    is opened on the way, with the key that the account has as its owner, by purchase or grant.

    If it is interrupted, run it again: it goes on where it was.

    Parameters
    ----------
    cid
        The file's content id.
    output
        The file to write; it must not exist.
    sealed
        Leave a sealed video as it is.
    """
    root = argument("CID", parse_cid, cid)
    async with options.client() as client:
        known = await client.content(root, finality=Finality.HEAD)
        size = None if known is None else known.item.video.size_bytes
        sealing = None
        if not sealed and await client.row(COMMITMENTS.name, cid, finality=Finality.HEAD):
            sealing = await sealing_for(client, await options.reader(client), root)
        done = await download_file(client, root, output, _reporter(size), sealing)
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
