"""`reelect member`: the bodies that decide, who is in them, and proposals that change it."""

from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_accounts
from node.commands.governance import read_alternates, read_bodies, read_body, read_members
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose_all
from node.commands.sending import NO_SEND_OPTIONS, SendOptions
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.gov import Admit, Dismiss, NameAlternates, Replace, body_in_words

app = App(name="member", help="The bodies that decide: who is in them, comes, and goes.")


Accounts = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]


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


@app.command
async def admit(
    body: str,
    accounts: Accounts,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to admit accounts to a body, all or none. Places that members left are the
    alternates', where the body can have any.

    Parameters
    ----------
    body
        Its name, as `reelect member bodies` shows it.
    accounts
        Their addresses, @handles or names; 8 at most.
    """
    async with options.client() as client:
        actions = [
            Admit(body, who)
            for who in await find_accounts(client, options.section, accounts, "ACCOUNT")
        ]
        await propose_all(client, options, proposal, actions, as_json=json)


@app.command
async def dismiss(
    body: str,
    account: str,
    *,
    barred_s: int = 0,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to dismiss a member; the next alternate, if there is one, takes the place at once.

    Parameters
    ----------
    body
        Its name, as `reelect member bodies` shows it.
    account
        The member's address, @handle or name.
    barred_s
        For how many seconds it cannot come back.
    """
    async with options.client() as client:
        (who,) = await find_accounts(client, options.section, [account], "ACCOUNT")
        await propose_all(client, options, proposal, [Dismiss(body, who, barred_s)], as_json=json)


@app.command
async def replace(
    body: str,
    account: str,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to replace a member by the next alternate; without one the member stays.

    Parameters
    ----------
    body
        Its name, as `reelect member bodies` shows it.
    account
        The member's address, @handle or name.
    """
    async with options.client() as client:
        (who,) = await find_accounts(client, options.section, [account], "ACCOUNT")
        await propose_all(client, options, proposal, [Replace(body, who)], as_json=json)


@app.command
async def alternates(
    body: str,
    accounts: Accounts,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose who steps in when members leave, in this order, instead of those named before. Places
    that are vacant are filled at once.

    Parameters
    ----------
    body
        Its name, as `reelect member bodies` shows it.
    accounts
        Their addresses, @handles or names, the next first.
    """
    async with options.client() as client:
        named = tuple(await find_accounts(client, options.section, accounts, "ACCOUNT"))
        await propose_all(client, options, proposal, [NameAlternates(body, named)], as_json=json)


@app.command
async def elect(
    body: str,
    account: str,
    *,
    instead_of: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to dismiss a member and admit another account in its place, both or neither: for
    bodies without alternates, such as an admin.

    Parameters
    ----------
    body
        Its name, as `reelect member bodies` shows it.
    account
        Who comes: its address, @handle or name.
    instead_of
        Who goes.
    """
    async with options.client() as client:
        coming, going = await find_accounts(
            client, options.section, [account, instead_of], "ACCOUNT"
        )
        actions = [Dismiss(body, going, 0), Admit(body, coming)]
        await propose_all(client, options, proposal, actions, as_json=json)
