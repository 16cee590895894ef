"""`reelect video`: publish files, fetch them from any node, look at them, sell and buy them, hand
them on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.cid import Cid, parse_cid
from consensus.kinds import Json, JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.delivering import deliver
from node.commands.sealing import NO_READER_OPTIONS, ReaderOptions, sealing_for
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.social import comment, comments, like, unlike
from node.commands.video_publish import publish, reporter
from node.commands.video_spending import share, sign_view, submit_views, tip
from node.commands.viewing import appoint, buy, dispute, grant, offer, purchases, viewing_key
from node.content_transfer import download_file
from node.failure import Refused
from node.output import print_fields, print_json, print_table, progress
from node.query.answers import VideoItem
from node.query.chain_view import Finality
from vm.modules.content import Accept, Transfer, Update
from vm.modules.viewing import COMMITMENTS

MOST_SHOWN = 20  # versions and clips of one video, for people; --json has all

app = App(name="video", help="Publish, fetch, sell and buy videos; like, share, tip.")
for _command in (
    *(publish, like, unlike, comment, comments, share, tip, sign_view, submit_views),
    *(offer, buy, deliver, dispute, grant, viewing_key, appoint, purchases),
):
    app.command(_command)


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
        known = await client.video(root, finality=Finality.HEAD)
        size = None if known is None else known.item.video.size_bytes
        sealing = None
        if not sealed and await client.row(COMMITMENTS.name, cid, finality=Finality.HEAD):
            sealing = await sealing_for(client, await options.reader(client), root)
        done = await download_file(client, root, output, reporter(size), sealing)
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
    """List published videos: all versions, or those of one account, each by its first version.

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
            item.video.number,
            item.video.title,
            item.video.media_type,
            item.video.size_bytes,
            format_address(item.owner),
        )
        for item in items
    ]
    print_table(("CID", "VERSION", "TITLE", "TYPE", "BYTES", "OWNER"), rows)


@app.command
async def show(
    cid: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what the chain says of a version of a video: whose it is, the other versions, clips.

    Parameters
    ----------
    cid
        The version's content id.
    finality
        Read the final state, or that of the head, which may still change.
    """
    video = argument("CID", parse_cid, cid)
    most = None if json else MOST_SHOWN
    async with options.client() as client:
        answer = await client.video(video, finality=finality)
        if answer is None:
            raise Refused(f"no video {cid} is published", field="CID", code="not-found")
        versions = await _ids(client.versions(video, finality=finality), most)
        clips = await _ids(client.clips(video, finality=finality), most)
    if json:
        print_json({**answer.item.to_json(), "versions": versions, "clips": clips})
    else:
        print_fields(_fields(answer.item, versions, clips))


async def _ids(items: AsyncIterator[VideoItem], most: int | None) -> list[Json]:
    """The ids of listed videos, the first so many."""
    found: list[Json] = []
    async for item in items:
        if len(found) == most:
            found.append("… (--json has all)")
            break
        found.append(str(item.cid))
    return found


def _fields(item: VideoItem, versions: list[Json], clips: list[Json]) -> JsonObject:
    video, offered_to = item.video, item.offered_to
    return {
        "cid": str(item.cid),
        "title": video.title,
        "owner": format_address(item.owner),
        "offered to": "nobody" if offered_to is None else format_address(offered_to),
        "licence": video.licence or "nothing is said",
        "type": video.media_type,
        "bytes": video.size_bytes,
        "published at height": video.height,
        "taken down": "no" if item.taken_down is None else item.taken_down.reason,
        "clip of": "none" if video.parent is None else str(video.parent),
        "version": video.number,
        "versions": versions,
        "clips": clips or "none",
    }


@app.command
async def update(
    cid: str,
    *,
    title: str | None = None,
    media_type: str | None = None,
    licence: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Change what is said of a version of a video of the account that sends (--from); what is not
    given stays.

    Parameters
    ----------
    cid
        The version's content id.
    title
        Its title.
    media_type
        Such as video/mp4.
    licence
        An SPDX expression such as CC-BY-4.0; "" says nothing any more.
    """
    named = argument("CID", parse_cid, cid)
    async with options.client() as client:
        answer = await client.video(named, finality=Finality.HEAD)
        if answer is None:
            raise Refused(f"no video {cid} is published", field="CID", code="not-found")
        video = answer.item.video
        kept = video.licence if licence is None else licence or None
        action = Update(named, media_type or video.media_type, title or video.title, kept)
        await send(client, options, [action], as_json=json)


@app.command
async def transfer(
    cid: str,
    to: str | None = None,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Offer a video of the account that sends (--from), with all its versions, to another, which
    owns them once it accepts (`reelect video accept`).

    Parameters
    ----------
    cid
        The content id of any version.
    to
        Address, @handle or name of the account; without it an offer is taken back.
    """
    named = argument("CID", parse_cid, cid)
    async with options.client() as client:
        account = await _other(client, options, to)
        await send(client, options, [Transfer(named, account)], as_json=json)


@app.command
async def accept(
    cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Accept a video that is offered to the account that sends (--from).

    Parameters
    ----------
    cid
        The content id of its newest version.
    """
    named: Cid = argument("CID", parse_cid, cid)
    async with options.client() as client:
        await send(client, options, [Accept(named)], as_json=json)


async def _other(client: Client, options: SendOptions, to: str | None) -> bytes | None:
    return None if to is None else await find_account(client, options.section, to, "TO")
