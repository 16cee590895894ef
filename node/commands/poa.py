"""`reelect poa`: proof of activity: what being active has earned, and how spaces divide it (T8)."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import Json
from node.amounts import format_amount, format_percent, parse_percent
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, known_asset, own_account
from node.commands.copied_state import copy_row, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table
from node.query.activity_answers import AccountDay
from node.query.chain_view import Finality
from vm.modules.activity import CREATOR_PPM, DIVISIONS, MOST_CREATOR_PPM, creator_ppm
from vm.modules.poa import MOST_DAYS, Claim, Divide
from vm.parameter import PARTS_PER_MILLION, VALUES

_PPM_DIGITS = 6

app = App(name="poa", help="Proof of activity: what being active has earned; claim it.")


@app.command
async def show(
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what the pool of proof of activity holds, how it is shared, and how far today's
    activity is from what a team must reach.

    Parameters
    ----------
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        answer = await client.activity(finality=finality)
        native = await known_asset(client)
    if json:
        print_json(
            {
                "day": answer.day,
                "pool": str(answer.poa_pool),
                "is_team": answer.is_team,
                "active_accounts": answer.totals.active_accounts,
                "roots": str(answer.totals.roots),
                "target": str(answer.target),
            }
        )
        return
    roots = format_amount(answer.totals.roots, _PPM_DIGITS)
    how = "in proportion to the roots of what each has done"
    if answer.is_team:
        how = "equally, if the sum of roots reaches the target; else it rolls over"
    print_fields(
        {
            "day": answer.day,
            "pool": f"{native.format(answer.poa_pool)}, and "
            f"{format_percent(answer.rules.poa_ppm)} of the day's reward pool",
            "is shared": how,
            "active accounts": answer.totals.active_accounts,
            "sum of roots": f"{roots} (V)",
            "target": f"{format_amount(answer.target, _PPM_DIGITS)} (V*)"
            if answer.is_team
            else "none",
        }
    )


@app.command(name="list")
async def list_(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the days on which an account was active and of which it has claimed nothing: what it can
    claim, and what the creators get at whose videos it was.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        answer = await client.account_activity(who, finality=finality)
        native = await known_asset(client)
    if json:
        items: list[Json] = [item.to_json() for item in answer.days]
        print_json({"account": format_address(who), "days": items})
        return
    if not answer.days:
        print_line(f"{format_address(who)} has done nothing of which it has not claimed all.")
        return
    print_table(
        ("DAY", "GETS", "ITS CREATORS GET"),
        [
            (
                item.day if item.is_over else f"{item.day} (today)",
                native.format(item.units) if item.units or item.to_creators else _nothing(item),
                native.format(item.to_creators),
            )
            for item in answer.days
        ],
    )


def _nothing(item: AccountDay) -> str:
    return "nothing: the target was missed" if item.is_over else "not over yet"


@app.command
async def claim(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Take what the account that sends (--from) has earned by being active on days that are over.
    The creators at whose videos it was get their parts. What is not claimed in time
    (`activity.keep_days`) goes back to the pool."""
    async with options.client() as client:
        sender = await options.sender(client)
        answer = await client.account_activity(sender, finality=Finality.HEAD)
        days = [item for item in answer.days if item.units or item.to_creators][:MOST_DAYS]
        if not days:
            raise Refused(
                "the account has earned nothing that can be claimed now; see reelect poa list",
                field="--from",
                code="poa.nothing-earned",
            )
        native = await known_asset(client)
        units = sum(item.units for item in days)
        gets: Json = str(units) if json else native.format(units)
        action = Claim(tuple(item.day for item in days))
        await send(client, options, [action], as_json=json, about={"gets": gets})


@app.command
async def divide(
    space: str,
    percent: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Set what the owner of a space, who sends (--from), gets of the reward that others earn by
    being active at videos in it. It holds for what is done from now on.

    Parameters
    ----------
    space
        The name of the space.
    percent
        The owner's part, such as 25%; the rest is of who is active.
    """
    action = Divide(space, argument("PERCENT", parse_percent, percent))
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


@app.command
async def division(
    space: str,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what the owner of a space gets of the reward that others earn at videos in it.

    Parameters
    ----------
    space
        The name of the space.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        owner = (await client.space(space, finality=finality)).item.space.owner
        state = no_rows()
        await copy_row(client, state, DIVISIONS, space, finality=finality)
        for each in (CREATOR_PPM, MOST_CREATOR_PPM):
            await copy_row(client, state, VALUES, each.name, finality=finality)
    ppm, is_set = creator_ppm(state, space), DIVISIONS.get(state, space) is not None
    if json:
        print_json({"space": space, "creator_ppm": ppm, "is_set": is_set})
        return
    print_fields(
        {
            "space": space,
            "owner": format_address(owner),
            "owner gets": f"{format_percent(ppm)}, {'as it has set' if is_set else 'as all do'}",
            "who is active gets": format_percent(PARTS_PER_MILLION - ppm),
        }
    )
