"""`reelect storage`: who stores what: roots, pledges, proofs, and what they bring."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.cid import Cid, parse_cid
from consensus.kinds import JsonObject
from consensus.segments import GROUP_BYTES, SegmentHasher
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, known_asset, own_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.storage_proving import Answering, hash_on_node, right_root
from node.failure import Refused, Usage
from node.output import live_line, print_fields, print_json, print_table, progress
from node.query.possession_queries import PledgeItem
from vm.modules.possession import MAX_PERIODS, Fund, PledgeFor, Register, Withdraw

app = App(name="storage", help="Pledge to hold videos, prove it, and see who stores what.")

AdminTokenFile = Annotated[
    Path | None,
    Parameter(help="File with the node's admin token, which a node on another machine asks for."),
]


@app.command
async def root(
    subject: str,
    *,
    admin_token_file: AdminTokenFile = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Print the segment root of a file here, or of content that the node stores.

    Parameters
    ----------
    subject
        A file, or a content id.
    """
    if await trio.Path(subject).is_file():
        size, found = await trio.to_thread.run_sync(_hash_file, Path(subject))
    else:
        cid = argument("SUBJECT", parse_cid, subject)
        async with options.client(admin_token_file) as client:
            size, found = await hash_on_node(client, cid)
    fields: JsonObject = {"root": found.hex(), "size_bytes": size}
    if json:
        print_json(fields)
    else:
        print_fields(fields)


def _hash_file(file: Path) -> tuple[int, bytes]:
    hasher = SegmentHasher()
    for piece in _pieces(file):
        hasher.feed(piece)
        live_line(f"{hasher.size} bytes")
    hasher.finish()
    progress("")
    if not hasher.size:
        raise Refused("is empty: it has no segments", field=str(file))
    return hasher.size, hasher.root


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        yield from iter(partial(source.read, GROUP_BYTES), b"")


@app.command
async def register(
    cid: str,
    *,
    admin_token_file: AdminTokenFile = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Register the segment root of a video of one's own, as the node computes it from what it
    stores. Then others can pledge to hold it.

    Parameters
    ----------
    cid
        The video.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client(admin_token_file) as client:
        size, found = await hash_on_node(client, video)
        known = await client.video(video)
        if known is not None and known.item.video.size_bytes != size:
            raise Refused(
                f"it has {size} bytes and was published as of {known.item.video.size_bytes}: no "
                "proof of it would hold",
                field="CID",
                code="wrong-size",
            )
        about: JsonObject = {"cid": cid, "root": found.hex()}
        await send(client, options, [Register(video, found)], as_json=json, about=about)


@app.command
async def pledge(
    cid: str,
    *,
    periods: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MAX_PERIODS))],
    admin_token_file: AdminTokenFile = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Pledge to hold a video, for so many challenges at least. First the node computes the root of
    what it stores: for another than the registered one nothing could be proved.

    Parameters
    ----------
    cid
        The video.
    periods
        For how many challenges; after that the pledge goes on until it is withdrawn.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client(admin_token_file) as client:
        registered = await client.storage_providers(video)
        await right_root(client, video, registered.root)
        action = PledgeFor(video, periods)
        await send(client, options, [action], as_json=json)


@app.command
async def withdraw(
    cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """End a pledge whose term is over; what is left of it comes back at once.

    Parameters
    ----------
    cid
        The video.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        await send(client, options, [Withdraw(video)], as_json=json)


@app.command
async def fund(
    amount: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give to the storage pot, out of which pledges earn.

    Parameters
    ----------
    amount
        In whole tokens of the native asset.
    """
    async with options.client() as client:
        asset = await known_asset(client)
        units = asset.parse_positive("AMOUNT", amount)
        await send(client, options, [Fund(units)], as_json=json)


@app.command
async def prove(
    *,
    watch: Annotated[bool, Parameter(negative=())] = False,
    every_s: Annotated[float, Parameter(validator=validators.Number(gte=0.1, lte=3600))] = 5.0,
    admin_token_file: AdminTokenFile = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Answer the open challenges of an account's pledges (--from) with segments of what the node
    stores; each is checked before anything is sent.

    Parameters
    ----------
    watch
        Go on until Ctrl-C; with --json one document a line.
    every_s
        How often to look, with --watch (seconds).
    """
    if watch and (options.dry_run or options.unsigned is not None):
        raise Usage("watching sends: leave out --dry-run and --unsigned", field="--watch")
    async with options.client(admin_token_file) as client:
        answering = Answering(client, options, as_json=json)
        if watch:
            await answering.watch(every_s)
        elif not await answering.once():
            fields: JsonObject = {"state": "no challenge is open"}
            if json:
                print_json(fields)
            else:
                print_fields(fields)


@app.command(name="list")
async def list_(
    provider: str | None = None, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """List what an account pledges to hold, and what it has done as a provider.

    Parameters
    ----------
    provider
        Its address, @handle or name; else `client.account`.
    """
    async with options.client() as client:
        account = await own_account(client, options.section, provider, "PROVIDER")
        answer = await client.storage_pledges(account)
        asset = await known_asset(client)
    if json:
        print_json(answer.to_json())
        return
    done = answer.record
    print_fields(
        {
            "provider": format_address(account),
            "kept": done.kept,
            "missed": done.missed,
            "ended by misses": done.ended,
            "earned": asset.format(done.earned),
            "lost": asset.format(done.lost),
        }
    )
    columns = ("CID", "PLEDGED", "DRAWN", "MISSED IN A ROW", "EARNED SINCE", "CHALLENGE")
    print_table(
        columns,
        (
            (
                item.cid,
                asset.format(item.pledge.units),
                f"{item.pledge.period} of {item.pledge.term}",
                item.pledge.missed,
                asset.format(item.unsettled),
                _challenge(item),
            )
            for item in answer.items
        ),
    )


@app.command
async def show(cid: str, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """Show who pledges to hold a video, and its segment root.

    Parameters
    ----------
    cid
        The video.
    """
    video: Cid = argument("CID", parse_cid, cid)
    async with options.client() as client:
        answer = await client.storage_providers(video)
        asset = await known_asset(client)
    if json:
        print_json(answer.to_json())
        return
    print_fields(
        {
            "cid": cid,
            "root": answer.root.root.hex(),
            "size_bytes": answer.root.size_bytes,
            "providers": answer.root.providers,
        }
    )
    print_table(
        ("PROVIDER", "PLEDGED", "DRAWN", "MISSED IN A ROW", "CHALLENGE"),
        (
            (
                format_address(item.provider),
                asset.format(item.pledge.units),
                f"{item.pledge.period} of {item.pledge.term}",
                item.pledge.missed,
                _challenge(item),
            )
            for item in answer.items
        ),
    )


def _challenge(item: PledgeItem) -> str:
    state = "next at" if item.pledge.challenge is None else "open below"
    return f"{state} height {item.pledge.due_height}"
