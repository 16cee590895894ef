"""`reelect stipend`: so much a month, released to those who meet that month's assessment (K1)."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address, parse_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, Most
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    find_accounts,
    known_asset,
    known_assets,
)
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose_all
from node.commands.rows import read_row
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table
from node.query.chain_view import Finality
from vm.declare import Action
from vm.modules.gov.tables import MAX_PROPOSED
from vm.modules.stipends import (
    MOST_NAMED,
    NO_MONTH,
    NOT_LISTED,
    PROGRAMMES,
    RECIPIENTS,
    UNKNOWN,
    Assess,
    Claim,
    Enlist,
    Programme,
    Recipient,
    Remove,
    is_due,
)

app = App(name="stipend", help="So much a month for those who meet its assessment; claim it.")

Accounts = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]


@app.command(name="list")
async def list_(
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the programmes: what each pays a month, for how long, and from which pot.

    Parameters
    ----------
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await _programmes(client, finality)
        assets = await known_assets(client, {terms.asset for terms in found.values()})
    if json:
        print_json(
            {"programmes": [{"programme": name, **row.to_json()} for name, row in found.items()]}
        )
    elif not found:
        print_line("there is no programme: a proposal opens one (stipends.open)")
    else:
        print_table(
            ("PROGRAMME", "A MONTH", "MONTHS", "POT", "WHAT IS DROPPED GOES TO"),
            (
                (name, assets[row.asset].format(row.units), row.months, row.pot, row.dropped_to)
                for name, row in found.items()
            ),
        )


@app.command
async def show(
    programme: str,
    account: str | None = None,
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a programme's recipients: how many of each one's months are over and wait for a
    decision, are released, deferred, dropped and to come, and what it can claim.

    Parameters
    ----------
    programme
        Its name, as `reelect stipend list` shows it.
    account
        One recipient only, month by month: its address, @handle or name.
    most
        How many recipients.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        terms = await _programme(client, programme, finality)
        asset = await known_asset(client, terms.asset)
        day = (await client.economy(finality=finality)).day
        if account is not None:
            who = await find_account(client, options.section, account, "ACCOUNT")
            row = await _recipient(client, programme, who, finality)
            found = {who: row}
        else:
            rows = await client.first_rows(RECIPIENTS.name, programme, most=most, finality=finality)
            found = {
                parse_address(str(each.key["account"])): Recipient.from_json(each.row)
                for each in rows
            }
    if json:
        print_json(
            {
                "programme": programme,
                **terms.to_json(),
                "recipients": [_to_json(who, row, day) for who, row in found.items()],
            }
        )
        return
    print_fields(
        {
            "programme": programme,
            "a month": asset.format(terms.units),
            "months": terms.months,
            "pot": terms.pot,
            "what is dropped goes to": terms.dropped_to,
        }
    )
    print_line("")
    if not found:
        print_line("no recipient yet: `reelect stipend enlist` proposes some")
    elif account is None:
        _print_recipients(found, day, asset)
    else:
        (row,) = found.values()
        print_table(("MONTH", "OVER ON DAY", "PAY"), _months(row, day))
        print_line(f"{asset.format(row.claimable)} can be claimed")


def _print_recipients(found: Mapping[bytes, Recipient], day: int, asset: KnownAsset) -> None:
    print_table(
        ("RECIPIENT", "DUE", "RELEASED", "DEFERRED", "DROPPED", "TO COME", "CAN CLAIM"),
        (
            (format_address(who), *_counts(row, day), asset.format(row.claimable))
            for who, row in found.items()
        ),
    )


@app.command
async def claim(
    programme: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Claim what a programme has released to the account that sends (--from).

    Parameters
    ----------
    programme
        Its name, as `reelect stipend list` shows it.
    """
    async with options.client() as client:
        action = Claim(programme)
        await send(client, options, [action], as_json=json)


