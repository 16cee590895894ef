"""`reelect referral`: what creators share with who brings them spenders (T6)."""

from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import Json
from node.amounts import format_percent, parse_percent
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    find_account,
    known_assets,
    own_account,
)
from node.commands.copied_state import copy_rows, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_fields, print_json, print_line, print_table
from node.query.chain_view import Finality
from vm.modules.referral import BROUGHT, NO_TERMS, TERMS, SetTerms, Terms

app = App(name="referral", help="What of gifts and tips goes to who shared the link.")


@app.command
async def terms(
    *,
    sharer: str = "0%",
    team: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    team_part: str = "0%",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Set what part of the gifts and tips that you get through a share link goes to who shared it;
    without options nothing does any more. A video's price has terms of its own
    (`reelect video offer`).

    Parameters
    ----------
    sharer
        The part, such as 10%, for any single sharer.
    team
        A distribution team, by address, @handle or name; can be repeated, at most 16.
    team_part
        The part, such as 20%, for these teams.
    """
    shares = (
        argument("--sharer", parse_percent, sharer),
        argument("--team-part", parse_percent, team_part),
    )
    async with options.client() as client:
        section = options.section
        teams = {await find_account(client, section, name, "--team") for name in team}
        action = SetTerms(*shares, tuple(sorted(teams)))
        await send(client, options, [action], as_json=json)


@app.command
async def show(
    creator: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show the terms of a creator.

    Parameters
    ----------
    creator
        Its address, @handle or name; else `client.account`.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = format_address(await own_account(client, options.section, creator, "CREATOR"))
        answer = await client.row(TERMS.name, who, finality=finality)
    found = NO_TERMS if answer is None else Terms.from_json(answer.item.row)
    if json:
        print_json({"creator": who, **found.to_json()})
        return
    print_fields(
        {
            "creator": who,
            "sharers get": format_percent(found.sharer_ppm),
            "teams get": format_percent(found.team_ppm),
            "teams": [format_address(each) for each in found.teams],
        }
    )


@app.command
async def brought(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what was spent through an account's links, after the platform's fee, and what it earned
    by that.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = format_address(await own_account(client, options.section, account, "ACCOUNT"))
        state = no_rows()
        await copy_rows(client, state, BROUGHT, who, finality=finality)
        rows = [(asset, row) for (_, asset), row in BROUGHT.every(state)]
        assets = await known_assets(client, (asset for asset, _ in rows))
    if json:
        found: list[Json] = [{"asset": asset, **row.to_json()} for asset, row in rows]
        print_json({"referrer": who, "assets": found})
        return
    if not rows:
        print_line("Nothing was spent through the account's links yet.")
        return
    print_table(
        ("PAYMENTS", "SPENT", "EARNED"),
        (
            (row.payments, *(assets[asset].format(units) for units in (row.units, row.earned)))
            for asset, row in rows
        ),
    )
