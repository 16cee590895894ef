"""`reelect content`: what a node stores: add, pin, list, verify, collect, export and import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter

from consensus.cid import Cid, parse_cid
from consensus.errors import Invalid
from consensus.kinds import JSON_INTEGER_MAX, Json, JsonObject
from consensus.unixfs import KUBO, Profile, profile_named
from node.car_transfer import export_car, import_car
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.content_fetching import fetch
from node.content_transfer import Report, pin_together, upload_and_pin, upload_blocks
from node.content_tree import tree_blocks, tree_bytes
from node.failure import Refused, Usage
from node.output import live_line, print_fields, print_json, print_table, progress, utc
from node.query.store_forms import GRACE_S, MAX_AGE_S, Collection, PinForm, Verification
from storage.content_pin import MAX_PIN_NAME, Pin, PinKind

app = App(name="content", help="Add content to a node's store, pin it, list it, verify it, …")
app.command(fetch)

AdminToken = Annotated[
    Path | None,
    Parameter(
        name="--admin-token-file",
        help="File with the node's admin token, which a node on another machine asks for.",
    ),
]


@app.command
async def add(
    path: Path,
    *,
    name: str | None = None,
    profile: str = KUBO.name,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Store a file or folder on a node and pin it there, without registering it on the chain.

    A folder leaves out names that begin with a dot; links are refused. If it is interrupted, run
    it again: blocks that the node has are not sent again.

    Parameters
    ----------
    path
        The file or folder.
    name
        What the pin is called; else the name of the file or folder.
    profile
        How files are cut into blocks: kubo-cidv1-256k-174 or unixfs-v1-2025.
    """
    chosen = argument("--profile", profile_named, profile)
    place = await trio.Path(path).resolve()
    form = _form(PinKind.USER, place.name[:MAX_PIN_NAME] if name is None else name)
    root, size = await trio.to_thread.run_sync(_measure, path, chosen)
    async with options.client(admin_token_file) as client:
        report = _reporter(size)
        pin_ = await upload_and_pin(
            client,
            root,
            form,
            lambda: upload_blocks(client, path, tree_blocks(path, chosen), root, report),
        )
    progress("")
    _show({"cid": str(root), "name": pin_.name, "size_bytes": size}, as_json=json)


def _measure(path: Path, profile: Profile) -> tuple[Cid, int]:
    """The root and the bytes of content of a file or folder, before anything of it is sent."""
    size = tree_bytes(path)
    for cid, _ in tree_blocks(path, profile):
        root = cid
    return root, size


