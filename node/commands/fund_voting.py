"""`reelect fund propose`, `vote`, `proposals`: how a fund's members decide on investments (K9)."""

from typing import Literal

from cyclopts import App

from consensus.address import format_address
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account, known_asset
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.fund_answers import FundProposalItem
from vm.modules.fund import PAID, PASSED, VOTING, Propose, Vote

app = App(name="fund", help="Token funds: invest by vote, and share what comes back.")


@app.command
async def propose(
    fund: Number,
    to: str,
    amount: str,
    *,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As a member, propose that a fund pays an account. The chain pays and cannot make anybody pay
    back: what the account promises stands in the memo.

    Parameters
    ----------
    fund
        Its number.
    to
        Who is paid: address, @handle or name.
    amount
        How much, in whole tokens of the fund's asset.
    memo
        What for, in up to 256 characters; a content id for more.
    """
    async with options.client() as client:
        item = await client.fund(fund, finality=Finality.HEAD)
        of = await known_asset(client, item.row.terms.asset)
        who = await find_account(client, options.section, to, "TO")
        action = Propose(fund, who, of.parse_positive("AMOUNT", amount), memo)
        await send(client, options, [action], as_json=json)


@app.command
async def vote(
    fund: Number,
    proposal: Number,
    choice: Literal["yes", "no"],
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As a member, vote on a proposal with all one's shares. A vote is final; who leaves before a
    payment takes a yes along.

    Parameters
    ----------
    fund
        Its number.
    proposal
        The proposal's number, as `reelect fund proposals` shows it.
    choice
        yes or no.
    """
    async with options.client() as client:
        await send(client, options, [Vote(fund, proposal, choice)], as_json=json)


@app.command
async def proposals(
    fund: Number,
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List a fund's proposals that are open, or were within 31 days, the oldest first.

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
        listed = client.fund_proposals(fund, most=most, finality=finality)
        found = [each async for each in listed]
    if json:
        print_json({"proposals": [each.to_json() for each in found]})
        return
    if not found:
        print_line(f"Fund {fund} has no proposal; `reelect fund propose {fund}` makes one.")
        return
    print_table(
        ("PROPOSAL", "AMOUNT", "TO", "YES", "NO", "OF SHARES", "STATUS", "MEMO"),
        (
            (
                each.proposal,
                of.format(each.row.units),
                format_address(each.row.to),
                of.format(each.row.yes),
                of.format(each.row.no),
                of.format(each.row.shares),
                _status(each, of.format(each.row.paid_units)),
                each.row.memo,
            )
            for each in found
        ),
    )


def _status(item: FundProposalItem, paid: str) -> str:
    """How far a proposal is, in words."""
    row = item.row
    if row.status == VOTING:
        would = "would pass" if item.passes else "would not pass"
        return f"voting until {utc(row.due_ms)}, {would}"
    if row.status == PASSED:
        return f"passed, paid at {utc(row.due_ms)}"
    return f"paid {paid}" if row.status == PAID else row.status
