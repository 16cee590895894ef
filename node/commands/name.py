"""`reelect name`: what `space/name` stands for."""

from cyclopts import App

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.errors import Invalid, InvalidEncoding
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_fields, print_json
from node.query.chain_view import Finality
from vm.modules.content import Place, SetName

app = App(name="name", help="What a name in a space stands for: resolve, set, remove.")


def parse_place(text: str) -> Place:
    """The name that `space/name` spells; raises InvalidEncoding."""
    space, slash, name = text.partition("/")
    if not slash:
        raise InvalidEncoding(f"space/name is expected, got {text[:80]!r}")
    try:
        return Place.from_json({"space": space, "name": name})
    except Invalid as error:
        raise InvalidEncoding(f"{error.field}: {error.message}") from None


@app.command
async def resolve(
    name: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Print the newest version of the video that a name stands for. `reelect light query name` does
    so without believing the node.

    Parameters
    ----------
    name
        Written space/name.
    finality
        Read the final state, or that of the head, which may still change.
    """
    place = argument("NAME", parse_place, name)
    async with options.client() as client:
        answer = await client.resolve(place.space, place.name, finality=finality)
    if json:
        print_json(answer.to_json())
        return
    item = answer.item
    print_fields(
        {
            "name": name,
            "cid": str(item.cid),
            "version": item.video.number,
            "title": item.video.title,
            "owner": format_address(item.owner),
            "taken down": "no" if item.taken_down is None else item.taken_down.reason,
            "at height": answer.at.height,
        }
    )


@app.command(name="set")
async def set_(
    name: str, cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Let a name in a space of the account that sends (--from) stand for a video of its, whatever
    it stood for before.

    Parameters
    ----------
    name
        Written space/name.
    cid
        The content id of any version of the video: the name resolves to the newest.
    """
    place, video = argument("NAME", parse_place, name), argument("CID", parse_cid, cid)
    async with options.client() as client:
        action = SetName(place.space, place.name, video)
        await send(client, options, [action], as_json=json)


@app.command
async def remove(
    name: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take a name out of a space of the account that sends (--from).

    Parameters
    ----------
    name
        Written space/name.
    """
    place = argument("NAME", parse_place, name)
    async with options.client() as client:
        action = SetName(place.space, place.name, None)
        await send(client, options, [action], as_json=json)