@app.command(name="list")
async def list_(
    *,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List what is pinned: by users of the node, and what is registered on the chain."""
    async with options.client(admin_token_file) as client:
        pins = [pin_ async for pin_ in client.pins()]
    if json:
        found: list[Json] = [pin_.to_json() for pin_ in pins]
        print_json(found)
        return
    rows = [(pin_.cid, pin_.kind, utc(pin_.time_ms), pin_.name) for pin_ in pins]
    print_table(("CID", "KIND", "SINCE", "NAME"), rows)


@app.command
async def pin(
    cid: str,
    *,
    name: str = "",
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Keep content with all below it, until it is unpinned; what is not here is fetched first.

    If it is interrupted, run it again: it goes on where it was.

    Parameters
    ----------
    cid
        The content id of a file, a folder or any block.
    name
        What the pin is called.
    """
    root, form = argument("CID", parse_cid, cid), _form(PinKind.USER, name)
    async with options.client(admin_token_file) as client:
        pinned = await upload_and_pin(client, root, form, lambda: _fetch(client, root))
    progress("")
    _show_pin(pinned, as_json=json)


async def _fetch(client: Client, root: Cid) -> None:
    """Have the node fetch all below a root."""
    done = 0
    while missing := (await client.stored_root(root)).missing:
        for cid in missing:
            await client.fetch_block(cid)
            done += 1
            live_line(f"{done} blocks fetched")
        if await client.has_block(missing[0]):
            continue
        raise Refused("the node has no room to keep it", field=str(root), code="content-store-full")


@app.command
async def unpin(
    cid: str,
    *,
    kind: PinKind = PinKind.USER,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Let go of content; `reelect content gc` then removes what nothing else holds.

    Parameters
    ----------
    cid
        The content id that is pinned.
    kind
        Which pin: that of a user of this node, that of what was published here (chain), or that of
        what fell to this node as a replica.
    """
    root = argument("CID", parse_cid, cid)
    async with options.client(admin_token_file) as client:
        answer = await client.unpin(root, kind)
    _show({"cid": cid, "references": answer.references}, as_json=json)


@app.command
async def stat(
    cid: str | None = None,
    *,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show how much a node stores, or what holds a block and what of it is missing.

    Parameters
    ----------
    cid
        The content id of a file, a folder or any block.
    """
    async with options.client(admin_token_file) as client:
        if cid is None:
            _show((await client.store()).to_json(), as_json=json)
            return
        answer = await client.stored_root(argument("CID", parse_cid, cid))
    form = answer.to_json()
    if json:
        print_json(form)
        return
    form["pins"] = [f"{pin_.kind} {pin_.name}".rstrip() for pin_ in answer.pins]
    form["missing"] = f"{len(answer.missing)} blocks or more" if answer.missing else "nothing"
    print_fields(form)


@app.command
async def verify(
    *,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Read every stored block and compare it with its id; exit with 1 if some were lost.

    Corrupt blocks are removed, so that they are fetched again.
    """
    blocks = size = 0
    lost: list[str] = []
    async with options.client(admin_token_file) as client:
        after: Cid | None = None
        while True:
            done = await client.verify(Verification(after))
            blocks, size = blocks + done.blocks, size + done.size_bytes
            lost.extend(map(str, done.lost))
            live_line(f"{blocks} blocks, {size} bytes")
            if (after := done.next) is None:
                break
    progress("")
    _show({"blocks": blocks, "size_bytes": size, "lost": lost}, as_json=json)
    if lost:
        raise Refused(
            f"{len(lost)} blocks were corrupt or gone: pin their roots again to fetch them",
            code="content-lost",
        )


@app.command
async def gc(
    *,
    target_bytes: int = 0,
    min_age_s: int = GRACE_S,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Remove blocks that no pin holds, the oldest first. It may be stopped at any moment.

    Parameters
    ----------
    target_bytes
        Stop once the store takes no more than this.
    min_age_s
        Spare what was added later than so many seconds ago: it may belong to what is still being
        added or fetched. What was unpinned has no age.
    """
    _check_within("--target-bytes", target_bytes, JSON_INTEGER_MAX)
    _check_within("--min-age-s", min_age_s, MAX_AGE_S)
    blocks, size, start = 0, 0, 0
    async with options.client(admin_token_file) as client:
        while True:
            done = await client.collect(Collection(target_bytes, min_age_s, start))
            blocks, size = blocks + done.blocks, size + done.size_bytes
            live_line(f"{blocks} blocks, {size} bytes removed")
            if done.next is None:
                break
            start = done.next
    progress("")
    _show({"removed_blocks": blocks, "removed_bytes": size}, as_json=json)


@app.command
async def export(
    cid: str,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Write content with all below it to a CAR file, which any IPFS program reads.

    Parameters
    ----------
    cid
        The content id of a file, a folder or any block.
    output
        The file to write; it must not exist.
    """
    root = argument("CID", parse_cid, cid)
    async with options.client() as client:
        size = await export_car(client, root, output, _reporter(None))
    progress("")
    _show({"cid": cid, "file": str(output), "size_bytes": size}, as_json=json)


@app.command(name="import")
async def import_(
    file: Path,
    *,
    name: str | None = None,
    admin_token_file: AdminToken = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Store the blocks of a CAR file on a node and pin its roots, if all below them is there.

    If it is interrupted, run it again: blocks that the node has are not sent again.

    Parameters
    ----------
    file
        A CAR of version 1.
    name
        What the pins are called; else the file's name.
    """
    form = _form(PinKind.USER, file.name[:MAX_PIN_NAME] if name is None else name)
    report = _reporter((await trio.Path(file).stat()).st_size)
    async with options.client(admin_token_file) as client:
        roots = await import_car(client, file, report)
        await pin_together(client, roots, form)
    progress("")
    _show({"roots": [str(root) for root in roots], "name": form.name}, as_json=json)


def _check_within(option: str, value: int, maximum: int) -> None:
    if not 0 <= value <= maximum:
        raise Usage(f"{value} is not within 0 to {maximum}", field=option)


def _form(kind: PinKind, name: str) -> PinForm:
    with _naming_option("--name"):
        form = PinForm(kind.value, name)
        form.encode()
    return form


@contextmanager
def _naming_option(option: str) -> Iterator[None]:
    try:
        yield
    except Invalid as error:
        raise Usage(error.message, field=option, code=error.code) from error


def _show_pin(pin_: Pin, *, as_json: bool) -> None:
    _show({"cid": str(pin_.cid), "kind": pin_.kind, "name": pin_.name}, as_json=as_json)


def _show(fields: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


def _reporter(size: int | None) -> Report:
    """A line on the terminal with the bytes done, and the share of `size` if that is known."""

    def report(done: int) -> None:
        share = f" of {size} bytes, {100 * done // size} %" if size else " bytes"
        live_line(f"{done}{share}")

    return report
