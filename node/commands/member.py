"""`reelect member`: the bodies that decide, and who is in them."""

from cyclopts import App

from consensus.address import format_address
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.governance import read_alternates, read_bodies, read_body, read_members
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.gov import body_in_words

app = App(name="member", help="Show the bodies that decide, and who is in them.")


@app.command
async def bodies(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List the bodies, and how each is made up."""
    async with options.client() as client:
        found = await read_bodies(client, Finality.FINAL)
    if json:
        print_json([{"body": name, **body.to_json()} for name, body in found.items()])
        return
    rows = [(name, body_in_words(body)) for name, body in found.items()]
    print_table(("BODY", "MADE UP OF"), rows)


@app.command(name="list")
async def list_(
    body: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the members of a body, how many votes in a row each has missed, and the alternates.

    Parameters
    ----------
    body
        Its name, as `reelect member bodies` shows it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        row = await read_body(client, body, finality)
        members = await read_members(client, body, finality)
        alternates = [format_address(a) for a in await read_alternates(client, body, finality)]
    if json:
        print_json(
            {
                "body": body,
                "members": [
                    {"account": format_address(account), **member.to_json()}
                    for account, member in members.items()
                ],
                "alternates": alternates,
            }
        )
        return
    print_fields({"body": body, "made up of": body_in_words(row)})
    print_line("")
    rows = [
        (
            format_address(account),
            member.height,
            utc(member.until_ms) if member.until_ms else "for good",
            member.missed,
        )
        for account, member in members.items()
    ]
    print_table(("MEMBER", "SINCE BLOCK", "UNTIL", "MISSED"), rows)
    for i, account in enumerate(alternates, 1):
        print_line(f"alternate {i}: {account}")
