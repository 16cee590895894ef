"""`reelect space`: rooms of accounts, in channels, in which videos have names."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import Json, JsonObject
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Usage
from node.output import print_fields, print_json, print_table
from node.query.answers import NameItem, SpaceItem
from node.query.chain_view import Finality
from vm.modules.account import HANDLE_TEXT
from vm.modules.content import AcceptSpace, CreateSpace, TransferSpace, UpdateSpace

app = App(name="space", help="Rooms in which videos have names: create, look at, hand on.")


@app.command
async def create(
    space: str,
    *,
    channel: str,
    title: str,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Create a space of the account that sends (--from). It costs what a handle of as many letters
    does, burned.

    Parameters
    ----------
    space
        Its name, which no other has: 3 to 32 lower-case letters, digits and single hyphens.
    channel
        The channel that it is in, written like a name.
    title
        Its title.
    """
    action = CreateSpace(space, channel, title)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


@app.command(name="list")
async def list_(
    *,
    owner: str | None = None,
    channel: str | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List spaces by name.

    Parameters
    ----------
    owner
        Only those of this account: its address, @handle or name.
    channel
        Only those in this channel.
    """
    if owner is not None and channel is not None:
        raise Usage("not beside --owner: give one of them", field="--channel")
    if channel is not None:
        argument("--channel", HANDLE_TEXT.from_json, channel)
    async with options.client() as client:
        account = None
        if owner is not None:
            account = await find_account(client, options.section, owner, "--owner")
        items = [item async for item in client.spaces(account, channel)]
    if json:
        found: list[Json] = [item.to_json() for item in items]
        print_json(found)
        return
    rows = [
        (item.name, item.space.channel, item.space.title, format_address(item.space.owner))
        for item in items
    ]
    print_table(("SPACE", "CHANNEL", "TITLE", "OWNER"), rows)


@app.command
async def show(
    space: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a space, and the names in it with what each resolves to.

    Parameters
    ----------
    space
        Its name.
    finality
        Read the final state, or that of the head, which may still change.
    """
    argument("SPACE", HANDLE_TEXT.from_json, space)
    async with options.client() as client:
        item = (await client.space(space, finality=finality)).item
        names = [name async for name in client.names(space, finality=finality)]
    if json:
        print_json({**item.to_json(), "names": [name.to_json() for name in names]})
        return
    print_fields(_fields(item))
    print_table(("NAME", "NEWEST VERSION"), [(name.name, _newest(name)) for name in names])


def _fields(item: SpaceItem) -> JsonObject:
    space = item.space
    return {
        "space": item.name,
        "channel": space.channel,
        "title": space.title,
        "owner": format_address(space.owner),
        "offered to": "nobody" if space.offered_to is None else format_address(space.offered_to),
        "created at height": space.height,
    }


def _newest(name: NameItem) -> str:
    return "(rests: the video has another owner)" if name.cid is None else str(name.cid)


@app.command
async def update(
    space: str,
    *,
    channel: str | None = None,
    title: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Give a space of the account that sends (--from) another channel or title.

    Parameters
    ----------
    space
        Its name.
    channel
        The channel that it shall be in.
    title
        Its new title.
    """
    argument("SPACE", HANDLE_TEXT.from_json, space)
    async with options.client() as client:
        row = (await client.space(space, finality=Finality.HEAD)).item.space
        action = UpdateSpace(space, channel or row.channel, title or row.title)
        await send(client, options, [action], as_json=json)


@app.command
async def transfer(
    space: str,
    to: str | None = None,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Offer a space of the account that sends (--from) to another, which owns it once it accepts
    (`reelect space accept`). Names in it rest unless their videos go there, too.

    Parameters
    ----------
    space
        Its name.
    to
        Address, @handle or name of the account; without it an offer is taken back.
    """
    argument("SPACE", HANDLE_TEXT.from_json, space)
    async with options.client() as client:
        account = None
        if to is not None:
            account = await find_account(client, options.section, to, "TO")
        await send(client, options, [TransferSpace(space, account)], as_json=json)


@app.command
async def accept(
    space: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Accept a space that is offered to the account that sends (--from).

    Parameters
    ----------
    space
        Its name.
    """
    action = AcceptSpace(space)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)