@app.command
async def enlist(
    programme: str,
    accounts: Accounts,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to make accounts recipients: their months begin when it is carried out.

    Parameters
    ----------
    programme
        Its name, as `reelect stipend list` shows it.
    accounts
        Their addresses, @handles or names.
    """
    async with options.client() as client:
        named = await find_accounts(client, options.section, accounts, "ACCOUNTS")
        actions = [Enlist(programme, each) for each in _batches(named)]
        await propose_all(client, options, proposal, actions, as_json=json)


@app.command
async def remove(
    programme: str,
    accounts: Accounts,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to drop all pay of recipients that is not decided on, also that of months to come.

    Parameters
    ----------
    programme
        Its name, as `reelect stipend list` shows it.
    accounts
        Their addresses, @handles or names.
    """
    async with options.client() as client:
        named = await find_accounts(client, options.section, accounts, "ACCOUNTS")
        actions = [Remove(programme, each) for each in _batches(named)]
        await propose_all(client, options, proposal, actions, as_json=json)


@app.command
async def assess(
    programme: str,
    month: int,
    *,
    defer: Accounts = (),
    drop: Accounts = (),
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose what becomes of a month: release it to all for whom it is over and not decided on,
    but for those who are named here. A proposal is for 512 recipients; run it again for more.

    Parameters
    ----------
    programme
        Its name, as `reelect stipend list` shows it.
    month
        The month, counted from 1 for each recipient from its enlistment on.
    defer
        Whose pay waits for another decision: addresses, @handles or names; can be repeated.
    drop
        Whose pay is dropped for good; can be repeated.
    """
    async with options.client() as client:
        terms = await _programme(client, programme, Finality.HEAD)
        if not 1 <= month <= terms.months:
            raise Usage(
                f"{programme} has months 1 to {terms.months}", field="MONTH", code=NO_MONTH.code
            )
        outcomes = {
            "deferred": await find_accounts(client, options.section, defer, "--defer"),
            "dropped": await find_accounts(client, options.section, drop, "--drop"),
        }
        due = await _due(client, programme, month)
        _check_due(due, outcomes)
        kept = {account for named in outcomes.values() for account in named}
        released = [account for account in due if account not in kept]
        actions = _assessments(programme, month, released, outcomes)
        await propose_all(client, options, proposal, actions, as_json=json)


def _check_due(due: Sequence[bytes], outcomes: Mapping[str, Sequence[bytes]]) -> None:
    if not due:
        raise Refused("nobody's month of this number is over and not decided on", code="not-found")
    for option, name in (("--defer", "deferred"), ("--drop", "dropped")):
        for account in outcomes[name]:
            if account not in due:
                raise Usage(
                    f"{format_address(account)} is no recipient whose month is over and not "
                    "decided on",
                    field=option,
                )
    if twice := set(outcomes["deferred"]) & set(outcomes["dropped"]):
        raise Usage(f"{format_address(min(twice))} is deferred, too", field="--drop")


def _assessments(
    programme: str, month: int, released: Sequence[bytes], outcomes: Mapping[str, Sequence[bytes]]
) -> list[Action]:
    """As many actions as a proposal can have; who is named comes first."""
    lists = [
        _batches(accounts) for accounts in (released, outcomes["deferred"], outcomes["dropped"])
    ]
    count = min(MAX_PROPOSED, max(len(each) for each in lists))
    return [
        Assess(programme, month, *(each[i] if i < len(each) else () for each in lists))
        for i in range(count)
    ]


def _batches(accounts: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """As many of them as one action can name, and again."""
    starts = range(0, len(accounts), MOST_NAMED)
    return [tuple(accounts[start : start + MOST_NAMED]) for start in starts]


async def _programmes(client: Client, finality: Finality) -> dict[str, Programme]:
    return {
        str(item.key["programme"]): Programme.from_json(item.row)
        async for item in client.rows(PROGRAMMES.name, finality=finality)
    }


async def _programme(client: Client, name: str, finality: Finality) -> Programme:
    found = await _programmes(client, finality)
    if name not in found:
        known = ", ".join(found) or "none"
        raise Refused(
            f"there is no programme {name[:40]}; there are: {known}",
            field="PROGRAMME",
            code=UNKNOWN.code,
        )
    return found[name]


async def _recipient(
    client: Client, programme: str, account: bytes, finality: Finality
) -> Recipient:
    row = await read_row(client, RECIPIENTS, programme, format_address(account), finality=finality)
    if row is None:
        raise Refused(
            f"the account is no recipient of {programme}", field="ACCOUNT", code=NOT_LISTED.code
        )
    return row


async def _due(client: Client, programme: str, month: int) -> list[bytes]:
    """The recipients whose month is over and not decided on."""
    day = (await client.economy(finality=Finality.HEAD)).day
    return [
        parse_address(str(item.key["account"]))
        async for item in client.rows(RECIPIENTS.name, programme, finality=Finality.HEAD)
        if is_due(Recipient.from_json(item.row), month, day)
    ]


def _months(row: Recipient, day: int) -> list[tuple[int, int, str]]:
    """Each month of a recipient: its number, when it is over, and what became of its pay."""
    return [
        (month, row.over_on(month), "due" if _waits(row, month, day) else outcome)
        for month, outcome in enumerate(row.months, 1)
    ]


def _waits(row: Recipient, month: int, day: int) -> bool:
    return row.months[month - 1] == "pending" and is_due(row, month, day)


def _counts(row: Recipient, day: int) -> list[int]:
    tally = Tally(pay for _, _, pay in _months(row, day))
    return [tally[pay] for pay in ("due", "released", "deferred", "dropped", "pending")]


def _to_json(account: bytes, row: Recipient, day: int) -> JsonObject:
    due = [month for month, _, pay in _months(row, day) if pay == "due"]
    return {"account": format_address(account), **row.to_json(), "due": list(due)}
