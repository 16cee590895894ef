"""`reelect fund`: founding, joining and leaving token funds, and what comes back (K9)."""

from typing import Annotated

from cyclopts import Parameter, validators

from consensus.address import format_address
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    known_assets,
)
from node.commands.fund_voting import app
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.fund_answers import FundItem
from vm.modules.fund import (
    LONGEST_S,
    Claim,
    Contribute,
    Found,
    Leave,
    PayIn,
    Terms,
)

WEEK_S = 7 * 86_400

__all__ = ["app"]

Span = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LONGEST_S))]
Percent = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=100))]


@app.command
async def found(
    name: str,
    amount: str,
    *,
    asset: str | None = None,
    least: str = "1",
    deposit: str = "1",
    quorum: Percent = 30,
    gather_s: Span = WEEK_S,
    vote_s: Span = WEEK_S,
    grace_s: Span = WEEK_S,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Found a fund with a first contribution of one's own. Its terms are for good. The chain takes
    a deposit (parameter `fund.founding_units`) until the last member has left.

    Parameters
    ----------
    name
        What people call it.
    amount
        The first contribution, in whole tokens.
    asset
        What the fund holds; else the native asset.
    least
        The least contribution, in whole tokens.
    deposit
        What proposing takes, in whole tokens of the same asset: it comes back if the vote passes,
        else the fund has it.
    quorum
        How many percent of all shares must vote.
    gather_s
        For how many seconds the fund takes contributions, at most 31 days.
    vote_s
        For how many seconds a vote is open.
    grace_s
        For how many seconds after it members can leave before what passed is paid.
    """
    async with options.client() as client:
        of = await known_asset(client, asset)
        terms = Terms(
            asset=of.symbol,
            least_units=of.parse_positive("--least", least),
            until_ms=await head_time_ms(client) + 1000 * gather_s,
            deposit_units=of.parse("--deposit", deposit),
            quorum=quorum,
            vote_s=vote_s,
            grace_s=grace_s,
        )
        action = Found(name, terms, of.parse_positive("AMOUNT", amount))
        await send(client, options, [action], as_json=json)


@app.command
async def contribute(
    fund: Number,
    amount: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Contribute to a fund that still gathers, on the terms that `fund show` tells: each unit
    is a share.

    Parameters
    ----------
    fund
        Its number, as `reelect fund list` shows it.
    amount
        How much, in whole tokens of the fund's asset.
    """
    async with options.client() as client:
        item = await client.fund(fund, finality=Finality.HEAD)
        of = await known_asset(client, item.row.terms.asset)
        action = Contribute(fund, item.row.terms, of.parse_positive("AMOUNT", amount))
        await send(client, options, [action], as_json=json)


@app.command
async def leave(
    fund: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Leave a fund with one's part of what it has to invest and of what came back. What is invested
    stays with the others; votes for proposals that are not paid yet are taken back.

    Parameters
    ----------
    fund
        Its number.
    """
    async with options.client() as client:
        await send(client, options, [Leave(fund)], as_json=json)


@app.command
async def claim(
    fund: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take one's part of what has come back to a fund.

    Parameters
    ----------
    fund
        Its number.
    """
    async with options.client() as client:
        await send(client, options, [Claim(fund)], as_json=json)


@app.command
async def pay_in(
    fund: Number,
    amount: str,
    *,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Pay the members of a fund, by their shares: what an investment has brought. Anybody may.

    Parameters
    ----------
    fund
        Its number.
    amount
        How much, in whole tokens of the fund's asset.
    memo
        What for, in up to 256 characters.
    """
    async with options.client() as client:
        item = await client.fund(fund, finality=Finality.HEAD)
        of = await known_asset(client, item.row.terms.asset)
        action = PayIn(fund, of.parse_positive("AMOUNT", amount), memo)
        await send(client, options, [action], as_json=json)


@app.command(name="list")
async def list_(
    account: str | None = None,
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the funds, the oldest first; or those of an account, and what it has in each.

    Parameters
    ----------
    account
        Address, @handle or name of a member; else all funds.
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    if account is not None:
        await _list_of(account, most, finality, options, as_json=json)
        return
    async with options.client() as client:
        found = [item async for item in client.funds(most=most, finality=finality)]
        assets = await known_assets(client, (item.row.terms.asset for item in found))
    if json:
        print_json({"funds": [item.to_json() for item in found]})
        return
    if not found:
        print_line("There is no fund; `reelect fund found` founds one.")
        return
    heads = ("FUND", "NAME", "MEMBERS", "SHARES", "TO INVEST", "RETURNED", "OPEN", "GATHERS UNTIL")
    print_table(heads, (_row(item, assets[item.row.terms.asset]) for item in found))


@app.command
async def show(
    fund: Number,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a fund: its terms, and what it has.

    Parameters
    ----------
    fund
        Its number, as `reelect fund list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        item = await client.fund(fund, finality=finality)
        of = await known_asset(client, item.row.terms.asset)
    if json:
        print_json(item.to_json())
        return
    row, terms = item.row, item.row.terms
    verb = "takes" if item.gathering else "took"
    fields: dict[str, object] = {
        "fund": fund,
        "name": row.name,
        "founder": format_address(row.founder),
        "members": row.members,
        "shares": of.format(row.shares),
        "to invest": of.format(row.liquid),
        "to be claimed": of.format(item.unclaimed),
        "contributions": f"{verb} {of.format(terms.least_units)} or more until "
        f"{utc(terms.until_ms)}",
        "a proposal takes": f"{of.format(terms.deposit_units)} as a deposit",
        "passes with": f"more yes than no, of {terms.quorum}% of the shares or more",
        "is paid": f"after {terms.vote_s} s of votes and {terms.grace_s} s to leave",
        "open proposals": ", ".join(map(str, row.open)) or "none",
    }
    print_fields(fields)


@app.command
async def members(
    fund: Number,
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the members of a fund: their shares, what they can claim, and what leaving would bring
    beside.

    Parameters
    ----------
    fund
        Its number.
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        item = await client.fund(fund, finality=finality)
        of = await known_asset(client, item.row.terms.asset)
        listed = client.fund_members(fund, most=most, finality=finality)
        found = [each async for each in listed]
    if json:
        print_json({"members": [each.to_json() for each in found]})
        return
    print_table(
        ("MEMBER", "SHARES", "CLAIMED", "TO CLAIM", "TO TAKE BY LEAVING"),
        (
            (
                format_address(each.account),
                of.format(each.row.shares),
                of.format(each.row.claimed),
                of.format(each.claimable),
                of.format(each.liquid),
            )
            for each in found
        ),
    )


async def _list_of(
    account: str, most: int, finality: Finality, options: NodeOptions, *, as_json: bool
) -> None:
    async with options.client() as client:
        member = await find_account(client, options.section, account, "ACCOUNT")
        found = [item async for item in client.funds_of(member, most=most, finality=finality)]
        assets = await known_assets(client, (item.of.row.terms.asset for item in found))
    if as_json:
        print_json({"funds": [item.to_json() for item in found]})
        return
    if not found:
        print_line("The account is in no fund; `reelect fund list` shows which gather.")
        return
    print_table(
        ("FUND", "NAME", "SHARES", "CLAIMED", "TO CLAIM", "TO TAKE BY LEAVING"),
        (
            (
                item.of.fund,
                item.of.row.name,
                assets[item.of.row.terms.asset].format(item.own.row.shares),
                assets[item.of.row.terms.asset].format(item.own.row.claimed),
                assets[item.of.row.terms.asset].format(item.own.claimable),
                assets[item.of.row.terms.asset].format(item.own.liquid),
            )
            for item in found
        ),
    )


def _row(item: FundItem, of: KnownAsset) -> tuple[object, ...]:
    row = item.row
    return (
        item.fund,
        row.name,
        row.members,
        of.format(row.shares),
        of.format(row.liquid),
        of.format(row.returned),
        len(row.open),
        utc(row.terms.until_ms) if item.gathering else "over",
    )
